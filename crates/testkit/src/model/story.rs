//! A story, told by a store and by the model at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use metalith_base::{Diagnostic as _, FeatureKey};
use metalith_document::Format;
use metalith_expr::{Expr, parse};
use metalith_graph::{FeatureGraph, HashLength, parse_features};
use metalith_store::{
    Backend, DeletionMode, DeletionRequest, Frame, HashSettings, MaintainOptions, OpenOptions,
    ReadOptions, ResolveOptions, RestoreRequest, Rows, Store, StoreError, WriteOptions,
};
use serde_json::{Map, Value, json};

use super::{
    Asked, Only, Op, Which,
    rules::{Model, Row, hash},
};
use crate::{
    batch_from_json,
    both_ways::{self, Ways},
    notes::MemoryNotes,
    rows_to_json,
};

const GRAPH: &str = r#"
project = "model"

[[features]]
key = "up"
id_columns = ["id"]
fields = ["f1", "f2"]

[[features]]
key = "leaf"
id_columns = ["id"]
fields = [{ key = "v", code_version = "1" }]
deps = [{ feature = "up" }]

[[features]]
key = "kid"
id_columns = ["id", "n"]
fields = [{ key = "v", code_version = "1" }]
deps = [{ feature = "up", lineage = { expansion = { on = ["id"] } } }]

[[features]]
key = "total"
id_columns = ["g"]
fields = [{ key = "v", code_version = "1" }]
deps = [{ feature = "up", lineage = { aggregation = { on = ["g"] } } }]
"#;

struct Story {
    store: Store,
    graph: FeatureGraph,
    model: Model,
    deletions: Vec<(Which, String)>,
    asked: Asked,
    ways: Ways,
}

pub(super) async fn tell(
    ops: &[Op],
    backend: Arc<dyn Backend>,
    (hash, asked): (HashSettings, Asked),
    ways: &mut Ways,
) -> Result<(), String> {
    let definitions =
        parse_features("model.toml", GRAPH, Format::Toml).map_err(|error| error.to_string())?;
    let graph =
        FeatureGraph::new(definitions, HashLength::UNCUT).map_err(|error| error.to_string())?;
    let notes = Arc::new(MemoryNotes::default());
    let options = OpenOptions { hash: Some(hash), notes: Some(notes), ..OpenOptions::write() };
    let store = Store::open(backend, options).await.map_err(|error| error.to_string())?;
    let model = Model::new(hash);
    let (deletions, ways_of_it) = (Vec::new(), Ways::default());
    let mut story = Story { store, graph, model, deletions, asked, ways: ways_of_it };
    let told = story.tell(ops).await;
    ways.add(&story.ways);
    told
}

fn key(which: Which) -> FeatureKey {
    let key = match which {
        Which::Up => "up",
        Which::Leaf => "leaf",
        Which::Kid => "kid",
        Which::Total => "total",
    };
    key.parse().expect("a key")
}

fn filters(of: Which, only: Only) -> Vec<Expr> {
    let text = match (only, of) {
        (Only::Everything, _) => return Vec::new(),
        (Only::Id(id), Which::Up | Which::Leaf | Which::Kid) => format!("id = '{id}'"),
        (Only::Id(group) | Only::Group(group), _) => format!("g = '{}'", group % 2),
    };
    vec![parse(&text).expect("a filter")]
}

impl Story {
    async fn tell(&mut self, ops: &[Op]) -> Result<(), String> {
        for op in ops {
            self.take(op).await.map_err(|error| format!("{op:?}: {error}"))?;
            // Whoever looks now and then leaves notes, by which the last look sees what changed
            // alone.
            self.resolve(Which::Leaf).await.ok();
        }
        self.compare().await
    }

    async fn take(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Write(rows) => self.write(rows).await.map_err(|error| error.to_string()),
            Op::WorkOff(Which::Up) => Ok(()),
            Op::WorkOff(which) => self.work_off(*which).await,
            Op::Delete { of, only, hard } => self.delete(*of, *only, *hard).await,
            Op::Restore { of, deletion, only } => self.restore(*of, *deletion, *only).await,
            Op::Compact(which) if !self.model.has_table(*which) => Ok(()),
            Op::Compact(which) => {
                let options = MaintainOptions { vacuum: None, ..MaintainOptions::default() };
                let done = self.store.maintain(&key(*which), &options).await;
                done.map(drop).map_err(|error| error.to_string())
            }
        }
    }

    async fn write(&mut self, rows: &[(u8, u8, u8)]) -> Result<(), StoreError> {
        let rows: BTreeMap<u8, (u8, u8)> =
            rows.iter().map(|(id, group, content)| (*id, (*group, *content))).collect();
        let mut json_rows = Vec::new();
        for (id, (group, content)) in rows {
            let versions = BTreeMap::from([
                ("f1", format!("c{content}")),
                ("f2", format!("d{}", content / 2)),
            ]);
            json_rows.push(json!({
                "id": id.to_string(), "g": group.to_string(), "metaxy_provenance_by_field": versions,
            }));
            let provenance =
                hash(self.model.hash, &format!("{}|{}", versions["f1"], versions["f2"]));
            self.model.append(
                Which::Up,
                Row {
                    key: id.to_string(),
                    id: Some(id),
                    group,
                    versions,
                    provenance,
                    deleted: false,
                    deletion: None,
                },
            );
        }
        self.write_json(Which::Up, &json_rows).await
    }

    async fn write_json(&self, which: Which, rows: &[Value]) -> Result<(), StoreError> {
        let rows: Vec<Map<String, Value>> =
            rows.iter().filter_map(Value::as_object).cloned().collect();
        let batch = batch_from_json(&rows, &[]);
        let rows = Rows::from_batch(batch);
        self.store.write(&self.graph, &key(which), rows, &WriteOptions::default()).await.map(drop)
    }

    async fn work_off(&mut self, which: Which) -> Result<(), String> {
        if !self.model.has_table(Which::Up) {
            return Ok(());
        }
        let [new, stale, _] = self.model.increment(which);
        let open: BTreeSet<String> = new.union(&stale).cloned().collect();
        let mut written = Vec::new();
        for (join_key, (provenance, made_of)) in self.model.expected(which) {
            if !open.contains(&join_key) {
                continue;
            }
            let first = &made_of[0];
            let children = match which {
                // Fewer children when content changes, so that some are left behind.
                Which::Kid => 1 + first.versions["f1"].len() + usize::from(first.group),
                Which::Up | Which::Leaf | Which::Total => 1,
            };
            for child in 0..children {
                let key = match which {
                    Which::Kid => format!("{join_key} {child}"),
                    Which::Up | Which::Leaf | Which::Total => join_key.clone(),
                };
                written.push(Row {
                    key,
                    id: first.id.filter(|_| which != Which::Total),
                    group: first.group,
                    versions: BTreeMap::new(),
                    provenance: provenance.clone(),
                    deleted: false,
                    deletion: None,
                });
            }
        }
        let found = self.resolve(which).await?;
        let mut rows: BTreeMap<String, Value> = BTreeMap::new();
        for frame in [&found.new, &found.stale] {
            for row in rows_to_json(&frame.batches) {
                for model in &written {
                    let same = match which {
                        Which::Total => row["g"] == json!(model.group.to_string()),
                        Which::Up | Which::Leaf | Which::Kid => {
                            row["id"] == json!(model.id.map(|id| id.to_string()))
                        }
                    };
                    if same {
                        rows.insert(model.key.clone(), stored_row(which, model, &row));
                    }
                }
            }
        }
        if rows.len() != written.len() {
            return Err(format!("{} rows to write, the model has {}", rows.len(), written.len()));
        }
        for row in written {
            self.model.append(which, row);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<Value> = rows.into_values().collect();
        self.write_json(which, &rows).await.map_err(|error| error.to_string())
    }

    async fn resolve(&mut self, which: Which) -> Result<metalith_store::Increment, String> {
        let options = ResolveOptions::default();
        let (store, graph, feature) = (&self.store, &self.graph, key(which));
        let found = match self.asked {
            Asked::OneWay => store.resolve(graph, &feature, options).await,
            Asked::BothWays => both_ways::resolve(store, graph, &feature, &options).await,
        };
        let found = found.map_err(|error| format!("{error:?}"))?;
        self.ways.count(&found);
        Ok(found)
    }

    async fn delete(&mut self, of: Which, only: Only, hard: bool) -> Result<(), String> {
        let mode = if hard { DeletionMode::Hard } else { DeletionMode::Soft };
        let request = DeletionRequest::new(mode, filters(of, only));
        let receipt = self
            .store
            .delete(&self.graph, &key(of), &request)
            .await
            .map_err(|error| format!("{error:?}"))?;
        let expected = match hard {
            true => self.model.delete_hard(of, only),
            false => self.model.delete_softly(of, only, &receipt.id),
        };
        if !hard {
            self.deletions.push((of, receipt.id));
        }
        match receipt.rows == expected as u64 {
            true => Ok(()),
            false => Err(format!("{} rows, the model has {expected}", receipt.rows)),
        }
    }

    async fn restore(&mut self, of: Which, deletion: Option<u8>, only: Only) -> Result<(), String> {
        if !self.model.has_table(of) {
            return Ok(());
        }
        let deletion = match deletion {
            Some(index) => match self.deletions.get(index as usize) {
                Some((which, id)) if *which == of => Some(id.clone()),
                _ => return Ok(()),
            },
            None => None,
        };
        let request = RestoreRequest {
            deletion: deletion.clone(),
            filters: filters(of, only),
            ..RestoreRequest::default()
        };
        let found = self.store.restore(&self.graph, &key(of), &request).await;
        let found = match &found {
            Ok(receipt) => Ok(receipt.samples as usize),
            Err(error) => Err(error.kind().name()),
        };
        let expected = self.model.restore(of, deletion.as_deref(), only);
        match found == expected {
            true => Ok(()),
            false => Err(format!("{found:?}, the model has {expected:?}")),
        }
    }

    /// Reads and resolves every feature that has something, and compares.
    async fn compare(&mut self) -> Result<(), String> {
        for which in [Which::Up, Which::Leaf, Which::Kid, Which::Total] {
            if self.model.has_table(which) {
                self.compare_rows(which).await?;
            }
            if which != Which::Up && self.model.has_table(Which::Up) {
                self.compare_increment(which).await?;
            }
        }
        Ok(())
    }

    async fn compare_rows(&self, which: Which) -> Result<(), String> {
        let options = ReadOptions::default();
        let rows =
            async { self.store.read(&self.graph, &key(which), &options).await?.collect().await };
        let rows = rows_to_json(&rows.await.map_err(|error| format!("{error:?}"))?);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found: BTreeSet<(String, String)> = rows
            .iter()
            .map(|row| {
                let key = match which {
                    Which::Up | Which::Leaf => text(&row["id"]),
                    Which::Kid => format!("{} {}", text(&row["id"]), row["n"]),
                    Which::Total => text(&row["g"]),
                };
                (key, text(&row["metaxy_provenance"]))
            })
            .collect();
        let current = self.model.current(which);
        let expected: BTreeSet<(String, String)> =
            current.into_iter().map(|row| (row.key, row.provenance)).collect();
        match found == expected && rows.len() == expected.len() {
            true => Ok(()),
            false => Err(format!("{which:?} holds {found:?}, the model {expected:?}")),
        }
    }

    async fn compare_increment(&mut self, which: Which) -> Result<(), String> {
        let found = self.resolve(which).await?;
        let column = if which == Which::Total { "g" } else { "id" };
        let keys = |frame: &Frame| -> BTreeSet<String> {
            let rows = rows_to_json(&frame.batches);
            rows.iter().filter_map(|row| row[column].as_str()).map(str::to_owned).collect()
        };
        let found = [keys(&found.new), keys(&found.stale), keys(&found.orphaned)];
        let expected = self.model.increment(which);
        match found == expected {
            true => Ok(()),
            false => Err(format!("{which:?} resolves to {found:?}, the model to {expected:?}")),
        }
    }
}

/// A computed row as a user would write it back.
fn stored_row(which: Which, model: &Row, computed: &BTreeMap<String, Value>) -> Value {
    let mut row: Map<String, Value> = computed
        .iter()
        .filter(|(name, _)| name.starts_with("metaxy_"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    row.insert("g".to_owned(), json!(model.group.to_string()));
    if let Some(id) = model.id {
        row.insert("id".to_owned(), json!(id.to_string()));
    }
    if which == Which::Kid {
        let child = model.key.split(' ').nth(1).and_then(|it| it.parse::<i64>().ok());
        row.insert("n".to_owned(), json!(child));
    }
    Value::Object(row)
}
