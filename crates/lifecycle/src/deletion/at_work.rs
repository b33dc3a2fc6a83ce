//! Who is at work on a deletion: of several processes one, and the others leave it alone.
//!
//! Every step of a deletion happens once, however many work on it; the lease keeps them from telling
//! the same twice. One that died keeps it for a few seconds.

use std::{convert::Infallible, time::Duration};

use metalith_base::FeatureKey;
use metalith_store::{Keys, Store, StoreError};

use crate::{journal, leases};

/// For how long somebody who died keeps others from taking up a deletion.
const LASTS: Duration = Duration::from_secs(15);

/// Works on a deletion; `None` while somebody else does.
pub(super) async fn alone<T>(
    store: &Store,
    deletion: &str,
    work: impl Future<Output = T>,
) -> Result<Option<T>, StoreError> {
    let (name, holder) = (format!("deletion/{deletion}"), uuid::Uuid::now_v7().to_string());
    let Some(lease) = leases::acquire(store, &name, &holder, LASTS).await? else { return Ok(None) };
    let keep = async {
        loop {
            tokio::time::sleep(LASTS / 4).await;
            // Losing it is no reason to stop in the middle: all that is at stake is who tells of it.
            leases::acquire(store, &name, &holder, LASTS).await.ok();
        }
    };
    let done = tokio::select! {
        done = work => done,
        never = keep => {
            let never: Infallible = never;
            match never {}
        }
    };
    // It ends by itself if it cannot be given back.
    leases::release(store, &lease).await.ok();
    Ok(Some(done))
}

/// Whether a deletion that is not finished names any of some samples. To be asked by those who just
/// wrote something that needs these samples: a deletion is written down before it looks whether
/// anything needs what it deletes, so one of both sees the other.
pub async fn being_deleted(
    store: &Store,
    feature: &FeatureKey,
    samples: &Keys,
) -> Result<bool, StoreError> {
    for pending in journal::pending(store).await? {
        let steps = pending.intent.steps.iter();
        for step in steps.filter(|it| it.feature == *feature && it.set_null.is_empty()) {
            let Some(keys) = &step.keys else { return Ok(true) };
            if !keys.is_empty() && samples.without(keys)?.len() < samples.len() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
