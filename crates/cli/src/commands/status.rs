//! `metalith metadata status`.

use metalith_base::{Diagnostic, FeatureKey};
use metalith_store::{FeatureStatus, Mode, StatusOptions, StoreError};
use serde_json::{Value, json};

use crate::{
    context::{Context, features, filters},
    failure::{Failure, Outcome, fail},
    printer::{bytes, number, table},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these features
    features: Vec<FeatureKey>,
    /// Only samples that meet this; several must all hold
    #[arg(long, value_name = "EXPR")]
    filter: Vec<String>,
    /// The same for the features and for what they are computed from
    #[arg(long, value_name = "EXPR")]
    global_filter: Vec<String>,
    /// Samples that meet this are stale anyway; several are alternatives
    #[arg(long, value_name = "EXPR")]
    stale_if: Vec<String>,
    /// End with exit code 1 unless everything is there and in order
    #[arg(long)]
    assert_in_sync: bool,
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Read).await?;
    let options = StatusOptions {
        global_filters: filters(&args.global_filter)?,
        target_filters: filters(&args.filter)?,
        staleness: filters(&args.stale_if)?,
    };
    let features = features(&project, &args.features)?;
    let statuses = store.statuses(project.graph(), &features, &options).await;
    let found: Vec<_> = features.into_iter().zip(statuses).collect();
    let json: Vec<Value> = found.iter().map(|(key, status)| status_json(key, status)).collect();
    context.printer.show(json!({"features": json}), || {
        let rows: Vec<Vec<String>> = found.iter().map(|(key, status)| row(key, status)).collect();
        let headers =
            ["FEATURE", "SAMPLES", "NEW", "STALE", "ORPHANED", "WAITING", "DELETED", "BYTES"];
        let mut text = table(&headers, &rows);
        for (key, status) in &found {
            if let Ok(FeatureStatus { read_from: Some(place), .. }) = status {
                text.push_str(&format!("\n{key} is read from {place}"));
            }
        }
        // What is wrong with the first is told at the end, with what to do.
        for (key, error) in failures(&found).skip(1) {
            text.push_str(&format!("\n{key}: error[{}]: {error}", error.code()));
        }
        text
    })?;
    let in_sync = found.iter().all(|(_, status)| status.as_ref().is_ok_and(is_in_sync));
    if let Some(failed) = found.into_iter().find_map(|(_, status)| status.err()) {
        return Err(fail(failed));
    }
    Ok(if args.assert_in_sync && !in_sync { Outcome::CheckFailed } else { Outcome::Done })
}

/// The features whose state could not be found out, and why.
fn failures(
    found: &[(FeatureKey, Result<FeatureStatus, StoreError>)],
) -> impl Iterator<Item = (&FeatureKey, &StoreError)> {
    found.iter().filter_map(|(key, status)| status.as_ref().err().map(|error| (key, error)))
}

fn is_in_sync(status: &FeatureStatus) -> bool {
    let settled =
        status.increment.is_none_or(|it| it.new + it.stale + it.orphaned + it.waiting == 0);
    status.exists && settled
}

fn row(key: &FeatureKey, status: &Result<FeatureStatus, StoreError>) -> Vec<String> {
    let status = match status {
        Ok(status) => status,
        Err(error) => return vec![key.to_string(), format!("error[{}]", error.code())],
    };
    let count = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), number);
    let increment = status.increment;
    vec![
        key.to_string(),
        if status.exists { number(status.samples) } else { "no table".to_owned() },
        count(increment.map(|it| it.new)),
        count(increment.map(|it| it.stale)),
        count(increment.map(|it| it.orphaned)),
        count(increment.map(|it| it.waiting)),
        number(status.deleted),
        bytes(status.bytes),
    ]
}

fn status_json(key: &FeatureKey, status: &Result<FeatureStatus, StoreError>) -> Value {
    match status {
        Err(error) => json!({
            "key": key.as_str(),
            "error": {"code": error.code(), "message": error.to_string()},
        }),
        Ok(status) => json!({
            "key": key.as_str(),
            "exists": status.exists,
            "read_from": status.read_from,
            "samples": status.samples,
            "new": status.increment.map(|it| it.new),
            "stale": status.increment.map(|it| it.stale),
            "orphaned": status.increment.map(|it| it.orphaned),
            "waiting": status.increment.map(|it| it.waiting),
            "deleted": status.deleted,
            "rows": status.rows,
            "bytes": status.bytes,
            "chunks": status.chunks,
            "table_version": status.table_version,
        }),
    }
}
