//! `metalith metadata read`.

use std::path::PathBuf;

use metalith_base::FeatureKey;
use metalith_ingest::FileFormat;
use metalith_store::{Mode, ReadOptions, Rows};
use serde_json::{Value, json};

use crate::{
    commands::write::parse_format,
    context::{Context, filters},
    failure::{Failure, Outcome, fail},
    output::Output,
    printer::{cells, number, table},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The feature
    feature: FeatureKey,
    /// Only rows that meet this condition; give it again for more
    #[arg(long = "filter", value_name = "EXPR")]
    filters: Vec<String>,
    /// Only these columns, ids among them
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    columns: Option<Vec<String>>,
    /// Rows of every feature version
    #[arg(long)]
    feature_history: bool,
    /// Every row of a sample, not only the latest
    #[arg(long)]
    sample_history: bool,
    /// Deleted samples as well
    #[arg(long)]
    include_deleted: bool,
    /// At most so many rows [default: 20 on a terminal table, else all]
    #[arg(long)]
    limit: Option<usize>,
    /// Write the rows into a file; `-` is standard output, as an Arrow stream unless told otherwise
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The format of that file [default: by its ending]
    #[arg(long, value_parser = parse_format)]
    format: Option<FileFormat>,
}

/// How many rows a table for people has.
const SHOWN: usize = 20;

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let output = args.output.as_ref().map(|file| Output::new(file, args.format)).transpose()?;
    let (project, store) = context.open(Mode::Read).await?;
    let for_people = output.is_none() && !context.printer.json;
    let options = ReadOptions {
        filters: filters(&args.filters)?,
        columns: args.columns.clone(),
        feature_history: args.feature_history,
        sample_history: args.sample_history,
        include_deleted: args.include_deleted,
        limit: args.limit.or_else(|| for_people.then_some(SHOWN + 1)),
        ..ReadOptions::default()
    };
    let rows = store.read(project.graph(), &args.feature, &options).await.map_err(fail)?;
    match output {
        Some(output) => save(rows, &output, args, context).await,
        None => print(rows, args, context).await,
    }
}

async fn save(
    rows: Rows,
    output: &Output,
    args: &Args,
    context: &Context,
) -> Result<Outcome, Failure> {
    let count = output.written(output.open()?.fill(rows).await)?;
    let (Some(file), Some(count)) = (output.file(), count) else { return Ok(Outcome::Done) };
    let json = json!({"feature": args.feature.as_str(), "rows": count, "file": file});
    context.printer.show(json, || format!("wrote {} rows to {}", number(count), file.display()))?;
    Ok(Outcome::Done)
}

async fn print(rows: Rows, args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let schema = rows.schema();
    let batches = rows.collect().await.map_err(fail)?;
    if context.printer.json {
        let rows =
            json_rows(&batches).map_err(|error| fail(metalith_store::StoreError::arrow(error)))?;
        context
            .printer
            .show(json!({"feature": args.feature.as_str(), "rows": rows}), String::new)?;
        return Ok(Outcome::Done);
    }
    let (_, mut rows) = cells(&batches, usize::MAX)
        .map_err(|error| fail(metalith_store::StoreError::arrow(error)))?;
    let more = args.limit.is_none() && rows.len() > SHOWN;
    if more {
        rows.truncate(SHOWN);
    }
    let headers: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    context.printer.data(&table(&headers, &rows))?;
    if more {
        context.printer.remark("... and more; see all with `--limit` or `--output FILE`");
    }
    Ok(Outcome::Done)
}

/// Rows as JSON values.
pub(crate) fn json_rows(
    batches: &[arrow::array::RecordBatch],
) -> Result<Vec<Value>, arrow::error::ArrowError> {
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    let text = writer.into_inner();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(&text)
        .map_err(|error| arrow::error::ArrowError::JsonError(error.to_string()))
}
