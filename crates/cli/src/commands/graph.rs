//! `metalith graph`.

use std::collections::BTreeMap;

use metalith_base::FeatureKey;
use metalith_graph::{
    DrawnDiff, GraphDiff, RenderOptions, render_diff_dot, render_diff_mermaid, render_diff_text,
    render_dot, render_mermaid, render_text,
};
use metalith_lifecycle::snapshots;
use metalith_store::Mode;
use serde_json::{Value, json};

use crate::{
    context::{Context, features},
    failure::{CliError, Failure, Outcome, fail},
    printer::table,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Draw the graph
    Render(Render),
    /// Record the graph in the store
    Push(Push),
    /// List the graphs that were recorded
    #[command(alias = "snapshots")]
    History,
    /// Say what changed between two graphs, and why
    Diff(Diff),
}

#[derive(clap::Args)]
pub(crate) struct Diff {
    /// The older graph: `latest`, the beginning of a version, TAG=VALUE, or `current`
    old: String,
    /// The newer graph
    #[arg(default_value = "current")]
    new: String,
    /// As what to draw it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct Render {
    /// Only these features
    features: Vec<FeatureKey>,
    /// As what to draw
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Show versions
    #[arg(long)]
    versions: bool,
    /// Shorten versions to so many characters; 0 shows them whole
    #[arg(long, default_value_t = 12)]
    version_length: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Mermaid,
    Dot,
}

#[derive(clap::Args)]
pub(crate) struct Push {
    /// Note something with it, e.g. commit=abc123
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    tags: Vec<String>,
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Command::Render(args) => render(args, context),
        Command::Push(args) => push(&args, context).await,
        Command::History => list(context).await,
        Command::Diff(args) => diff(&args, context).await,
    }
}

fn render(args: Render, context: &Context) -> Result<Outcome, Failure> {
    let project = context.project()?;
    let only = match args.features.is_empty() {
        true => None,
        false => Some(features(&project, &args.features)?),
    };
    let options = RenderOptions {
        versions: args.versions,
        version_length: (args.version_length > 0).then_some(args.version_length),
        only,
    };
    let graph = project.graph();
    context.printer.show(graph.to_snapshot(), || match args.format {
        Format::Text => render_text(graph, &options),
        Format::Mermaid => render_mermaid(graph, &options),
        Format::Dot => render_dot(graph, &options),
    })?;
    Ok(Outcome::Done)
}

async fn push(args: &Push, context: &Context) -> Result<Outcome, Failure> {
    let mut tags = BTreeMap::new();
    for tag in &args.tags {
        let Some((name, value)) = tag.split_once('=') else {
            let what = format!("`{tag}` is no tag");
            let hint = "write NAME=VALUE, e.g. `--tag commit=abc123`".to_owned();
            return Err(fail(CliError::Argument { what, hint }));
        };
        tags.insert(name.to_owned(), value.to_owned());
    }
    let (project, store) = context.open(Mode::Write).await?;
    let name = &project.settings().project;
    let pushed = snapshots::push(&store, project.graph(), name, &tags).await.map_err(fail)?;
    let features: Vec<&str> = pushed.features.iter().map(FeatureKey::as_str).collect();
    let json = json!({
        "snapshot_version": pushed.version,
        "already_pushed": features.is_empty(),
        "features": features,
        "tags_left_out": pushed.tags_left_out,
    });
    context.printer.show(json, || match (features.len(), pushed.tags_left_out.join(", ")) {
        (0, tags) if tags.is_empty() => format!("{} was recorded already", pushed.version),
        (0, tags) => format!(
            "{} was recorded already, with other tags: they stay, and not added is {tags}",
            pushed.version
        ),
        (count, _) => format!("recorded {} with {count} features", pushed.version),
    })?;
    Ok(Outcome::Done)
}

async fn diff(args: &Diff, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Read).await?;
    let (name, current) = (&project.settings().project, project.graph());
    let find = |side| snapshots::find_or_current(&store, name, side, current);
    let old = find(args.old.as_str()).await.map_err(fail)?;
    let new = find(args.new.as_str()).await.map_err(fail)?;
    let diff = GraphDiff::between(&old, &new);
    let drawn = DrawnDiff { old: &old, new: &new, diff: &diff };
    context.printer.show(diff.to_json(), || match args.format {
        Format::Text => render_diff_text(&diff),
        Format::Mermaid => render_diff_mermaid(drawn),
        Format::Dot => render_diff_dot(drawn),
    })?;
    Ok(Outcome::Done)
}

async fn list(context: &Context) -> Result<Outcome, Failure> {
    let (_, store) = context.open(Mode::Read).await?;
    let found = snapshots::list(&store).await.map_err(fail)?;
    let json: Vec<Value> = found
        .iter()
        .map(|it| {
            json!({
                "project": it.project,
                "snapshot_version": it.version,
                "recorded_at": it.recorded_at.to_string(),
                "features": it.features,
                "tags": it.tags,
            })
        })
        .collect();
    context.printer.show(json!({"snapshots": json}), || {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|it| {
                let tags: Vec<String> =
                    it.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
                vec![
                    it.version.chars().take(12).collect(),
                    it.recorded_at.to_string(),
                    it.features.to_string(),
                    tags.join(" "),
                ]
            })
            .collect();
        table(&["SNAPSHOT", "RECORDED", "FEATURES", "TAGS"], &rows)
    })?;
    Ok(Outcome::Done)
}
