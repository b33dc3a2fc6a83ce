//! No room left.

use std::{fmt, process::Command, sync::Arc};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use futures::stream::BoxStream;
use metalith_delta::{DeltaBackend, Layout};
use metalith_objects::OpenedLocation;
use metalith_store::{Backend, StorageReason, StoreError};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

use crate::support::{append, data_files, entry, local, numbers, stored};

const PLACE: &str = "METALITH_TEST_FULL_DISK";

/// A disk of one megabyte, in a namespace of mounts of its own.
#[test]
fn a_full_disk_is_said_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m tmpfs \"$1\" || exit 77
        exec \"$2\" --exact full_disk::child --nocapture";
    let status = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .env(PLACE, folder.path())
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(1 | 77)) | Err(_) => {
            println!("no small disk can be mounted here: only the simulated one was tried");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let place = std::path::Path::new(&place);
    let backend = local(place);
    append(&backend, numbers([1])).await.unwrap();
    let error = append(&backend, megabytes()).await.unwrap_err();
    is_full(&error);
    assert_eq!(data_files(place).len(), 1);
    assert!(!entry(place, 1).exists());
    assert_eq!(stored(&local(place)).await.unwrap(), [1]);
    // What was half written is gone, so there is room again.
    append(&backend, numbers([2])).await.unwrap();
    assert_eq!(stored(&backend).await.unwrap(), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_object_store_is_said_and_changes_nothing() {
    let store = Arc::new(Full(InMemory::new()));
    let opened = OpenedLocation {
        store,
        prefix: Path::from("store"),
        url: url::Url::parse("memory:///store/").unwrap(),
        folder: None,
    };
    let backend = DeltaBackend::new(opened, "memory:///store".to_owned(), Layout::Nested);
    let backend: Arc<dyn Backend> = Arc::new(backend);
    append(&backend, numbers([1])).await.unwrap();
    is_full(&append(&backend, megabytes()).await.unwrap_err());
    assert_eq!(stored(&backend).await.unwrap(), [1]);
}

/// Numbers without a pattern that would save room.
fn megabytes() -> RecordBatch {
    numbers((0..1_000_000_i64).map(|number| number.wrapping_mul(0x1234_5678_9abc_def1)))
}

fn is_full(error: &StoreError) {
    let StoreError::Storage { action, reason, .. } = error else { panic!("{error:?}") };
    assert_eq!((*action, *reason), ("write", StorageReason::Full), "{error:?}");
}

/// A store in memory that has no room for objects of more than a megabyte.
#[derive(Debug)]
struct Full(InMemory);

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full")
    }
}

fn full() -> object_store::Error {
    let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
    object_store::Error::Generic { store: "Full", source: Box::new(source) }
}

#[async_trait]
impl ObjectStore for Full {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if payload.content_length() > 1024 * 1024 {
            return Err(full());
        }
        self.0.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        _path: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(full())
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}
