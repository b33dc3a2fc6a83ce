//! A folder becomes samples, and changes with it.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use metalith_base::Diagnostic as _;
use metalith_graph::FeatureGraph;
use metalith_ingest::{Gone, ScanOptions, ScanReport, scan};
use metalith_objects::open;
use metalith_store::{
    DeletionMode, DeletionRequest, MemoryBackend, OpenOptions, OverFallback, Store,
};
use metalith_testkit::fixtures::{graph, key, memory_store, read};

const GRAPH: &str = r#"
[[features]]
key = "raw"
id_columns = ["path"]
fields = ["content"]
"#;

async fn look(
    store: &Store,
    graph: &FeatureGraph,
    folder: &Path,
    options: &ScanOptions,
) -> ScanReport {
    let location = folder.to_str().unwrap().parse().unwrap();
    let place = open(&location, &BTreeMap::new()).unwrap();
    scan(&place, store, graph, &key("raw"), options, &mut |_| {}).await.unwrap()
}

fn counts(report: &ScanReport) -> [u64; 4] {
    [report.new, report.changed, report.unchanged, report.gone.unwrap()]
}

/// Writes a file that was changed `age` seconds ago.
fn write(folder: &Path, name: &str, content: &str, age: u64) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
}

#[tokio::test]
async fn a_folder_becomes_samples_that_change_with_it() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, content) in [("a.txt", "one"), ("sub/b c%23é.txt", "two"), ("sub/skip.bin", "x")] {
        write(folder, name, content, 60);
    }
    let options = ScanOptions { glob: Some("**/*.txt".to_owned()), ..ScanOptions::default() };
    assert_eq!(counts(&look(&store, &graph, folder, &options).await), [2, 0, 0, 0]);
    let hash = |content: &str| {
        format!("xxh64:{:016x}:3", xxhash_rust::xxh64::xxh64(content.as_bytes(), 0))
    };
    assert_eq!(
        read(&store, &graph, "raw", &["path", "size", "content_hash"]).await,
        [format!("a.txt 3 {}", hash("one")), format!("sub/b c%23é.txt 3 {}", hash("two"))]
    );

    let again = look(&store, &graph, folder, &options).await;
    assert_eq!((counts(&again), again.bytes_read), ([0, 0, 2, 0], 0));

    write(folder, "a.txt", "changed", 50);
    fs::remove_file(folder.join("sub/b c%23é.txt")).unwrap();
    let third = look(&store, &graph, folder, &options).await;
    assert_eq!((counts(&third), third.gone_samples.as_ref()), ([0, 1, 0, 1], None));
    assert_eq!(third.gone_examples, ["sub/b c%23é.txt"]);
    assert_eq!(read(&store, &graph, "raw", &["path"]).await.len(), 2, "gone is only reported");

    let options = ScanOptions { gone: Gone::Choose, ..options };
    let fourth = look(&store, &graph, folder, &options).await;
    let gone = fourth.gone_samples.unwrap();
    assert_eq!(gone.paths, ["sub/b c%23é.txt"]);
    let request = DeletionRequest::new(DeletionMode::Soft, vec![gone.filter()]);
    store.delete(&graph, &key("raw"), &request).await.unwrap();
    assert_eq!(read(&store, &graph, "raw", &["path"]).await, ["a.txt"]);
}

#[tokio::test]
async fn a_file_changed_just_before_it_was_scanned_is_read_again() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", "one", 0);
    let modified = fs::metadata(folder.path().join("a")).unwrap().modified().unwrap();
    look(&store, &graph, folder.path(), &ScanOptions::default()).await;
    // The same size and time, but another content: clocks of storage are coarse.
    write(folder.path(), "a", "two", 0);
    let file = fs::File::options().write(true).open(folder.path().join("a")).unwrap();
    file.set_modified(modified).unwrap();
    let report = look(&store, &graph, folder.path(), &ScanOptions::default()).await;
    assert_eq!(counts(&report), [0, 1, 0, 0]);
}

#[tokio::test]
async fn a_quick_scan_reads_no_content() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", "one", 60);
    let options = ScanOptions { quick: true, ..ScanOptions::default() };
    let report = look(&store, &graph, folder.path(), &options).await;
    assert_eq!((counts(&report), report.bytes_read), ([1, 0, 0, 0], 0));
    // Asked to read after all, it does.
    let report = look(&store, &graph, folder.path(), &ScanOptions::default()).await;
    assert_eq!((counts(&report), report.bytes_read), ([0, 1, 0, 0], 3));
}

#[tokio::test]
async fn samples_of_another_place_are_not_gone() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(one.path(), "a", "one", 60);
    write(other.path(), "b", "two", 60);
    let options = ScanOptions { gone: Gone::Choose, ..ScanOptions::default() };
    look(&store, &graph, one.path(), &options).await;
    let report = look(&store, &graph, other.path(), &options).await;
    assert_eq!((counts(&report), report.elsewhere), ([1, 0, 0, 0], 1));
    assert_eq!(read(&store, &graph, "raw", &["path"]).await, ["a", "b"]);
}

#[cfg(unix)]
#[tokio::test]
async fn links_in_a_circle_are_left_out_and_said() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "sub/a", "one", 60);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("sub/up")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("broken")).unwrap();
    let report = look(&store, &graph, folder.path(), &ScanOptions::default()).await;
    assert_eq!(counts(&report), [1, 0, 0, 0]);
    let mut skipped: Vec<&str> = report.skipped.first.iter().map(|it| it.path.as_str()).collect();
    skipped.sort_unstable();
    assert_eq!(skipped, ["broken", "sub/up"]);
}

#[tokio::test]
async fn a_feature_of_a_new_version_takes_hashes_over_without_reading() {
    let (store, old) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", "one", 60);
    look(&store, &old, folder.path(), &ScanOptions::default()).await;
    let new = GRAPH.replace("[\"content\"]", "[{ key = \"content\", code_version = \"2\" }]");
    let report = look(&store, &graph(&new), folder.path(), &ScanOptions::default()).await;
    assert_eq!((counts(&report), report.bytes_read), ([1, 0, 0, 0], 0));
}

/// Scans a place that must be refused, asking for what is gone to be deleted.
async fn refused(store: &Store, graph: &FeatureGraph, folder: &Path) -> &'static str {
    let place = open(&folder.to_str().unwrap().parse().unwrap(), &BTreeMap::new()).unwrap();
    let options = ScanOptions { gone: Gone::Choose, ..ScanOptions::default() };
    let error = scan(&place, store, graph, &key("raw"), &options, &mut |_| {}).await;
    error.expect_err("nothing can be concluded from this").kind().name()
}

#[tokio::test]
async fn a_disk_that_is_not_there_makes_nothing_look_gone() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "disk/a", "one", 60);
    let disk = folder.path().join("disk");
    look(&store, &graph, &disk, &ScanOptions::default()).await;

    fs::remove_file(disk.join("a")).unwrap();
    assert_eq!(refused(&store, &graph, &disk).await, "blocked", "an empty mount point");
    fs::remove_dir(&disk).unwrap();
    assert_eq!(refused(&store, &graph, &disk).await, "not-found");
    assert_eq!(read(&store, &graph, "raw", &["path"]).await, ["a"]);
}

#[tokio::test]
async fn a_scan_into_a_branch_hides_nothing_unless_asked_and_then_takes_every_file() {
    let (prod, graph) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "a.txt", "one", 60);
    let plain = ScanOptions::default();
    look(&prod, &graph, folder, &plain).await;
    let options = OpenOptions { fallback: Some(prod.clone()), ..OpenOptions::write() };
    let branch = Store::open(Arc::new(MemoryBackend::new()), options).await.unwrap();
    // Nothing to write, nothing to hide.
    assert_eq!(counts(&look(&branch, &graph, folder, &plain).await), [0, 0, 1, 0]);
    write(folder, "b.txt", "two", 60);
    let location = folder.to_str().unwrap().parse().unwrap();
    let place = open(&location, &BTreeMap::new()).unwrap();
    let refused = scan(&place, &branch, &graph, &key("raw"), &plain, &mut |_| {}).await;
    let refused = refused.expect_err("it would hide a.txt");
    assert_eq!(refused.kind().name(), "blocked");
    assert!(branch.features().await.unwrap().is_empty());
    let hide = ScanOptions { over_fallback: OverFallback::Hide, ..plain };
    assert_eq!(counts(&look(&branch, &graph, folder, &hide).await), [2, 0, 0, 0]);
    assert_eq!(read(&branch, &graph, "raw", &["path"]).await, ["a.txt", "b.txt"]);
    assert_eq!(read(&prod, &graph, "raw", &["path"]).await, ["a.txt"]);
}
