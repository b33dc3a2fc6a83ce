//! The vectors of the versioning contract, run as stories on an empty store.

mod case;
mod steps;

use std::{path::PathBuf, sync::Arc};

use metalith_store::{Backend, HashSettings};

pub use case::GoldenCase;

use self::steps::Asked;
use crate::both_ways::Ways;

/// Every vector of the repository, by name.
pub fn cases() -> Vec<GoldenCase> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the vectors are part of the repository")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 35, "vectors are missing from {}", folder.display());
    paths.iter().map(|path| GoldenCase::read(path)).collect()
}

/// Runs every vector, each on a fresh backend.
///
/// # Panics
///
/// With the name, the step and the difference, where a store does not do what a vector says.
pub async fn check_all<F>(backend: impl Fn() -> F)
where
    F: Future<Output = Arc<dyn Backend>>,
{
    let mut failures = Vec::new();
    let cases = cases();
    for case in &cases {
        if let Err(failure) = steps::run(case, backend().await, Asked::Everything).await {
            failures.push(format!("{}: {failure}", case.name()));
        }
    }
    let count = cases.len();
    assert!(failures.is_empty(), "{} of {count} vectors:\n{}", failures.len(), failures.join("\n"));
}

/// Takes the steps of every vector in stores that hash in some way, finds each increment where the
/// rows are and here, and tells how often the former was possible.
///
/// # Panics
///
/// Where both differ, or where a step fails that should not.
pub async fn check_both_ways<F>(hash: HashSettings, backend: impl Fn() -> F) -> Ways
where
    F: Future<Output = Arc<dyn Backend>>,
{
    let mut ways = Ways::default();
    for case in cases() {
        let case = case.hashing(hash);
        match steps::run(&case, backend().await, Asked::BothWays).await {
            Ok(of_case) => ways.add(&of_case),
            Err(failure) => panic!("{}: {failure}", case.name()),
        }
    }
    ways
}
