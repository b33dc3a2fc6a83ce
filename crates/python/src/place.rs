//! Where a store's tables are.

use std::{collections::BTreeMap, sync::Arc};

use metalith_base::Kind;
use metalith_delta::{Layout, open_backend};
use metalith_store::{Backend, MemoryBackend};
use pyo3::prelude::*;

use crate::errors::{raise, raise_as};

/// A place that keeps tables. Naming it does no I/O.
#[pyclass(frozen, module = "metalith._metalith")]
#[derive(Debug)]
pub(crate) struct Place(pub(crate) Arc<dyn Backend>);

#[pymethods]
impl Place {
    #[staticmethod]
    fn memory() -> Self {
        Self(Arc::new(MemoryBackend::new()))
    }

    #[staticmethod]
    fn delta(address: &str, options: BTreeMap<String, String>, layout: &str) -> PyResult<Self> {
        let layout = match layout {
            "nested" => Layout::Nested,
            "flat" => Layout::Flat,
            other => {
                let message = format!("`{other}` is no layout");
                let hint = Some("choose `nested` or `flat`");
                return Err(raise_as(Kind::Invalid, "store.layout", &message, hint));
            }
        };
        // The file and network clients of a place belong to worker threads.
        let workers = crate::wait::workers()?;
        let _entered = workers.enter();
        match open_backend(address, &options, layout) {
            Ok(backend) => Ok(Self(backend)),
            Err(error) => Err(raise(&error)),
        }
    }

    fn location(&self) -> String {
        self.0.location()
    }
}
