//! Places that are no stores, or cannot be entered.

use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use metalith_base::{Diagnostic as _, Kind};
use metalith_delta::{Layout, open_backend};
use metalith_store::{HashSettings, MarkerState, StorageReason, StoreError, StoreMarker};
use metalith_testkit::s3_server::{BUCKET, S3Server};

use crate::support::{append, feature, laid_out, local, numbers, stored};

fn marker() -> StoreMarker {
    StoreMarker { format: StoreMarker::FORMAT, hash: HashSettings::default() }
}

#[tokio::test]
async fn looking_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let backend = local(&missing);
    assert_eq!(backend.marker().await.unwrap(), MarkerState::Empty);
    assert!(backend.tables().await.unwrap().is_empty());
    assert!(!missing.exists());
    backend.create(marker()).await.unwrap();
    assert_eq!(local(&missing).marker().await.unwrap(), MarkerState::Store(marker()));
}

#[tokio::test]
async fn a_folder_with_something_else_is_occupied() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let state = local(folder.path()).marker().await.unwrap();
    assert_eq!(state, MarkerState::Occupied("a file `notes.txt`".to_owned()));
    fs::create_dir_all(folder.path().join("src/a.delta")).unwrap();
    let state = local(folder.path()).marker().await.unwrap();
    assert_eq!(state, MarkerState::Occupied("a folder `src`".to_owned()));
    let state = local(&folder.path().join("notes.txt")).marker().await.unwrap();
    assert_eq!(state, MarkerState::Occupied("a file".to_owned()));
}

#[tokio::test]
async fn a_damaged_marker_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("metalith-store.json"), "{").unwrap();
    let error = local(folder.path()).marker().await.unwrap_err();
    assert!(error.to_string().ends_with("metalith-store.json"), "{error}");
}

#[tokio::test]
async fn layouts_are_different_folders() {
    let folder = tempfile::tempdir().unwrap();
    let flat = laid_out(folder.path(), Layout::Flat);
    append(&flat, numbers([1])).await.unwrap();
    assert!(folder.path().join("video__raw.delta/_delta_log").is_dir());
    assert_eq!(flat.tables().await.unwrap(), [feature()]);
    assert!(local(folder.path()).tables().await.unwrap().is_empty());
}

/// Root may do everything, so the folder is a file here: that stops anybody.
#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    let backend = local(&folder.path().join("file/store"));
    let error = append(&backend, numbers([1])).await.unwrap_err();
    assert!(matches!(error, StoreError::Storage { .. }), "{error:?}");
    assert!(error.to_string().contains("file/store"), "{error}");
}

#[tokio::test]
async fn a_folder_without_permission_is_denied() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("store");
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o555)).unwrap();
    let root = fs::write(place.join("probe"), "x").is_ok();
    let appended = append(&local(&place), numbers([1])).await;
    if root {
        // Nothing is denied to root: the write must then have succeeded.
        assert_eq!(appended.unwrap().rows, 1);
    } else {
        let Err(StoreError::Storage { reason, .. }) = appended else { panic!("{appended:?}") };
        assert_eq!(reason, StorageReason::Denied);
    }
}

#[tokio::test]
async fn an_unreachable_bucket_is_said_soon() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let options = [
        ("endpoint", endpoint.as_str()),
        ("region", "us-east-1"),
        ("access_key_id", "key"),
        ("secret_access_key", "secret"),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let backend = open_backend("s3://bucket/store", &options.into(), Layout::Nested).unwrap();
    let start = Instant::now();
    let error = backend.marker().await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(error.kind(), Kind::Unavailable);
    let StoreError::Storage { reason, location, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*reason, StorageReason::Unreachable);
    assert!(location.starts_with("s3://bucket/store"), "{location}");
}

#[tokio::test]
async fn wrong_credentials_are_denied() {
    let server = S3Server::start();
    let mut options = server.options();
    options.insert("secret_access_key".to_owned(), "wrong".to_owned());
    let address = format!("s3://{BUCKET}/store");
    let backend = open_backend(&address, &options, Layout::Nested).unwrap();
    let error = backend.marker().await.unwrap_err();
    let StoreError::Storage { reason, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*reason, StorageReason::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_is_said() {
    let server = S3Server::start();
    let backend = open_backend("s3://other/store", &server.options(), Layout::Nested).unwrap();
    let error = backend.marker().await.unwrap_err();
    let StoreError::Storage { source, .. } = &error else { panic!("{error:?}") };
    assert!(source.to_string().contains("NoSuchBucket"), "{source}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_table_leaves_no_objects() {
    let server = S3Server::start();
    let address = format!("s3://{BUCKET}/store");
    let backend = open_backend(&address, &server.options(), Layout::Nested).unwrap();
    for start in 0..3 {
        append(&backend, numbers([start])).await.unwrap();
    }
    assert_eq!(stored(&backend).await.unwrap(), [0, 1, 2]);
    assert!(backend.drop_table(&feature()).await.unwrap());
    let mut left = Vec::new();
    let mut folders = vec![server.bucket_folder()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { left.push(path) }
        }
    }
    assert!(left.is_empty(), "{left:?}");
}
