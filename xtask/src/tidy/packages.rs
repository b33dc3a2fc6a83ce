//! Which crate may know what.

use std::collections::BTreeSet;

use serde_json::Value;

const TESTKIT: &str = "metalith-testkit";

/// The layer of each crate and the heavy dependencies it may have. A crate may depend on lower
/// layers, and within a layer as listed in [`SIDEWAYS`]. A crate missing here is a complaint:
/// where it belongs is a decision.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("metalith-base", 0, &[]),
    ("metalith-document", 0, &[]),
    ("metalith-graph", 1, &[]),
    ("metalith-expr", 1, &[]),
    ("metalith-store", 2, &["datafusion"]),
    ("metalith-objects", 2, &["object_store"]),
    ("metalith-delta", 2, &["datafusion", "deltalake-core", "object_store", "parquet"]),
    ("metalith-sql", 2, &["adbc_core", "adbc_driver_manager", "arrow"]),
    ("metalith-lifecycle", 3, &["datafusion"]),
    ("metalith-project", 3, &[]),
    ("metalith-ingest", 3, &["arrow", "datafusion", "object_store", "parquet"]),
    ("metalith-demo", 4, &["arrow"]),
    ("metalith-pipeline", 4, &["arrow", "datafusion"]),
    ("metalith-registry", 4, &["arrow"]),
    ("metalith-server", 5, &["arrow", "axum", "utoipa"]),
    ("metalith-cli", 6, &["arrow", "clap", "comfy-table", "indicatif"]),
    ("metalith-python", 7, &["arrow", "pyo3"]),
    (TESTKIT, 8, &["arrow", "datafusion", "object_store", "s3s", "s3s-fs"]),
    ("xtask", 9, &[]),
];

/// Dependencies within a layer that are part of the design.
const SIDEWAYS: &[(&str, &str)] = &[
    ("metalith-document", "metalith-base"),
    ("metalith-delta", "metalith-store"),
    ("metalith-delta", "metalith-objects"),
    ("metalith-sql", "metalith-store"),
    ("metalith-registry", "metalith-pipeline"),
];

const HEAVY: &[&str] = &[
    "adbc_core",
    "adbc_driver_manager",
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
    "utoipa",
    "pyo3",
];

/// What is wrong with our own packages.
pub(super) fn complaints(metadata: &Value) -> Vec<String> {
    let members: BTreeSet<&str> = strings(&metadata["workspace_members"]).collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|package| members.contains(text(package, "id")))
        .flat_map(|package| member_complaints(text(package, "name"), package))
        .collect()
}

/// The text under a key, or nothing.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The texts of a list.
pub(super) fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
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
        let for_tests = dep["kind"].as_str() == Some("dev");
        let heavy = HEAVY.contains(&dep_name) || dep_name.starts_with("s3s");
        if heavy && !for_tests && !rations.contains(&dep_name) {
            found.push(format!("`{name}` may not depend on `{dep_name}`, which is heavy"));
        }
        let upward = layer(dep_name).is_some_and(|(layer, _)| layer >= own_layer);
        let scenarios = for_tests && dep_name == TESTKIT && own_layer >= 2;
        if upward && !scenarios && !SIDEWAYS.contains(&(name, dep_name)) {
            found.push(format!("`{name}` may not depend on `{dep_name}`, which is not below it"));
        }
    }
    found
}

#[cfg(test)]
mod tests;
