//! `metalith serve`.

use std::{net::SocketAddr, time::Duration};

use metalith_base::parse_age;
use metalith_registry::JobSettings;
use metalith_server::{Settings, start};

use crate::{
    context::Context,
    failure::{Failure, Outcome, fail},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen. Addresses that other machines reach need tokens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8002", env = "METALITH_LISTEN")]
    listen: SocketAddr,
    /// How many jobs are at work at once
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    jobs: usize,
    /// How often work in the background is looked for
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = parse_age)]
    every: Duration,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let settings = Settings {
        jobs: JobSettings { at_once: args.jobs, ..JobSettings::default() },
        // Looking without a pause would leave nothing for those who ask.
        every: args.every.max(Duration::from_secs(1)),
        ..Settings::at(args.listen)
    };
    let running = start(context.project()?, settings).await.map_err(fail)?;
    context.printer.remark(&format!("listening at http://{}", running.address()));
    until_told_to_end().await;
    context.printer.remark("ending; jobs at work are left to be taken up again");
    running.stop().await;
    Ok(Outcome::Done)
}

/// Waits for what asks a process to end: from a terminal, or from whoever runs it.
async fn until_told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    tokio::signal::ctrl_c().await.ok();
}
