//! `metalith list`.

use metalith_graph::Feature;
use serde_json::{Value, json};

use crate::{
    context::Context,
    failure::{Failure, Outcome},
    printer::table,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// The features, upstreams first
    Features,
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Command::Features => features(context),
    }
}

fn features(context: &Context) -> Result<Outcome, Failure> {
    let project = context.project()?;
    let graph = project.graph();
    let json: Vec<Value> = graph.features().map(feature_json).collect();
    let json = json!({
        "project": project.settings().project,
        "snapshot_version": graph.snapshot_version(),
        "features": json,
    });
    context.printer.show(json, || {
        let rows: Vec<Vec<String>> = graph
            .features()
            .map(|feature| {
                let fields: Vec<&str> =
                    feature.spec().fields.iter().map(|it| it.key.as_str()).collect();
                let deps: Vec<&str> =
                    feature.spec().deps.iter().map(|it| it.feature.as_str()).collect();
                vec![
                    feature.key().to_string(),
                    feature.spec().id_columns.join(", "),
                    fields.join(", "),
                    deps.join(", "),
                    feature.feature_version().chars().take(12).collect(),
                ]
            })
            .collect();
        table(&["FEATURE", "IDS", "FIELDS", "FROM", "VERSION"], &rows)
    })?;
    Ok(Outcome::Done)
}

fn feature_json(feature: &Feature) -> Value {
    let versions: serde_json::Map<String, Value> = feature
        .field_versions()
        .iter()
        .map(|(key, version)| (key.to_string(), version.as_str().into()))
        .collect();
    let deps: Vec<&str> = feature.spec().deps.iter().map(|it| it.feature.as_str()).collect();
    json!({
        "key": feature.key().as_str(),
        "id_columns": feature.spec().id_columns,
        "deps": deps,
        "feature_version": feature.feature_version(),
        "field_versions": versions,
        "external": feature.is_external(),
        "description": feature.spec().description,
    })
}
