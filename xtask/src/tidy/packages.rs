//! Which crate may know what.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const PINS: &str = "metalith-pins";

/// The layer of each crate and the heavy dependencies it may have. A crate may depend on lower
/// layers, and within layer 2 as listed in [`SIDEWAYS`]. A crate missing here is a complaint:
/// where it belongs is a decision.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("metalith-base", 0, &[]),
    ("metalith-document", 0, &[]),
    ("metalith-graph", 1, &[]),
    ("metalith-expr", 1, &[]),
    // No code, only features: it may name everything.
    (PINS, 1, HEAVY),
    ("metalith-store", 2, &["datafusion"]),
    ("metalith-objects", 2, &["object_store"]),
    ("metalith-delta", 2, &["datafusion", "deltalake-core", "object_store", "parquet"]),
    ("metalith-lifecycle", 3, &["datafusion"]),
    ("metalith-project", 3, &[]),
    ("metalith-ingest", 3, &["arrow", "datafusion", "object_store", "parquet"]),
    ("metalith-demo", 4, &["arrow"]),
    ("metalith-cli", 5, &["arrow", "clap", "comfy-table", "indicatif"]),
    ("metalith-testkit", 6, &["arrow", "datafusion", "s3s", "s3s-fs"]),
    ("xtask", 9, &[]),
];

/// Dependencies within a layer that are part of the design.
const SIDEWAYS: &[(&str, &str)] = &[
    ("metalith-document", "metalith-base"),
    ("metalith-delta", "metalith-store"),
    ("metalith-delta", "metalith-objects"),
];

const HEAVY: &[&str] = &[
    "arrow",
    "datafusion",
    "deltalake-core",
    "object_store",
    "parquet",
    "clap",
    "comfy-table",
    "indicatif",
    "s3s",
    "s3s-fs",
    "axum",
    "pyo3",
];

/// Of these there may be one version only.
const ONE_VERSION: &[&str] = &["arrow", "datafusion", "object_store", "parquet"];

/// Licences that the project may pass on, as they stand in manifests.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "0BSD",
    "CC0-1.0",
    "Unlicense",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "bzip2-1.0.6",
    "OpenSSL",
    "MPL-2.0",
];

/// The crates of layer 2 and above, without the developer commands.
pub(super) fn members_from_layer_2(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let names = packages.filter(|it| it["source"].is_null()).map(|it| text(it, "name"));
    let shares = |name: &&str| *name != "xtask" && layer(name).is_none_or(|(layer, _)| layer >= 2);
    names.filter(shares).map(ToOwned::to_owned).collect()
}

/// What is wrong with the packages of cargo's metadata.
pub(super) fn complaints(metadata: &Value) -> Vec<String> {
    let packages: Vec<&Value> = metadata["packages"].as_array().into_iter().flatten().collect();
    let members: BTreeSet<&str> = metadata["workspace_members"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut found = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let name = text(package, "name");
        if members.contains(text(package, "id")) {
            found.extend(member_complaints(name, package));
            continue;
        }
        versions.entry(name).or_default().insert(text(package, "version"));
        if text(package, "source").starts_with("git+") {
            found.push(format!("`{name}` comes from git; take it from the registry"));
        }
        if !licence_is_fine(text(package, "license")) {
            let licence = text(package, "license");
            found.push(format!(
                "the licence `{licence}` of `{name}` is not on the list in {}",
                file!()
            ));
        }
    }
    for name in ONE_VERSION {
        if let Some(several) = versions.get(name).filter(|it| it.len() > 1) {
            found.push(format!("there are several versions of `{name}`: {several:?}"));
        }
    }
    found
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn layer(name: &str) -> Option<(u8, &'static [&'static str])> {
    LAYERS.iter().find(|(known, _, _)| *known == name).map(|(_, layer, heavy)| (*layer, *heavy))
}

fn member_complaints(name: &str, package: &Value) -> Vec<String> {
    let Some((own_layer, rations)) = layer(name) else {
        return vec![format!("`{name}` has no layer: decide where it belongs in {}", file!())];
    };
    let mut found = Vec::new();
    for dep in package["dependencies"].as_array().into_iter().flatten() {
        let dep_name = text(dep, "name");
        if dep["kind"].as_str() == Some("dev") {
            continue;
        }
        if HEAVY.contains(&dep_name) && !rations.contains(&dep_name) {
            found.push(format!("`{name}` may not depend on `{dep_name}`, which is heavy"));
        }
        let upward = layer(dep_name).is_some_and(|(layer, _)| layer >= own_layer);
        if upward && !SIDEWAYS.contains(&(name, dep_name)) {
            found.push(format!("`{name}` may not depend on `{dep_name}`, which is not below it"));
        }
    }
    found
}

/// Whether one of the alternatives of a licence expression is allowed.
fn licence_is_fine(expression: &str) -> bool {
    let allowed = |licence: &str| LICENCES.contains(&licence.trim_matches(['(', ')', ' ']));
    allowed(expression)
        || expression
            .replace('/', " OR ")
            .split(" OR ")
            .any(|choice| choice.split(" AND ").all(allowed))
        || expression.split(" AND ").all(|part| part.split(" OR ").any(allowed))
}

#[cfg(test)]
mod tests;
