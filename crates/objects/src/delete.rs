//! Deleting many objects.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use object_store::{Error as StorageError, ObjectStoreExt as _, path::Path};

use crate::{ObjectError, ObjectReason, ObjectUri, OpenedLocation, classify};

/// How many objects one request names; the protocol of S3 allows no more.
const BATCH: usize = 1000;
/// How many requests are under way at once.
const AT_ONCE: usize = 4;
/// How often an object is tried before it counts as failed.
const ATTEMPTS: u32 = 3;
/// The pause before an object is tried a second time; then it doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// How many objects are looked for at once, of those whose address can be read in two ways.
const HEADS_AT_ONCE: usize = 16;

/// What became of an object that was to be deleted.
#[derive(Debug)]
pub enum Deleted {
    /// It is gone. Storage does not always say whether it was there.
    Gone,
    /// It is still there, as far as known.
    Failed(ObjectError),
}

/// Deletes objects of one place, a thousand a request, and tells of each what became of it, in
/// order. An object that is not there counts as gone. When storage turns out to be unreachable, the
/// rest is not tried.
pub async fn delete_all(
    place: &OpenedLocation,
    objects: Vec<ObjectUri>,
) -> Vec<(ObjectUri, Deleted)> {
    let batches: Vec<Vec<ObjectUri>> = objects.chunks(BATCH).map(<[ObjectUri]>::to_vec).collect();
    let down: Arc<OnceLock<String>> = Arc::default();
    let done = stream::iter(batches)
        .map(|batch| delete_batch(place, batch, Arc::clone(&down)))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    done.into_iter().flatten().collect()
}

async fn delete_batch(
    place: &OpenedLocation,
    batch: Vec<ObjectUri>,
    down: Arc<OnceLock<String>>,
) -> Vec<(ObjectUri, Deleted)> {
    if let Some(reason) = down.get() {
        let untried = |uri: ObjectUri| {
            let deleted = failed(&uri, reason.clone());
            (uri, deleted)
        };
        return batch.into_iter().map(untried).collect();
    }
    let untried = |uri: &ObjectUri| failed(uri, "storage gave no answer");
    let mut outcomes: Vec<Deleted> = batch.iter().map(untried).collect();
    let mut paths: Vec<(usize, Path)> = Vec::with_capacity(batch.len());
    let targets: Vec<_> = batch.iter().cloned().map(|uri| target(place.clone(), uri)).collect();
    let targets = stream::iter(targets).buffered(HEADS_AT_ONCE);
    for (index, target) in targets.collect::<Vec<_>>().await.into_iter().enumerate() {
        match target {
            Ok(path) => paths.push((index, path)),
            Err(source) => outcomes[index] = failed(&batch[index], source),
        }
    }
    let mut pause = PAUSE;
    for attempt in 1..=ATTEMPTS {
        if attempt > 1 {
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        let mut again = Vec::new();
        let request = request(place, paths.iter().map(|(_, path)| path.clone()).collect());
        let results = match request.await {
            Ok(results) => results,
            // The client has tried for a while already.
            Err(error) => {
                let reason = one_line(&error);
                if classify(&error) == Some(ObjectReason::Unreachable) {
                    down.get_or_init(|| reason.clone());
                }
                for (index, _) in paths {
                    outcomes[index] = failed(&batch[index], reason.clone());
                }
                break;
            }
        };
        for ((index, path), result) in paths.into_iter().zip(results) {
            match result {
                Ok(()) => outcomes[index] = Deleted::Gone,
                Err(Refused { source, is_final }) => {
                    outcomes[index] = failed(&batch[index], source);
                    if !is_final {
                        again.push((index, path));
                    }
                }
            }
        }
        paths = again;
        if paths.is_empty() {
            break;
        }
    }
    batch.into_iter().zip(outcomes).collect()
}

/// The key that an address means. One with percent-escapes means an object whose key has them, if
/// there is such a one; if there is also one whose key has them decoded, nobody can tell.
async fn target(
    place: OpenedLocation,
    uri: ObjectUri,
) -> Result<Path, Box<dyn std::error::Error + Send + Sync>> {
    let decoded = Path::parse(uri.key())?;
    let Some(spelled) = uri.spelled() else { return Ok(decoded) };
    let spelled = Path::parse(spelled)?;
    match (exists(&place, &spelled).await?, exists(&place, &decoded).await?) {
        (true, true) => {
            Err(format!("`{spelled}` and `{decoded}` are both there, and either is meant").into())
        }
        (true, false) => Ok(spelled),
        (false, _) => Ok(decoded),
    }
}

async fn exists(place: &OpenedLocation, path: &Path) -> Result<bool, StorageError> {
    match place.store.head(path).await {
        Ok(_) => Ok(true),
        Err(StorageError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Why one object was not deleted.
struct Refused {
    source: Box<dyn std::error::Error + Send + Sync>,
    /// Trying again will not help.
    is_final: bool,
}

/// One request for all of the paths, and what it did to each; or why it failed as a whole.
async fn request(
    place: &OpenedLocation,
    paths: Vec<Path>,
) -> Result<Vec<Result<(), Refused>>, StorageError> {
    let count = paths.len();
    let answers = place.store.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
    let answers: Vec<_> = answers.collect().await;
    let lost = |answer: &Result<Path, StorageError>| {
        let error = answer.as_ref().err();
        error.is_some_and(|error| classify(error) == Some(ObjectReason::Unreachable))
    };
    if answers.len() != count || answers.iter().any(lost) {
        let error = answers.into_iter().find_map(Result::err);
        let silent = || StorageError::Generic { store: "objects", source: "no answer".into() };
        return Err(error.unwrap_or_else(silent));
    }
    let mut results: Vec<Result<(), Refused>> = Vec::with_capacity(count);
    for answer in answers {
        results.push(match answer {
            Ok(_) | Err(StorageError::NotFound { .. }) => Ok(()),
            Err(error) => {
                let is_final = matches!(
                    error,
                    StorageError::PermissionDenied { .. } | StorageError::Unauthenticated { .. }
                );
                Err(Refused { source: error.into(), is_final })
            }
        });
    }
    Ok(results)
}

fn failed(uri: &ObjectUri, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Deleted {
    Deleted::Failed(ObjectError::storage("delete", uri.to_string(), source))
}

/// An error with its causes on one line.
fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
