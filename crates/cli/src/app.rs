//! The tree of commands.

use std::{ffi::OsString, path::PathBuf, sync::Arc, time::Duration};

use clap::{Parser, Subcommand};
use tokio::sync::oneshot;

use crate::{
    InPython,
    commands::{
        self, audit, completions, copy, delete, deletions, demo, drop_feature, graph, hold, init,
        list, maintain, migrations, objects, read, resolve, restore, retention, run, scan, serve,
        status, test, token, write,
    },
    context::Context,
    failure::{CliError, Failure, Outcome, fail},
    log,
    printer::{Colour, Printer},
};

const AFTER_HELP: &str = "\
Exit codes:
  0  done              4  blocked by what is listed      8  not supported here
  1  a check failed    5  changed by somebody meanwhile  70 a defect of metalith
  2  invalid request   6  cannot be reached, or no room  130 interrupted
  3  not found         7  stored data is damaged";

/// Keeps the metadata of ML pipelines: which sample came from what, what must be recomputed, what
/// may be deleted.
#[derive(Parser)]
#[command(name = "metalith", version, after_help = AFTER_HELP)]
struct App {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(clap::Args)]
pub(crate) struct Globals {
    /// The project: a folder, or a metalith.toml [default: found from here upwards]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) project: Option<PathBuf>,
    /// The store to use [default: as the project says]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) store: Option<String>,
    /// Who is working, for the log of tables [default: the user]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value = "auto")]
    color: Colour,
    /// Say nothing but data and errors
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new project
    Init(init::Args),
    /// List what a project has
    #[command(subcommand)]
    List(list::Command),
    /// Look at and record the feature graph
    #[command(subcommand)]
    Graph(graph::Command),
    /// Carry samples over when code changes
    #[command(subcommand)]
    Migrations(migrations::Command),
    /// Work with the samples of features
    #[command(subcommand)]
    Metadata(Metadata),
    /// Turn files of a folder or bucket into samples
    Scan(scan::Args),
    /// Run a pipeline: operations over rows, written in YAML
    Run(run::Args),
    /// The runs of pipelines
    Runs(run::RunsArgs),
    /// Test pipelines: scenarios with given rows and expected ones
    Test(test::Args),
    /// Look at deletions
    #[command(subcommand)]
    Deletions(deletions::Command),
    /// Delete objects of samples that are gone, where storage refused before
    Purge(deletions::PurgeArgs),
    /// Keep samples from being deleted
    #[command(subcommand)]
    Hold(hold::Command),
    /// Compare stored objects with what samples name
    #[command(subcommand)]
    Objects(objects::Command),
    /// What has been kept long enough, and what will be next
    Retention(retention::Args),
    /// Look at the log of what was done, and verify it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Compact tables and remove files that nobody needs any more
    Maintain(maintain::Args),
    /// Answer over HTTP: the API, the page, and jobs in the background
    Serve(serve::Args),
    /// Say who may ask a server for what
    #[command(subcommand)]
    Token(token::Command),
    /// See it all at work on real files
    Demo(demo::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

#[derive(Subcommand)]
enum Metadata {
    /// How features stand: samples, new, stale, orphaned, deleted
    Status(status::Args),
    /// Add samples from files
    Write(write::Args),
    /// Read samples
    Read(read::Args),
    /// Find what is new, stale and orphaned
    Resolve(resolve::Args),
    /// Copy features between stores
    Copy(copy::Args),
    /// Remove a feature's table with everything in it
    Drop(drop_feature::Args),
    /// Delete samples: softly, or for good
    Delete(delete::Args),
    /// Bring back what was softly deleted
    Restore(restore::Args),
}

pub(crate) fn run(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    python: Option<InPython>,
) -> u8 {
    let app = match App::try_parse_from(arguments) {
        Ok(app) => app,
        // Help and the version come this way too.
        Err(told) => {
            told.print().ok();
            return u8::try_from(told.exit_code()).unwrap_or(2);
        }
    };
    let serves = matches!(app.command, Command::Serve(_));
    log::start(serves.then_some(tracing::Level::INFO));
    let printer = Printer::new(app.globals.json, app.globals.quiet, app.globals.color);
    let context = Arc::new(Context::new(printer, &app.globals, python));
    match start(app.command, &context) {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::CheckFailed) => 1,
        Err(Ended::Failed(failure)) => {
            printer.failure(&failure);
            failure.kind().exit_code()
        }
        Err(Ended::Interrupted) => 130,
    }
}

enum Ended {
    Failed(Failure),
    Interrupted,
}

fn start(command: Command, context: &Arc<Context>) -> Result<Outcome, Ended> {
    if let Command::Completions(args) = command {
        return completions::run(&args, <App as clap::CommandFactory>::command(), context)
            .map_err(Ended::Failed);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Ended::Failed(fail(CliError::Runtime(error))))?;
    if let Command::Serve(args) = command {
        // It ends in order when it is interrupted.
        let ended = runtime.block_on(serve::run(&args, context)).map_err(Ended::Failed);
        runtime.block_on(tidied());
        return ended;
    }
    let ended = runtime.block_on(interruptible(dispatch(command, Arc::clone(context))));
    // Drivers of databases take it ill when the process ends while a thread of ours closes what they
    // opened; but one that waits for a pipe would keep an interrupted process alive.
    runtime.shutdown_timeout(match &ended {
        Err(Ended::Interrupted) => Duration::ZERO,
        Ok(_) | Err(Ended::Failed(_)) => GRACE,
    });
    ended
}

/// How long interrupted work has to clean up behind itself.
const GRACE: Duration = Duration::from_secs(2);
/// How long storage has to forget what was half sent when the work was interrupted.
const TIDYING: Duration = Duration::from_secs(10);

/// Waits until nothing half sent is left in a bucket, unless the user insists.
async fn tidied() {
    tokio::select! {
        _ = tokio::time::timeout(TIDYING, metalith_objects::tidied()) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Does the work on a thread of its own, because it may read a pipe that never ends, and stops
/// waiting for it when the user interrupts. Nothing is committed before it is complete, so
/// dropping the work leaves the store as it was.
async fn interruptible(
    work: impl Future<Output = Result<Outcome, Failure>> + Send + 'static,
) -> Result<Outcome, Ended> {
    let (interrupt, interrupted) = oneshot::channel();
    let mut worker = tokio::spawn(async {
        tokio::select! {
            done = work => done.map_err(Ended::Failed),
            _ = interrupted => Err(Ended::Interrupted),
        }
    });
    let done = tokio::select! {
        done = &mut worker => done,
        _ = tokio::signal::ctrl_c() => {
            interrupt.send(()).ok();
            let ended = tokio::time::timeout(GRACE, worker).await;
            tidied().await;
            match ended {
                Ok(done) => done,
                Err(_) => return Err(Ended::Interrupted),
            }
        }
    };
    done.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(Ended::Interrupted),
    })
}

async fn dispatch(command: Command, context: Arc<Context>) -> Result<Outcome, Failure> {
    let context = context.as_ref();
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::List(command) => list::run(&command, context),
        Command::Graph(command) => graph::run(command, context).await,
        Command::Migrations(command) => migrations::run(command, context).await,
        Command::Metadata(command) => match command {
            Metadata::Status(args) => status::run(&args, context).await,
            Metadata::Write(args) => write::run(&args, context).await,
            Metadata::Read(args) => read::run(&args, context).await,
            Metadata::Resolve(args) => resolve::run(&args, context).await,
            Metadata::Copy(args) => copy::run(&args, context).await,
            Metadata::Drop(args) => drop_feature::run(&args, context).await,
            Metadata::Delete(args) => delete::run(&args, context).await,
            Metadata::Restore(args) => restore::run(&args, context).await,
        },
        Command::Scan(args) => scan::run(&args, context).await,
        Command::Run(args) => run::run(&args, context).await,
        Command::Runs(args) => run::runs(&args, context).await,
        Command::Test(args) => test::run(&args, context).await,
        Command::Deletions(command) => deletions::run(&command, context).await,
        Command::Purge(args) => deletions::purge(&args, context).await,
        Command::Hold(command) => hold::run(&command, context).await,
        Command::Objects(command) => objects::run(&command, context).await,
        Command::Retention(args) => retention::run(&args, context).await,
        Command::Audit(command) => audit::run(&command, context).await,
        Command::Maintain(args) => maintain::run(&args, context).await,
        Command::Token(command) => token::run(&command, context).await,
        Command::Demo(args) => demo::run(&args, context).await,
        Command::Serve(_) | Command::Completions(_) => Ok(commands::nothing()),
    }
}
