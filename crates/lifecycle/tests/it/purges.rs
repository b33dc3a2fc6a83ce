//! After a hard deletion no byte of the samples is in the store, whoever looks for it.

use std::{collections::BTreeMap, fs, path::Path};

use metalith_delta::{Layout, open_backend};
use metalith_lifecycle::deletion::{Cascade, RestoreMode};
use metalith_store::{DeletionMode, OpenOptions, Store};
use metalith_testkit::fixtures::{graph, write};
use serde_json::json;

use crate::support::{bring_back, delete, made, request};

const MARKER: &str = "marker-of-the-deleted";

fn marked(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(marked(&path));
        } else if fs::read(&path).unwrap().windows(MARKER.len()).any(|it| it == MARKER.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn no_byte_of_the_samples_is_left_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let backend =
        open_backend(folder.path().to_str().unwrap(), &BTreeMap::new(), Layout::Nested).unwrap();
    let store = Store::open(backend, OpenOptions::write()).await.unwrap();
    let graph = graph(
        "[[features]]\nkey = \"clip\"\nid_columns = [\"id\"]\n\
         [[features]]\nkey = \"crop\"\nid_columns = [\"id\"]\ndeps = [\"clip\"]\n",
    );
    // Written twice, hidden and brought back: history and tombstones hold it too.
    for round in ["first", "second"] {
        let clip = json!({ "id": MARKER, "note": format!("{MARKER} {round}") });
        let other = json!({ "id": "kept", "note": round });
        write(&store, &graph, "clip", &made("default", &[clip, other])).await.unwrap();
    }
    let crops = made("default", &[json!({ "id": MARKER }), json!({ "id": "kept" })]);
    write(&store, &graph, "crop", &crops).await.unwrap();
    let filter = format!("id = '{MARKER}'");
    let soft = request("clip", DeletionMode::Soft, &filter, Cascade::Downstream);
    let hidden = delete(&store, &graph, &soft).await;
    bring_back(&store, &graph, &hidden.id, RestoreMode::Apply).await.unwrap();
    assert!(!marked(folder.path()).is_empty());

    let hard = request("clip", DeletionMode::Hard, &filter, Cascade::Downstream);
    let done = delete(&store, &graph, &hard).await;
    assert_eq!(marked(folder.path()), Vec::<String>::new());
    assert!(done.files.files >= 4, "{done:?}");
    assert!(done.visible_until.is_some());
}
