//! Others who write while a pipeline runs, and destinations that refuse.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use expect_test::expect;
use metalith_base::{FeatureKey, Timestamp};
use metalith_delta::{Layout, open_backend};
use metalith_graph::FeatureGraph;
use metalith_pipeline::{Options, Outcome, PipelineError, Report, Surroundings, run, runs};
use metalith_project::{Project, ProjectOptions};
use metalith_store::{
    CommitNote, DeletionMode, DeletionRequest, Mode, ReadOptions, Rows, Store, WriteOptions,
};
use metalith_testkit::{batch_from_json, rows_to_json};
use serde_json::{Value, json};

use crate::{NOW, folder, put};

/// What somebody else does once, as soon as rows are read.
pub(crate) fn meanwhile<F>(work: impl FnOnce() -> F + Send + 'static) -> Options
where
    F: Future<Output = ()>,
{
    let (work, is_done) = (std::sync::Mutex::new(Some(work)), AtomicBool::new(false));
    let progress = move |_| {
        if is_done.swap(true, Ordering::SeqCst) {
            return;
        }
        let work = work.lock().unwrap().take().unwrap();
        // Another thread, as it is another process in life.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
                runtime.unwrap().block_on(work());
            });
        });
    };
    Options { progress: Box::new(progress), ..Options::default() }
}

fn rows_of(rows: &[Value]) -> Rows {
    let rows: Vec<_> = rows.iter().map(|row| row.as_object().unwrap().clone()).collect();
    Rows::from_batch(batch_from_json(&rows, &[]))
}

fn lake(folder: &Path) -> String {
    folder.join("lake").display().to_string()
}

async fn add_to_lake(lake: String, id: i64) {
    let backend = open_backend(&lake, &BTreeMap::new(), Layout::Nested).unwrap();
    let key: FeatureKey = "t".parse().unwrap();
    let rows = rows_of(&[json!({ "id": id })]);
    backend.append(&key, rows, CommitNote::new("write")).await.unwrap();
}

async fn ids_in_lake(folder: &Path) -> Vec<i64> {
    let backend = open_backend(&lake(folder), &BTreeMap::new(), Layout::Nested).unwrap();
    let Some(table) = backend.open_table(&"t".parse().unwrap()).await.unwrap() else {
        return Vec::new();
    };
    let column = table.schema().index_of("id").unwrap();
    let mut ids = Vec::new();
    for chunk in 0..table.chunks().len() {
        let request = metalith_store::ChunkRequest { columns: vec![column], ..Default::default() };
        let rows = table.read_chunk(chunk, request).await.unwrap().collect().await.unwrap();
        ids.extend(rows_to_json(&rows).iter().map(|row| row["id"].as_i64().unwrap()));
    }
    ids.sort_unstable();
    ids
}

/// Orders into a file and into a table of the lake.
fn into_lake(input: &str, mode: &str, columns: &str) -> String {
    format!(
        "name: lake\n\
         datasources:\n\
         - {{id: in, path: in}}\n\
         - {{id: lake, type: delta, path: lake}}\n\
         - {{id: out, path: out}}\n\
         input: {{datasource_id: {input}}}\n\
         operations:\n\
         - {{seq: 1, type: output, destination: {{datasource_id: out, table: a.csv}}}}\n\
         - {{seq: 2, type: output, mode: {mode}, columns: {columns}, destination: {{datasource_id: lake, table: t}}}}\n"
    )
}

async fn run_in(folder: &Path, text: &str, options: Options) -> Result<Report, PipelineError> {
    let surroundings = Surroundings::new(folder, Timestamp::from_micros(NOW));
    run(("test.yaml", text), &surroundings, options).await
}

#[tokio::test]
async fn what_others_add_to_a_table_is_never_replaced() {
    for is_there in [false, true] {
        let folder = folder();
        if is_there {
            add_to_lake(lake(folder.path()), 70).await;
        }
        let place = lake(folder.path());
        let text = into_lake("in, table: orders", "replace", "[id]");
        let options = meanwhile(move || add_to_lake(place, 77));
        let error = run_in(folder.path(), &text, options).await.unwrap_err();
        expect![[r#"
            `lake/t` was changed by somebody else since the run began
        "#]]
        .assert_eq(&format!("{error}\n"));
        assert_eq!(metalith_base::Diagnostic::kind(&error).name(), "conflict");
        let kept = if is_there { vec![70, 77] } else { vec![77] };
        assert_eq!(ids_in_lake(folder.path()).await, kept);
        assert!(!folder.path().join("out/a.csv").exists());
        // Once more it sees all of it.
        run_in(folder.path(), &text, Options::default()).await.unwrap();
        assert_eq!(ids_in_lake(folder.path()).await, [1, 2, 3, 4, 5]);
    }
}

#[tokio::test]
async fn rows_are_added_to_what_others_add_unless_they_come_from_there() {
    let folder = folder();
    let place = lake(folder.path());
    let text = into_lake("in, table: orders", "append", "[id]");
    run_in(folder.path(), &text, meanwhile(move || add_to_lake(place, 77))).await.unwrap();
    assert_eq!(ids_in_lake(folder.path()).await, [1, 2, 3, 4, 5, 77]);

    let place = lake(folder.path());
    let text = into_lake("lake, table: t", "append", "[id]");
    let error = run_in(folder.path(), &text, meanwhile(move || add_to_lake(place, 78))).await;
    assert!(matches!(error, Err(PipelineError::Changed { .. })), "{error:?}");
    assert_eq!(ids_in_lake(folder.path()).await, [1, 2, 3, 4, 5, 77, 78]);
}

#[tokio::test]
async fn a_file_that_others_add_to_keeps_what_they_added() {
    let folder = folder();
    put(folder.path(), "out/a.csv", "id\n70\n");
    let text = into_lake("in, table: orders", "replace", "[id]").replace(
        "type: output, destination",
        "type: output, mode: append, columns: [id], destination",
    );
    let file = folder.path().join("out/a.csv");
    let others = file.clone();
    let options = meanwhile(async move || fs::write(others, "id\n70\n71\n").unwrap());
    let error = run_in(folder.path(), &text, options).await;
    assert!(matches!(error, Err(PipelineError::Changed { .. })), "{error:?}");
    assert_eq!(fs::read_to_string(file).unwrap(), "id\n70\n71\n");
    assert!(ids_in_lake(folder.path()).await.is_empty());
}

#[tokio::test]
async fn columns_that_a_table_refuses_are_refused_before_anything_is_read() {
    let folder = folder();
    add_to_lake(lake(folder.path()), 70).await;
    put(folder.path(), "out/a.csv", "id\n77\n");
    let read = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&read);
    let options = Options {
        progress: Box::new(move |_| seen.store(true, Ordering::SeqCst)),
        ..Options::default()
    };
    let text = into_lake("in, table: orders", "append", "{id: status}");
    let error = run_in(folder.path(), &text, options).await.unwrap_err();
    expect![[r#"
        a mistake in test.yaml, nothing was done

        Error: Invalid destination in operation 2 (output)
          Reason: column `id` must be Int64, but is Utf8
          At: line 9, column 76
          Hint: convert with CAST, or write to another table
    "#]]
    .assert_eq(&format!("{error}\n"));
    assert!(!read.load(Ordering::SeqCst));
    assert_eq!(fs::read_to_string(folder.path().join("out/a.csv")).unwrap(), "id\n77\n");
}

/// A project with videos and what is cropped from them.
struct Studio {
    folder: tempfile::TempDir,
    project: Project,
}

const FEATURES: &str = "\
[[features]]
key = \"video/raw\"
id_columns = [\"video_id\"]
fields = [\"frames\"]
[[features]]
key = \"crop\"
id_columns = [\"video_id\"]
deps = [\"video/raw\"]
[[features]]
key = \"theirs\"
id_columns = [\"video_id\"]
external = true
";

impl Studio {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "metalith.toml", "project = \"test\"\n[stores.dev]\npath = \"store\"\n");
        put(folder.path(), "features.toml", FEATURES);
        let project = project_at(folder.path().to_path_buf());
        let studio = Self { folder, project };
        let store = studio.store().await;
        film(&store, studio.project.graph(), &[("v1", 1), ("v2", 2), ("v3", 3)]).await;
        studio
    }

    async fn store(&self) -> Store {
        self.project.open_store(None, Mode::Write).await.unwrap()
    }

    async fn run(&self, operations: &str, options: Options) -> Result<Report, PipelineError> {
        let mut surroundings = Surroundings::new(self.folder.path(), Timestamp::from_micros(NOW));
        surroundings.project = Some(&self.project);
        run(("studio.yaml", &in_studio(operations)), &surroundings, options).await
    }

    /// Current samples with their sizes.
    async fn samples(&self, feature: &str) -> Vec<String> {
        let key = feature.parse().unwrap();
        let options = ReadOptions::default();
        let Ok(rows) = self.store().await.read(self.project.graph(), &key, &options).await else {
            return Vec::new();
        };
        let rows = rows.collect().await.unwrap();
        let mut told: Vec<String> = rows_to_json(&rows)
            .iter()
            .map(|row| format!("{} {}", row["video_id"].as_str().unwrap(), row["size"]))
            .collect();
        told.sort();
        told
    }
}

fn project_at(folder: PathBuf) -> Project {
    Project::load(&ProjectOptions { project: Some(folder), ..ProjectOptions::default() }).unwrap()
}

async fn film(store: &Store, graph: &FeatureGraph, videos: &[(&str, i64)]) {
    let rows: Vec<_> = videos
        .iter()
        .map(|(id, size)| {
            let frames = format!("{id}/{size}");
            json!({ "video_id": id, "size": size, "metaxy_provenance_by_field": { "frames": frames } })
        })
        .collect();
    let rows = rows_of(&rows);
    let key = "video/raw".parse().unwrap();
    store.write(graph, &key, rows, &WriteOptions::default()).await.unwrap();
}

/// Somebody else films again, or deletes a video.
fn in_the_studio<F>(
    studio: &Studio,
    work: impl FnOnce(Store, FeatureGraph) -> F + Send + 'static,
) -> Options
where
    F: Future<Output = ()>,
{
    let folder = studio.folder.path().to_path_buf();
    meanwhile(async move || {
        let project = project_at(folder);
        let store = project.open_store(None, Mode::Write).await.unwrap();
        work(store, project.graph().clone()).await;
    })
}

fn in_studio(operations: &str) -> String {
    format!(
        "name: studio\n\
         datasources: [{{id: studio, type: store}}, {{id: out, path: out}}]\n\
         input: {{datasource_id: studio, table: video/raw}}\n\
         operations:\n\
         - {{seq: 1, type: delete, selector: size < 2}}\n\
         - {{seq: 2, type: output, destination: {{datasource_id: out, table: a.csv}}}}\n\
         {operations}"
    )
}

const TO_RAW: &str =
    "- {seq: 3, type: output, destination: {datasource_id: studio, table: video/raw}}\n";
const TO_CROP: &str =
    "- {seq: 4, type: output, destination: {datasource_id: studio, table: crop}}\n";
const FROM_RAW: &str = "- {seq: 5, type: output, mode: delete, destination: {datasource_id: studio, table: video/raw}}\n";

#[tokio::test]
async fn a_sample_that_was_deleted_meanwhile_does_not_come_back() {
    let studio = Studio::new().await;
    let options = in_the_studio(&studio, async |store, graph| {
        let filter = metalith_expr::parse("video_id = 'v2'").unwrap();
        let request = DeletionRequest::new(DeletionMode::Soft, vec![filter]);
        store.delete(&graph, &"video/raw".parse().unwrap(), &request).await.unwrap();
    });
    let error = studio.run(TO_RAW, options).await;
    assert!(matches!(error, Err(PipelineError::Changed { .. })), "{error:?}");
    assert_eq!(studio.samples("video/raw").await, ["v1 1", "v3 3"]);
    assert!(!studio.folder.path().join("out/a.csv").exists());
}

#[tokio::test]
async fn a_sample_that_was_made_anew_meanwhile_is_not_deleted() {
    let studio = Studio::new().await;
    let again = async |store: Store, graph: FeatureGraph| film(&store, &graph, &[("v1", 9)]).await;
    let error = studio.run(FROM_RAW, in_the_studio(&studio, again)).await;
    assert!(matches!(error, Err(PipelineError::Changed { .. })), "{error:?}");
    assert_eq!(studio.samples("video/raw").await, ["v1 9", "v2 2", "v3 3"]);
    assert!(!studio.folder.path().join("out/a.csv").exists());
    // What it sees now is large enough.
    studio.run(FROM_RAW, Options::default()).await.unwrap();
    assert_eq!(studio.samples("video/raw").await.len(), 3);
}

#[tokio::test]
async fn samples_are_deleted_by_the_ids_that_were_read() {
    let studio = Studio::new().await;
    let all = ["v1 1", "v2 2", "v3 3"];
    let assigned = "- {seq: 3, type: update, assignments: {video_id: \"'v3'\", other: \"'v2'\"}}\n";
    let renamed = FROM_RAW.replace("destination", "columns: {video_id: other}, destination");
    for (output, column) in [(FROM_RAW, "video_id"), (renamed.as_str(), "other")] {
        let error = studio.run(&format!("{assigned}{output}"), Options::default()).await;
        let told = error.unwrap_err().to_string();
        let expected = format!("operation 3 (update) assigns '{column}', which says what samples");
        assert!(told.contains(&expected), "{told}");
        assert_eq!(studio.samples("video/raw").await, all);
    }
    // Nor by values of another column, whatever they are called.
    let mut surroundings = Surroundings::new(studio.folder.path(), Timestamp::from_micros(NOW));
    surroundings.project = Some(&studio.project);
    let text = in_studio(FROM_RAW).replace(
        "table: video/raw}\n",
        "table: video/raw, columns: {video_id: other, size: size}}\n",
    );
    let rows = rows_of(&[
        json!({ "video_id": "v1", "other": "v3", "size": 1, "metaxy_provenance_by_field": { "frames": "x" } }),
    ]);
    let (store, key) = (studio.store().await, "video/raw".parse().unwrap());
    store.write(studio.project.graph(), &key, rows, &WriteOptions::default()).await.unwrap();
    let error = run(("studio.yaml", &text), &surroundings, Options::default()).await;
    let told = error.unwrap_err().to_string();
    assert!(told.contains("`columns` of `raw` assigns 'video_id', which says what"), "{told}");
    assert_eq!(studio.samples("video/raw").await, all);
}

#[tokio::test]
async fn a_sample_with_an_active_row_is_not_deleted() {
    let studio = Studio::new().await;
    put(studio.folder.path(), "out/more.csv", "video_id,size\nv1,5\nv4,0\n");
    let append = "- {seq: 3, type: append, input: {datasource_id: out, table: more}}\n";
    for dry_run in [true, false] {
        let options = Options { dry_run, ..Options::default() };
        let error = studio.run(&format!("{append}{FROM_RAW}"), options).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "operation 5 (output) would delete the sample v1 of `studio/video/raw`, of which \
             another row is active"
        );
        assert_eq!(studio.samples("video/raw").await, ["v1 1", "v2 2", "v3 3"]);
    }
    // With all of its rows deleted there is no doubt.
    let both = "- {seq: 4, type: delete, selector: size = 5 OR size = 0}\n";
    studio.run(&format!("{append}{both}{FROM_RAW}"), Options::default()).await.unwrap();
    assert_eq!(studio.samples("video/raw").await, ["v2 2", "v3 3"]);
}

#[tokio::test]
async fn what_was_computed_from_an_older_state_is_not_called_up_to_date() {
    let studio = Studio::new().await;
    let again = async |store: Store, graph: FeatureGraph| film(&store, &graph, &[("v2", 9)]).await;
    let error = studio.run(TO_CROP, in_the_studio(&studio, again)).await;
    assert!(matches!(error, Err(PipelineError::Changed { .. })), "{error:?}");
    assert_eq!(studio.samples("crop").await, [""; 0]);
    // A run's own commits are no change by others, in whatever order they come.
    let all = format!("{TO_RAW}{TO_CROP}{FROM_RAW}");
    studio.run(&all, Options::default()).await.unwrap();
    assert_eq!(studio.samples("video/raw").await, ["v2 9", "v3 3"]);
    assert_eq!(studio.samples("crop").await, ["v2 9", "v3 3"]);
}

#[tokio::test]
async fn rows_that_a_feature_refuses_leave_every_output_as_it_was() {
    let studio = Studio::new().await;
    let here = studio.folder.path();
    put(here, "out/a.csv", "id\n77\n");
    put(here, "more.csv", "video_id,size\nv2,5\n");
    let twice = "- {seq: 3, type: append, input: {datasource_id: more, table: more}}\n";
    let with_more = |rest: &str| {
        let to_raw = TO_RAW.replace("seq: 3", "seq: 6");
        format!("{twice}{rest}{to_raw}")
            .replace("datasource_id: more, table: more", "datasource_id: out, table: more")
    };
    fs::copy(here.join("more.csv"), here.join("out/more.csv")).unwrap();
    // The first feature would take its rows, the second has an id twice.
    let distinct = TO_CROP.replace("destination", "selector: size < 4, destination");
    let error = studio.run(&with_more(&distinct), Options::default()).await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("v2") && !told.contains("were written"), "{told}");
    assert_eq!(fs::read_to_string(here.join("out/a.csv")).unwrap(), "id\n77\n");
    assert_eq!(studio.samples("crop").await, [""; 0]);
    assert_eq!(studio.samples("video/raw").await, ["v1 1", "v2 2", "v3 3"]);
}

#[tokio::test]
async fn features_of_others_and_other_types_are_mistakes_in_the_file() {
    let studio = Studio::new().await;
    let operations = "\
        - {seq: 3, type: output, destination: {datasource_id: studio, table: theirs}}\n\
        - {seq: 4, type: output, mode: delete, destination: {datasource_id: studio, table: theirs}}\n\
        - {seq: 5, type: output, columns: {video_id: video_id, size: video_id}, destination: {datasource_id: studio, table: video/raw}}\n";
    let error = studio.run(operations, Options::default()).await.unwrap_err();
    expect![[r#"
        3 mistakes in studio.yaml, nothing was done

        Error: Invalid destination in operation 3 (output)
          Reason: feature `theirs` is written by another project
          At: line 7, column 39
          Hint: write to a feature of this project, or run it there

        Error: Invalid destination in operation 4 (output)
          Reason: feature `theirs` is written by another project
          At: line 8, column 53
          Hint: write to a feature of this project, or run it there

        Error: Invalid destination in operation 5 (output)
          Reason: cannot take these rows for `video/raw`: column `size` must be Int64, but is Utf8
          At: line 9, column 86
          Hint: convert the column before writing
    "#]]
    .assert_eq(&format!("{error}\n"));
}

#[tokio::test]
async fn a_run_that_fails_or_is_given_up_is_recorded_with_what_it_did() {
    let studio = Studio::new().await;
    let fails = "- {seq: 3, type: update, assignments: {size: 1 / (size - 2)}}\n";
    studio.run(fails, Options::default()).await.unwrap_err();
    let store = studio.store().await;
    let found = runs(&store).await.unwrap();
    let Outcome::Failed(error) = &found[0].outcome else { panic!("{found:?}") };
    assert!(error.contains("operation 3 (update) failed: Arrow error: Divide by zero"), "{error}");
    assert_eq!(found[0].details["code"], "pipeline.value");
    assert_eq!(found[0].details["inputs"][0]["version"]["table_version"], 0);
    assert_eq!(found[0].pipeline, "studio");

    let (give_up, given_up) = tokio::sync::oneshot::channel();
    let options = meanwhile(async move || give_up.send(()).unwrap());
    tokio::select! {
        biased;
        _ = given_up => {}
        done = studio.run(TO_CROP, options) => panic!("{done:?}"),
    }
    let found = runs(&store).await.unwrap();
    assert_eq!((found.len(), &found[1].outcome), (2, &Outcome::Interrupted));
    assert!(found[1].finished_at.is_some());
    assert_eq!(found[1].details["operations"][2]["type"], "output");
    assert_eq!(studio.samples("crop").await, [""; 0]);
    assert!(fs::read_dir(studio.folder.path().join("out")).unwrap().next().is_none());
}

#[tokio::test]
async fn a_trace_that_cannot_be_kept_is_remarked_and_fails_nothing() {
    let studio = Studio::new().await;
    let traces = studio.folder.path().join("traces");
    fs::create_dir(&traces).unwrap();
    let trace = Some(traces.join("t.jsonl"));
    let lost = meanwhile(async move || fs::remove_dir_all(traces).unwrap());
    let report = studio.run(TO_CROP, Options { trace, ..lost }).await.unwrap();
    assert!(report.remarks[0].starts_with("the trace could not be put in its place: "));
    assert_eq!(studio.samples("crop").await.len(), 2);
    let recorded = runs(&studio.store().await).await.unwrap();
    assert_eq!(recorded[0].outcome, Outcome::Succeeded);
    assert_eq!(recorded[0].details["remarks"][0], report.remarks[0]);
}
