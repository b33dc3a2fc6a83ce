//! `metalith maintain`.

use std::time::Duration;

use metalith_base::{FeatureKey, parse_age};
use metalith_store::{MaintainOptions, Mode};
use serde_json::{Value, json};

use crate::{
    context::Context,
    failure::{Failure, Outcome, fail},
    printer::{bytes, number, table},
    progress,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The features [default: all that the store has]
    features: Vec<FeatureKey>,
    /// Remove files that have not been part of a table for so long, e.g. 7d, 12h, 30m
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = parse_age)]
    vacuum_older_than: Duration,
    /// Leave chunks as they are
    #[arg(long)]
    no_compact: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (_, store) = context.open(Mode::Write).await?;
    let options = MaintainOptions {
        compact: !args.no_compact,
        vacuum: Some(args.vacuum_older_than),
        dry_run: args.dry_run,
        ..MaintainOptions::default()
    };
    let features = match args.features.is_empty() {
        true => store.features().await.map_err(fail)?,
        false => args.features.clone(),
    };
    let bar = progress::bar(&context.printer, "maintaining");
    let mut done = Vec::new();
    for key in features {
        bar.set_message(format!("maintaining {key}"));
        let report = store.maintain(&key, &options).await.map_err(fail)?;
        done.push((key, report));
    }
    bar.finish_and_clear();
    let json: Vec<Value> = done
        .iter()
        .map(|(key, it)| {
            json!({
                "feature": key.as_str(),
                "chunks_before": it.chunks_before,
                "chunks_compacted": it.chunks_compacted,
                "chunks_after": it.chunks_after,
                "files_removed": it.files_removed,
                "bytes_freed": it.bytes_freed,
            })
        })
        .collect();
    context.printer.show(json!({"dry_run": args.dry_run, "features": json}), || {
        let rows: Vec<Vec<String>> = done
            .iter()
            .map(|(key, it)| {
                vec![
                    key.to_string(),
                    number(it.chunks_before),
                    number(it.chunks_compacted),
                    number(it.chunks_after),
                    number(it.files_removed),
                    bytes(it.bytes_freed),
                ]
            })
            .collect();
        let headers = ["FEATURE", "CHUNKS", "COMPACTED", "CHUNKS NOW", "FILES REMOVED", "FREED"];
        table(&headers, &rows)
    })?;
    Ok(Outcome::Done)
}
