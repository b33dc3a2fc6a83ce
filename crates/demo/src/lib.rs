//! The main job on real files, told step by step: what `metalith demo` runs.
//!
//! The example of `examples/video` is written into a scratch folder, its videos are scanned, cut
//! and measured, and then things change underneath: a file, the code of one field, a file that
//! disappears, deletions. Every claim is checked against what the engine finds; the demo fails if
//! one does not hold.

mod error;
mod scene;
mod story;
mod video;
mod work;

use std::path::PathBuf;

pub use crate::error::DemoError;

/// Runs the demo in a new folder and tells it line by line.
pub async fn run(
    folder: Option<PathBuf>,
    say: &mut (dyn FnMut(&str) + Send + Sync),
) -> Result<(), DemoError> {
    let folder = folder.unwrap_or_else(|| {
        std::env::temp_dir().join(format!("metalith-demo-{}", uuid::Uuid::now_v7()))
    });
    story::tell(scene::Scene::set(folder)?, say).await
}
