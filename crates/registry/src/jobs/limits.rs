//! How much jobs may make.

use metalith_base::Threshold;
use metalith_lifecycle::quota::{Meter, Usage};
use metalith_store::StoreError;

use crate::{
    Dataset, RegistryError, Session,
    record::{Sample, readable},
};

/// What the project's quota counts, of what samples name; `None` without a quota.
pub(super) async fn meter(session: &Session) -> Result<Option<Meter>, RegistryError> {
    let quota = session.space().project().settings().quota;
    Ok(Meter::if_limited(session.context(), quota).await?)
}

/// Refuses a dataset that would make it too much, together with everything there is.
pub(super) async fn require_room(session: &Session, more: Usage) -> Result<(), RegistryError> {
    let Some(meter) = meter(session).await? else { return Ok(()) };
    let mut held = meter.usage();
    // What lies below the folders of datasets is known by their records.
    let datasets = readable::<Dataset>(session, None).await?;
    held.bytes += datasets.iter().map(|it| it.bytes.unsigned_abs()).sum::<u64>();
    let samples = readable::<Sample>(session, None).await?;
    held.objects += samples.iter().map(|it| it.files.unsigned_abs()).sum::<u64>();
    let quota = session.space().project().settings().quota;
    within("objects", held.objects.saturating_add(more.objects), quota.objects)?;
    within("bytes", held.bytes.saturating_add(more.bytes), quota.bytes)
}

fn within(what: &'static str, held: u64, threshold: Threshold) -> Result<(), RegistryError> {
    match threshold.refuse.filter(|limit| held > *limit) {
        Some(limit) => Err(StoreError::Quota { what, held, limit }.into()),
        None => Ok(()),
    }
}
