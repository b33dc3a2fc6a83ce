//! Stores that lie below another one, and beside each other.

use std::sync::Arc;

use crate::{Absent, Backend, MarkerState, OpenOptions, Store, StoreError};

/// Which store a space lies below, under which name.
#[derive(Clone, Debug)]
pub struct SpaceOf {
    /// The store above.
    pub above: Arc<dyn Backend>,
    /// The name of the space.
    pub name: String,
    /// Whether somebody said so. Else its address looks like that of a space, and what is above may
    /// be no store at all.
    pub is_declared: bool,
}

impl Store {
    /// The names of the spaces that have stores of their own below this one.
    pub async fn spaces(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.backend().spaces().await?.into_keys().collect())
    }

    /// The names of the other spaces of the store that this one is a space of.
    pub async fn spaces_beside(&self) -> Result<Vec<String>, StoreError> {
        let Some(SpaceOf { above, name, .. }) = &self.space_of else { return Ok(Vec::new()) };
        Ok(above.spaces().await?.into_keys().filter(|it| it != name).collect())
    }

    /// Every other store that shares its place with this one, open for reading: the spaces below
    /// it, and the store above it with the other spaces there. One that cannot be opened is an error.
    pub async fn beside(&self) -> Result<Vec<Self>, StoreError> {
        let mut places: Vec<_> = self.backend().spaces().await?.into_values().collect();
        if let Some(SpaceOf { above, name, is_declared }) = &self.space_of {
            let spaces = above.spaces().await?;
            places.extend(spaces.into_iter().filter(|(it, _)| it != name).map(|(_, it)| it));
            if *is_declared || !matches!(above.marker().await?, MarkerState::Occupied(_)) {
                places.push(Arc::clone(above));
            }
        }
        let mut stores = Vec::new();
        for place in places {
            let clock = Arc::clone(self.clock());
            // Nobody may have written to the store above yet.
            let options = OpenOptions { absent: Absent::Empty, clock, ..OpenOptions::read() };
            stores.push(Self::open(place, options).await?);
        }
        Ok(stores)
    }
}
