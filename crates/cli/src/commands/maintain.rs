//! `metalith maintain`.

use std::time::Duration;

use metalith_base::FeatureKey;
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

fn parse_age(text: &str) -> Result<Duration, String> {
    let split = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err("write a number and one of s, m, h, d, w, e.g. 7d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "begin with a number, e.g. 7d".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
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
