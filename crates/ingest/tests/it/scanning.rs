//! A folder becomes samples, and changes with it.

use std::{collections::BTreeMap, path::Path};

use metalith_base::Diagnostic as _;
use metalith_graph::FeatureGraph;
use metalith_ingest::{Gone, ScanOptions, ScanReport, scan};
use metalith_objects::open;
use metalith_store::Store;
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
    [report.new, report.changed, report.unchanged, report.gone]
}

#[tokio::test]
async fn a_folder_becomes_samples_that_change_with_it() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    for (name, content) in [("a.txt", "one"), ("sub/b c%23é.txt", "two"), ("sub/skip.bin", "x")] {
        write(name, content);
    }
    let options = ScanOptions { glob: Some("**/*.txt".to_owned()), ..ScanOptions::default() };
    assert_eq!(counts(&look(&store, &graph, folder.path(), &options).await), [2, 0, 0, 0]);
    let hash =
        |content: &str| format!("xxh64:{:016x}", xxhash_rust::xxh64::xxh64(content.as_bytes(), 0));
    assert_eq!(
        read(&store, &graph, "raw", &["path", "size", "content_hash"]).await,
        [format!("a.txt 3 {}", hash("one")), format!("sub/b c%23é.txt 3 {}", hash("two"))]
    );

    let again = look(&store, &graph, folder.path(), &options).await;
    assert_eq!((counts(&again), again.bytes_read), ([0, 0, 2, 0], 0));

    write("a.txt", "changed");
    std::fs::remove_file(folder.path().join("sub/b c%23é.txt")).unwrap();
    let third = look(&store, &graph, folder.path(), &options).await;
    assert_eq!((counts(&third), third.deletion.as_ref()), ([0, 1, 0, 1], None));
    assert_eq!(read(&store, &graph, "raw", &["path"]).await.len(), 2, "gone is only reported");

    let options = ScanOptions { gone: Gone::SoftDelete, ..options };
    let fourth = look(&store, &graph, folder.path(), &options).await;
    assert!(fourth.deletion.is_some());
    assert_eq!(read(&store, &graph, "raw", &["path"]).await, ["a.txt"]);
}

#[tokio::test]
async fn a_quick_scan_reads_no_content() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "one").unwrap();
    let options = ScanOptions { quick: true, ..ScanOptions::default() };
    let report = look(&store, &graph, folder.path(), &options).await;
    assert_eq!((counts(&report), report.bytes_read), ([1, 0, 0, 0], 0));
    // Asked to read after all, it does.
    let report = look(&store, &graph, folder.path(), &ScanOptions::default()).await;
    assert_eq!((counts(&report), report.bytes_read), ([0, 1, 0, 0], 3));
}

#[tokio::test]
async fn a_folder_that_is_not_there_makes_nothing_look_gone() {
    let (store, graph) = (memory_store().await, graph(GRAPH));
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let location = missing.to_str().unwrap().parse().unwrap();
    let place = open(&location, &BTreeMap::new()).unwrap();
    let options = ScanOptions { gone: Gone::SoftDelete, ..ScanOptions::default() };
    let error = scan(&place, &store, &graph, &key("raw"), &options, &mut |_| {}).await;
    assert_eq!(error.expect_err("there is nothing to scan").kind().name(), "not-found");
}
