//! Backends and rows for the tests.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use metalith_delta::{Layout, open_backend};
use metalith_store::Backend;

/// A backend over a folder.
pub(crate) fn local(folder: &Path) -> Arc<dyn Backend> {
    laid_out(folder, Layout::Nested)
}

pub(crate) fn laid_out(folder: &Path, layout: Layout) -> Arc<dyn Backend> {
    open_backend(folder.to_str().unwrap(), &BTreeMap::new(), layout).unwrap()
}
