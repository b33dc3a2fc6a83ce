//! What cargo would build, with which features.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::root;

/// What cargo is asked to build.
pub(super) enum Selection {
    /// `cargo test --workspace`
    Workspace,
    /// `cargo build -p`
    Build(String),
    /// `cargo test -p`
    Test(String),
}

/// Where a package runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Side {
    /// In the program.
    Target,
    /// In the compiler: macros and build scripts.
    Host,
}

/// A package whose features differ between selections, with those it has in the workspace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Package {
    pub(super) side: Side,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) features: BTreeSet<String>,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Name and version to the sets of features it is built with.
pub(super) type Built = BTreeMap<Id, BTreeSet<BTreeSet<String>>>;
pub(super) type Id = (String, String);

/// The packages of a selection: in the program, and everywhere.
pub(super) struct Trees {
    target: Built,
    all: Built,
}

impl Trees {
    pub(super) fn load(selection: &Selection) -> Result<Self> {
        let target = match selection {
            Selection::Build(_) => "normal,no-proc-macro",
            Selection::Workspace | Selection::Test(_) => "normal,dev,no-proc-macro",
        };
        Ok(Self { target: tree(selection, target)?, all: everywhere(selection)? })
    }

    /// What this selection builds and the workspace does not, as the workspace would build it.
    pub(super) fn missing_from(&self, workspace: &Self) -> Vec<Package> {
        let all_of = |sets: BTreeSet<BTreeSet<String>>| sets.into_iter().flatten().collect();
        let target = differing(&self.target, &workspace.target)
            .map(|(id, sets)| package(Side::Target, id, all_of(sets)));
        let workspace_host = workspace.host();
        let host = differing(&self.host(), &workspace.all).map(|(id, sets)| {
            // Where both sides have the same features the host has no set of its own.
            let own = workspace_host.get(&id).cloned().unwrap_or(sets);
            package(Side::Host, id, all_of(own))
        });
        target.chain(host).collect()
    }

    /// What is built differently for the compiler's side.
    fn host(&self) -> Built {
        let mut host = self.all.clone();
        for (id, sets) in &mut host {
            if let Some(target) = self.target.get(id) {
                sets.retain(|set| !target.contains(set));
            }
        }
        host.retain(|_, sets| !sets.is_empty());
        host
    }
}

/// What a selection builds, for the program and for the compiler.
pub(super) fn everywhere(selection: &Selection) -> Result<Built> {
    match selection {
        Selection::Build(_) => tree(selection, "normal,build"),
        Selection::Workspace | Selection::Test(_) => tree(selection, "normal,dev,build"),
    }
}

fn package(side: Side, (name, version): Id, features: BTreeSet<String>) -> Package {
    Package { side, name, version, features }
}

/// The packages of a selection that the workspace builds otherwise, as the workspace does.
pub(super) fn differing(
    one: &Built,
    workspace: &Built,
) -> impl Iterator<Item = (Id, BTreeSet<BTreeSet<String>>)> + use<> {
    let mut found = Vec::new();
    for (id, sets) in one {
        let Some(known) = workspace.get(id) else { continue };
        if !sets.is_subset(known) {
            found.push((id.clone(), known.clone()));
        }
    }
    found.into_iter()
}

fn tree(selection: &Selection, edges: &str) -> Result<Built> {
    let mut command = Command::new("cargo");
    command.args(["tree", "--prefix", "none", "-f", "{p}|{f}", "-e", edges]).current_dir(root());
    match selection {
        Selection::Workspace => command.arg("--workspace"),
        Selection::Build(name) | Selection::Test(name) => command.args(["-p", name]),
    };
    let output = command.output().context("cargo tree could not be started")?;
    if !output.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines such as `serde v1.0.229|default,std (*)`; our own crates are left out.
fn parse(text: &str) -> Built {
    let mut built = Built::new();
    for line in text.lines() {
        let Some((package, features)) = line.split_once('|') else { continue };
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        if package.contains("(/") || package.contains(":\\") {
            continue;
        }
        let features = features.trim_end_matches(" (*)");
        let features = features.split(',').filter(|it| !it.is_empty()).map(ToOwned::to_owned);
        let id = (name.to_owned(), version.trim_start_matches('v').to_owned());
        built.entry(id).or_default().insert(features.collect());
    }
    built
}

#[cfg(test)]
mod tests {
    use super::{Side, Trees, parse};

    #[test]
    fn a_missing_feature_is_found() {
        let trees = |text: &str| Trees { target: parse(text), all: parse(text) };
        let workspace = trees("serde v1.0.1|derive,std\nlog v0.4.0|\nours v0.1.0 (/x)|a");
        let found =
            trees("serde v1.0.1|std (*)\nlog v0.4.0|\nours v0.1.0 (/x)|").missing_from(&workspace);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].side, found[0].to_string().as_str()), (Side::Target, "serde 1.0.1"));
        assert_eq!(found[0].features.iter().collect::<Vec<_>>(), ["derive", "std"]);
        assert!(workspace.missing_from(&workspace).is_empty());
    }
}
