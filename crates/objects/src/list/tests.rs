use std::collections::BTreeMap;

use futures::TryStreamExt as _;

use super::list;
use crate::open;

#[tokio::test]
async fn files_are_listed_by_relative_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("b")).unwrap();
    std::fs::write(folder.path().join("a.mp4"), "12").unwrap();
    std::fs::write(folder.path().join("b/c d.mp4"), "345").unwrap();
    let place = open(&folder.path().to_str().unwrap().parse().unwrap(), &BTreeMap::new()).unwrap();
    let mut found: Vec<_> = list(&place).try_collect().await.unwrap();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    let shown: Vec<_> = found.iter().map(|it| (it.path.as_str(), it.size)).collect();
    assert_eq!(shown, [("a.mp4", 2), ("b/c d.mp4", 3)]);
    assert!(found.iter().all(|it| it.modified > 1_600_000_000_000_000));
}

#[tokio::test]
async fn a_missing_folder_has_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let place = open(&missing.to_str().unwrap().parse().unwrap(), &BTreeMap::new()).unwrap();
    let found: Vec<_> = list(&place).try_collect().await.unwrap();
    assert!(found.is_empty());
}
