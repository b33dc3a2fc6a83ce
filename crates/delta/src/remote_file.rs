//! A data file in object storage, as the Parquet reader wants it.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt as _, TryFutureExt as _, future::BoxFuture};
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use parquet::{
    arrow::{arrow_reader::ArrowReaderOptions, async_reader::AsyncFileReader},
    errors::{ParquetError, Result},
    file::metadata::{ParquetMetaData, ParquetMetaDataReader},
};

/// Most footers fit into so many bytes at the end of a file, and come with one request.
const FOOTER_GUESS: u64 = 64 * 1024;

/// A data file in object storage.
#[derive(Debug)]
pub(crate) struct RemoteFile {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
    pub(crate) size: u64,
}

impl AsyncFileReader for RemoteFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.store.get_range(&self.path, range).map_err(ParquetError::from_storage).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move {
            let parts = self.store.get_ranges(&self.path, &ranges).await;
            parts.map_err(ParquetError::from_storage)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let guess = usize::try_from(size.min(FOOTER_GUESS)).ok();
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(guess);
            reader.load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}

trait FromStorage {
    fn from_storage(failed: object_store::Error) -> Self;
}

impl FromStorage for ParquetError {
    fn from_storage(failed: object_store::Error) -> Self {
        Self::External(Box::new(failed))
    }
}
