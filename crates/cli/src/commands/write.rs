//! `metalith metadata write`.

use std::{io, path::PathBuf, str::FromStr};

use metalith_base::FeatureKey;
use metalith_ingest::{FileFormat, VersionColumn, assemble_versions, read_samples, read_stream};
use metalith_lifecycle::quota::Meter;
use metalith_store::{Mode, WriteOptions};
use serde_json::json;

use crate::{
    context::{Context, OverFallbackArg, meter},
    failure::{Failure, Outcome, fail},
    printer::number,
    progress,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The feature
    feature: FeatureKey,
    /// Files of rows; `-` reads an Arrow stream from standard input. Each file is one commit
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The format of the files [default: by their endings]
    #[arg(long, value_parser = parse_format)]
    format: Option<FileFormat>,
    /// Take a field's provenance from a column
    #[arg(long = "version-column", value_name = "FIELD=COLUMN", value_parser = parse_version_column)]
    version_columns: Vec<VersionColumn>,
    /// The run that made the rows
    #[arg(long, value_name = "ID")]
    materialization_id: Option<String>,
    #[command(flatten)]
    over: OverFallbackArg,
}

pub(crate) fn parse_format(name: &str) -> Result<FileFormat, String> {
    FileFormat::from_str(name).map_err(|()| "choose parquet, csv, tsv, jsonl or arrow".to_owned())
}

fn parse_version_column(text: &str) -> Result<VersionColumn, String> {
    let (field, column) = text.split_once('=').ok_or("write FIELD=COLUMN")?;
    let field = field.parse().map_err(|error: metalith_base::KeyError| error.to_string())?;
    Ok(VersionColumn { field, column: column.to_owned() })
}

pub(crate) async fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Write).await?;
    let options = WriteOptions {
        materialization_id: args.materialization_id.clone(),
        over_fallback: args.over.over_fallback,
        ..WriteOptions::default()
    };
    let meter = meter(&project, &store).await?;
    let feature = project.graph().feature(&args.feature).map_err(fail)?;
    let (mut rows_written, mut version) = (0, None);
    for file in &args.files {
        let versions = args.version_columns.as_slice();
        let rows = match file.as_os_str() == "-" {
            true => read_stream(io::BufReader::new(io::stdin()))
                .and_then(|rows| assemble_versions(rows, versions)),
            false => read_samples(file, args.format, versions),
        };
        let bar = progress::bar(&context.printer, &format!("writing {}", file.display()));
        let mut rows = rows.map_err(fail)?;
        if let Some(meter) = &meter {
            rows = meter.guard(feature, rows);
        }
        let written = store.write(project.graph(), &args.feature, rows, &options).await;
        bar.finish_and_clear();
        let commit = written.map_err(fail)?;
        rows_written += commit.rows;
        version = Some(commit.version);
    }
    for warning in meter.iter().flat_map(Meter::warnings) {
        context.printer.remark(&warning);
    }
    let json = json!({
        "feature": args.feature.as_str(),
        "rows": rows_written,
        "table_version": version,
    });
    context
        .printer
        .show(json, || format!("wrote {} rows to {}", number(rows_written), args.feature))?;
    Ok(Outcome::Done)
}
