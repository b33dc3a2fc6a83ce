//! Trying again when somebody else was faster.

use crate::StoreError;

/// How often something is tried anew because somebody wrote in between. Each time somebody made
/// progress.
const ATTEMPTS: usize = 20;

/// Does what a conflict makes obsolete once more, from its beginning, until it comes through; an
/// error says in the end how often it was tried.
pub async fn until_undisturbed<T, F>(attempt: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut attempts = 1;
    loop {
        match attempt().await {
            Err(StoreError::Conflict { .. }) if attempts < ATTEMPTS => attempts += 1,
            Err(StoreError::Conflict { feature, with, .. }) => {
                return Err(StoreError::Conflict { feature, with, attempts });
            }
            other => return other,
        }
    }
}
