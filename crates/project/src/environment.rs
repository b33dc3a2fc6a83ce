//! Variables of the environment.

use std::{collections::BTreeMap, ffi::OsString};

/// A variable that changes a project's settings.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name; `<NAME>` stands for the name of a store in upper case.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// Every variable that is read. A new one is a line here and its use in `config.rs`.
pub const VARIABLES: &[Variable] = &[
    Variable { name: "METALITH_PROJECT", doc: "the project: a folder, or a metalith.toml" },
    Variable { name: "METALITH_STORE", doc: "the name of the store to use" },
    Variable {
        name: "METALITH_LOG",
        doc: "writes a log as JSON lines: error, warn, info, debug or trace",
    },
    Variable { name: "METALITH_SPACE", doc: "which of several spaces stores are taken for" },
    Variable { name: "METALITH_ACTOR", doc: "who is working, for the log of tables" },
    Variable { name: "METALITH_HASH_ALGORITHM", doc: "the hash algorithm stores must have" },
    Variable { name: "METALITH_HASH_LENGTH", doc: "the length hashes are cut to" },
    Variable { name: "METALITH_STORES__<NAME>__TYPE", doc: "of what kind a store is" },
    Variable { name: "METALITH_STORES__<NAME>__PATH", doc: "the folder or file of a store" },
    Variable { name: "METALITH_STORES__<NAME>__ADDRESS", doc: "the address of a store" },
    Variable {
        name: "METALITH_STORES__<NAME>__DRIVER",
        doc: "the ADBC driver of a store in a database: a name or a path",
    },
    Variable {
        name: "METALITH_DRIVERS__<TYPE>",
        doc: "the ADBC driver of stores in databases of a type that name none",
    },
    Variable {
        name: "METALITH_STORES__<NAME>__TABLE_PREFIX",
        doc: "what the names of a store's tables in a database begin with",
    },
    Variable {
        name: "METALITH_STORES__<NAME>__FALLBACK_STORES",
        doc: "the stores it falls back to, with commas between them",
    },
    Variable {
        name: "METALITH_STORES__<NAME>__OPTIONS__<KEY>",
        doc: "an option of a store's object storage or database",
    },
];

/// The variables of this process. Those that are no text are none that anything here reads.
pub fn variables() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// Who is logged in.
pub(crate) fn login(environment: &BTreeMap<String, String>) -> Option<String> {
    ["USER", "USERNAME"].iter().find_map(|name| environment.get(*name).cloned())
}

/// Replaces `${NAME}` and `${NAME:-default}` by variables; an unset one without a default is its
/// name.
pub(crate) fn expand(text: &str, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        expanded.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('}') else { break };
        let inner = &rest[start + 2..start + end];
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        match environment.get(name).map(String::as_str).or(default) {
            Some(value) => expanded.push_str(value),
            None => return Err(name.to_owned()),
        }
        rest = &rest[start + end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}
