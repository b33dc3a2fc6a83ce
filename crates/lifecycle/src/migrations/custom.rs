//! Functions of a project that migrations name.

use std::fmt;

use futures::future::BoxFuture;
use metalith_base::FeatureKey;
use metalith_store::{Frame, Function, FunctionError};

/// Calls functions of the project by name. Doors bring it: functions are in Python.
pub trait Functions: fmt::Debug + Send + Sync {
    /// Calls one with samples of a feature, as [`Function`] has it.
    fn call(
        &self,
        name: &str,
        feature: &FeatureKey,
        samples: Frame,
    ) -> BoxFuture<'_, Result<Frame, FunctionError>>;
}

/// The function of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) functions: &'a dyn Functions,
    pub(super) name: &'a str,
    pub(super) feature: &'a FeatureKey,
}

impl Function for Named<'_> {
    fn compute(&self, samples: Frame) -> BoxFuture<'_, Result<Frame, FunctionError>> {
        self.functions.call(self.name, self.feature, samples)
    }
}
