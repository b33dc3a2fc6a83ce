//! The steps of a vector, taken on a store and compared.

use std::{collections::BTreeMap, sync::Arc};

use metalith_base::FeatureKey;
use metalith_expr::{Expr, parse};
use metalith_graph::FeatureGraph;
use metalith_store::{
    Backend, DeletionMode, DeletionRequest, Frame, OpenOptions, ReadOptions, ResolveOptions, Rows,
    Store, StoreError, WriteOptions,
};
use serde_json::{Map, Value, json};

use super::case::{GoldenCase, object};
use crate::{
    batch_from_json,
    both_ways::{self, Ways},
    rows_to_json,
};

type Row = BTreeMap<String, Value>;

/// Columns that vectors leave out, or that differ from run to run.
const LEFT_OUT: [&str; 5] = [
    "metaxy_created_at",
    "metaxy_updated_at",
    "metaxy_project_version",
    "metaxy_materialization_id",
    "metalith_deletion_id",
];

/// The one vector whose error is a defect of the reference: here it must work.
const MUST_WORK: &str = "25_three_upstreams_default_select_fails";

/// What is asked of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// That everything is as it says.
    Everything,
    /// That increments are the same wherever they are found.
    BothWays,
}

pub(super) async fn run(
    case: &GoldenCase,
    backend: Arc<dyn Backend>,
    asked: Asked,
) -> Result<Ways, String> {
    let options = OpenOptions { hash: Some(case.hash()), ..OpenOptions::write() };
    let store = Store::open(backend, options).await.map_err(|error| error.to_string())?;
    let graph = case.graph("main");
    let mut story = Story { case, store, graph, asked, ways: Ways::default() };
    for (index, step) in case.steps().iter().enumerate() {
        let op = step["op"].as_str().unwrap_or_default();
        let outcome = story.take(op, step).await;
        let must_fail = step["expect_error"].as_bool().unwrap_or(false);
        match (outcome, must_fail && case.name() != MUST_WORK) {
            (Ok(_), true) => return Err(format!("step {index} ({op}) should have failed")),
            (Err(error), false) => return Err(format!("step {index} ({op}) failed: {error:?}")),
            (Err(_), true) => {}
            (Ok(_), false) if asked == Asked::BothWays => {}
            (Ok(found), false) => {
                story
                    .compare(index, step, found)
                    .map_err(|it| format!("step {index} ({op}): {it}"))?;
            }
        }
    }
    Ok(story.ways)
}

/// What a step gives, by the names that vectors use.
type Found = BTreeMap<&'static str, Vec<Row>>;

struct Story<'a> {
    case: &'a GoldenCase,
    store: Store,
    graph: FeatureGraph,
    asked: Asked,
    ways: Ways,
}

impl Story<'_> {
    async fn take(&mut self, op: &str, step: &Value) -> Result<Found, StoreError> {
        if op == "use_graph" {
            self.graph = self.case.graph(step["graph"].as_str().unwrap_or("main"));
            return Ok(Found::new());
        }
        let feature: FeatureKey =
            step["feature"].as_str().unwrap_or_default().parse().expect("a feature key");
        match op {
            "write" => self.write(&feature, step).await,
            "read" => self.read(&feature, step).await,
            "resolve_update" => self.resolve(&feature, step).await,
            "delete" => self.delete(&feature, step).await,
            "progress" => {
                let progress = self.store.progress(&self.graph, &feature).await?;
                let row = Row::from([("progress".to_owned(), json!(progress))]);
                Ok(Found::from([("progress", vec![row])]))
            }
            "rebase" => self.rebase(&feature, step).await,
            other => panic!("a vector has an unknown step `{other}`"),
        }
    }

    async fn write(&self, feature: &FeatureKey, step: &Value) -> Result<Found, StoreError> {
        let options = WriteOptions {
            materialization_id: step["materialization_id"].as_str().map(str::to_owned),
            ..WriteOptions::default()
        };
        let rows = self.batch(feature, &step["rows"]);
        self.store.write(&self.graph, feature, Rows::from_batch(rows), &options).await?;
        Ok(Found::new())
    }

    fn batch(&self, feature: &FeatureKey, rows: &Value) -> datafusion::arrow::array::RecordBatch {
        let rows: Vec<Map<String, Value>> =
            rows.as_array().into_iter().flatten().map(|row| object(row).clone()).collect();
        let columns = self.case.columns(feature);
        batch_from_json(&rows, &columns.keys().map(String::as_str).collect::<Vec<_>>())
    }

    async fn read(&self, feature: &FeatureKey, step: &Value) -> Result<Found, StoreError> {
        let flag = |name: &str| step[name].as_bool().unwrap_or(false);
        let options = ReadOptions {
            filters: filters(&step["filters"]),
            columns: step["columns"]
                .as_array()
                .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            feature_history: flag("with_feature_history"),
            sample_history: flag("with_sample_history"),
            include_deleted: flag("include_soft_deleted"),
            ..ReadOptions::default()
        };
        let rows = self.store.read(&self.graph, feature, &options).await?.collect().await?;
        let mut rows = rows_to_json(&rows);
        for row in &mut rows {
            if let Some(deleted_at) = row.get_mut("metaxy_deleted_at") {
                *deleted_at = json!(!deleted_at.is_null());
            }
        }
        Ok(Found::from([("rows", rows)]))
    }

    async fn resolve(&mut self, feature: &FeatureKey, step: &Value) -> Result<Found, StoreError> {
        let by_feature = step["filters"].as_object().into_iter().flatten();
        let options = ResolveOptions {
            samples: step.get("samples").map(|rows| vec![self.batch(feature, rows)]),
            filters: by_feature
                .map(|(key, texts)| (key.parse().expect("a feature key"), filters(texts)))
                .collect(),
            global_filters: filters(&step["global_filters"]),
            target_filters: filters(&step["target_filters"]),
            staleness: filters(&step["staleness_predicates"]),
            skip_comparison: step["skip_comparison"].as_bool().unwrap_or(false),
            ..ResolveOptions::default()
        };
        let found = match self.asked {
            Asked::Everything => self.store.resolve(&self.graph, feature, options).await?,
            Asked::BothWays => {
                both_ways::resolve(&self.store, &self.graph, feature, &options).await?
            }
        };
        self.ways.count(&found);
        if let Some(how) = step.get("write_back").filter(|how| **how != Value::Bool(false)) {
            self.write_back(feature, how, &found.new).await?;
            self.write_back(feature, how, &found.stale).await?;
        }
        Ok(Found::from([
            ("new", rows_to_json(&found.new.batches)),
            ("stale", rows_to_json(&found.stale.batches)),
            ("orphaned", rows_to_json(&found.orphaned.batches)),
        ]))
    }

    async fn write_back(
        &self,
        feature: &FeatureKey,
        how: &Value,
        frame: &Frame,
    ) -> Result<(), StoreError> {
        let kept: Option<Vec<&str>> =
            how["keep"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
        let mut rows: Vec<Map<String, Value>> = Vec::new();
        for row in rows_to_json(&frame.batches) {
            let wanted = |name: &String| {
                name.starts_with("metaxy_")
                    || kept.as_ref().is_none_or(|it| it.contains(&name.as_str()))
            };
            let mut row: Map<String, Value> =
                row.into_iter().filter(|(name, _)| wanted(name)).collect();
            row.extend(how["set"].as_object().cloned().unwrap_or_default());
            let unique = how["unique"].as_array().cloned().unwrap_or_default();
            let same = |other: &Map<String, Value>| {
                unique.iter().filter_map(Value::as_str).all(|name| other.get(name) == row.get(name))
            };
            if !unique.is_empty() && rows.iter().any(same) {
                continue;
            }
            match how["expand"].as_array() {
                Some(expand) => {
                    let column = expand[0].as_str().expect("a column");
                    for index in 0..expand[1].as_i64().expect("a count") {
                        let mut child = row.clone();
                        child.insert(column.to_owned(), json!(index));
                        rows.push(child);
                    }
                }
                None => rows.push(row),
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let batch = batch_from_json(&rows, &[]);
        let rows = Rows::from_batch(batch);
        self.store.write(&self.graph, feature, rows, &WriteOptions::default()).await.map(drop)
    }

    async fn delete(&self, feature: &FeatureKey, step: &Value) -> Result<Found, StoreError> {
        let mode = match step["soft"].as_bool() {
            Some(false) => DeletionMode::Hard,
            _ => DeletionMode::Soft,
        };
        let flag = |name: &str| step[name].as_bool().unwrap_or(false);
        let request = DeletionRequest {
            feature_history: flag("with_feature_history"),
            sample_history: flag("with_sample_history"),
            ..DeletionRequest::new(mode, filters(&step["filters"]))
        };
        self.store.delete(&self.graph, feature, &request).await?;
        Ok(Found::new())
    }

    async fn rebase(&self, feature: &FeatureKey, step: &Value) -> Result<Found, StoreError> {
        let from = self.case.graph(step["from_graph"].as_str().expect("a graph"));
        let from = from.feature(feature)?.feature_version().to_owned();
        let frame = self.store.rebase(&self.graph, feature, &from).await?;
        let rows = rows_to_json(&frame.batches);
        let to_write = Rows::from_batches(frame.schema, frame.batches);
        self.store.write(&self.graph, feature, to_write, &WriteOptions::default()).await?;
        Ok(Found::from([("rows", rows)]))
    }

    fn compare(&self, index: usize, step: &Value, found: Found) -> Result<(), String> {
        let op = step["op"].as_str().unwrap_or_default();
        let mut left_out: Vec<&str> = LEFT_OUT.to_vec();
        if op != "read" {
            left_out.push("metaxy_deleted_at");
        }
        if op == "rebase" {
            left_out.push("metaxy_feature_version");
        }
        let expect = &step["expect"];
        if let Some(progress) = expect.get("progress") {
            let found = found["progress"][0]["progress"].as_f64();
            return match found == progress.as_f64() {
                true => Ok(()),
                false => Err(format!("progress is {found:?}, expected {progress}")),
            };
        }
        let alternatives = self.case.differences(index);
        for (name, rows) in &found {
            let found = normal(rows.clone(), &left_out);
            let mut accepted = [expect].into_iter().chain(alternatives.iter().copied());
            let fits = |it: &Value| {
                let rows = it.get(name).map(json_rows);
                rows.is_some_and(|rows| normal(rows, &left_out) == found)
            };
            if !accepted.any(fits) && expect.get(name).is_some() {
                let wanted = normal(json_rows(&expect[*name]), &left_out);
                return Err(format!("`{name}`\n  found    {found:?}\n  expected {wanted:?}"));
            }
        }
        Ok(())
    }
}

/// The rows of a frame, which is a list, or has one.
fn json_rows(frame: &Value) -> Vec<Row> {
    let rows = frame.as_array().or(frame["rows"].as_array()).into_iter().flatten();
    rows.map(|row| object(row).clone().into_iter().collect()).collect()
}

/// Rows without what is left out, as sorted texts.
fn normal(rows: Vec<Row>, left_out: &[&str]) -> Vec<String> {
    let mut texts: Vec<String> = rows
        .into_iter()
        .map(|mut row| {
            row.retain(|name, _| !left_out.contains(&name.as_str()));
            serde_json::to_string(&row).expect("rows are JSON")
        })
        .collect();
    texts.sort();
    texts
}

fn filters(texts: &Value) -> Vec<Expr> {
    let texts = texts.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(|text| parse(text).expect("a filter of a vector")).collect()
}
