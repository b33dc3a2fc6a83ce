//! `crates/pins`: the features of shared dependencies, chosen once.
//!
//! Cargo unites features over the packages it is asked to build. So `cargo test -p metalith-store`
//! and `cargo test --workspace` would each build their own `DataFusion`. A crate without code that
//! names the united features, and on which every crate from layer 2 up depends, makes both choose
//! the same.

mod manifest;
mod trees;

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use self::{
    manifest::Pins,
    trees::{Selection, Trees},
};
use crate::{root, tidy};

/// More rounds than this mean that the features chase each other.
const ROUNDS_MAX: usize = 10;

/// Writes `crates/pins/Cargo.toml` anew, until no selection of crates differs from the workspace.
pub(crate) fn generate() -> Result<()> {
    let file = root().join("crates/pins/Cargo.toml");
    let mut pins = Pins::default();
    std::fs::write(&file, pins.manifest())?;
    for _ in 0..ROUNDS_MAX {
        let missing = missing()?;
        if missing.is_empty() {
            println!("    {} packages pinned in crates/pins/Cargo.toml", pins.len());
            return Ok(());
        }
        pins.add(missing);
        std::fs::write(&file, pins.manifest())?;
    }
    bail!("no fixed point after {ROUNDS_MAX} rounds; look at `git diff crates/pins`")
}

/// Says which packages would be built twice.
pub(crate) fn check() -> Result<()> {
    let workspace = trees::everywhere(&Selection::Workspace)?;
    let mut names = BTreeSet::new();
    for selection in selections()? {
        for ((name, version), _) in trees::differing(&trees::everywhere(&selection)?, &workspace) {
            names.insert(format!("{name} {version}"));
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    bail!(
        "{} packages have other features in `-p` than in `--workspace`: {}\n\n\
         hint: run `cargo xtask pins` and commit crates/pins",
        names.len(),
        names.into_iter().collect::<Vec<_>>().join(", ")
    )
}

/// What the workspace builds with other features than one of its crates alone.
fn missing() -> Result<Vec<trees::Package>> {
    let workspace = Trees::load(&Selection::Workspace)?;
    let mut missing = Vec::new();
    for selection in selections()? {
        missing.extend(Trees::load(&selection)?.missing_from(&workspace));
    }
    missing.sort();
    missing.dedup();
    Ok(missing)
}

/// Each crate that shares features, built and tested alone.
fn selections() -> Result<Vec<Selection>> {
    let members = tidy::members_from_layer_2()?.into_iter();
    Ok(members.flat_map(|name| [Selection::Build(name.clone()), Selection::Test(name)]).collect())
}
