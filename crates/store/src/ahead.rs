//! Work that is begun before its turn.

use datafusion::common::runtime::SpawnedTask;
use futures::{Stream, StreamExt as _, stream};

use crate::StoreError;

/// Does the same for each of some items, for so many of them at once, and gives what comes of it in
/// their order.
///
/// Each is a task of its own from the beginning. A future that nobody asks yet would not begin, and
/// one that nobody asks any more would stand still with what it has locked, while something else is
/// done with what came before it. Who takes no more ends them all.
pub(crate) fn ahead<I, T, W>(
    items: impl IntoIterator<Item = I>,
    at_once: usize,
    mut work: impl FnMut(I) -> W,
) -> impl Stream<Item = Result<T, StoreError>>
where
    T: Send + 'static,
    W: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    stream::iter(items)
        .map(move |item| {
            let task = SpawnedTask::spawn(work(item));
            async move { task.join().await.map_err(StoreError::stopped)? }
        })
        .buffered(at_once)
}
