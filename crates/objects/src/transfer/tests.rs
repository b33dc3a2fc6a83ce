use std::{collections::BTreeMap, fs};

use futures::TryStreamExt as _;

use super::{Finished, PART, Upload, download, object_state};
use crate::{ObjectLocation, list, open};

#[tokio::test]
async fn what_goes_up_comes_down_again_however_large() {
    let folder = tempfile::tempdir().unwrap();
    let location = ObjectLocation::Local(folder.path().join("there"));
    let place = open(&location, &BTreeMap::new()).unwrap();
    for size in [0, 1, PART, 2 * PART + 3] {
        let content: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let from = folder.path().join("from");
        fs::write(&from, &content).unwrap();
        let before = object_state(&place, "a/b.bin").await.unwrap();
        let upload = Upload::begin(&place, "a/b.bin", &from).await.unwrap();
        assert_eq!(upload.finish(before.as_ref()).await.unwrap(), Finished::Done);
        let entries: Vec<_> = list(&place).try_collect().await.unwrap();
        assert_eq!((entries.len(), entries[0].path.as_str()), (1, "a/b.bin"));
        let mut back = Vec::new();
        download(&place, &entries[0], &mut back).await.unwrap();
        assert!(back == content, "{size} bytes");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_makes_no_object() {
    let folder = tempfile::tempdir().unwrap();
    let location = ObjectLocation::Local(folder.path().join("there"));
    let place = open(&location, &BTreeMap::new()).unwrap();
    Upload::begin(&place, "a", &folder.path().join("nothing")).await.unwrap_err();
    let entries: Vec<_> = list(&place).try_collect().await.unwrap();
    assert_eq!(entries, []);
}

#[tokio::test]
async fn what_others_put_there_meanwhile_stays() {
    let folder = tempfile::tempdir().unwrap();
    let location = ObjectLocation::Local(folder.path().join("there"));
    let place = open(&location, &BTreeMap::new()).unwrap();
    for size in [1, PART + 1] {
        let from = folder.path().join("from");
        fs::write(&from, vec![7; size]).unwrap();
        for others in [&b"theirs"[..], b"theirs, changed"] {
            let before = object_state(&place, "a").await.unwrap();
            let upload = Upload::begin(&place, "a", &from).await.unwrap();
            fs::create_dir_all(folder.path().join("there")).unwrap();
            fs::write(folder.path().join("there/a"), others).unwrap();
            assert_eq!(upload.finish(before.as_ref()).await.unwrap(), Finished::Changed);
            assert_eq!(fs::read(folder.path().join("there/a")).unwrap(), others);
        }
        fs::remove_file(folder.path().join("there/a")).unwrap();
    }
}
