//! A new project.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "errors of the system are many; one of them is told apart"
)]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::ProjectError;

const CONFIG: &str = r#"# What this project is called; recorded with every graph that is pushed.
project = "NAME"

# Files that declare features; `*` stands for any text in a file name.
features = ["features.toml"]

# The store that is used unless `--store` or METALITH_STORE names another.
store = "dev"

[stores.dev]
path = ".metalith/store"

# A store in object storage; credentials come from the usual environment.
# [stores.prod]
# address = "s3://bucket/prefix"
# options = { endpoint = "https://s3.example.com" }

# Hashes are 64-bit xxHash, uncut, unless a store was created with others.
# [hash]
# algorithm = "xxhash64"
"#;

const FEATURES: &str = r#"# Samples that come from outside: `metalith scan FOLDER --feature video/raw` fills this.
[[features]]
key = "video/raw"
id_columns = ["path"]
fields = ["content"]

# What is computed from them. Change `code_version` when the code does.
[[features]]
key = "video/crop"
id_columns = ["path"]
deps = ["video/raw"]
fields = [{ key = "content", code_version = "1" }]
"#;

/// Writes a new project into a folder and returns the files written. Nothing is overwritten.
pub fn init(folder: &Path, name: &str) -> Result<Vec<PathBuf>, ProjectError> {
    let failed = |action, path: &Path| {
        let path = path.to_path_buf();
        move |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AlreadyExists => ProjectError::Exists { path },
            _ => ProjectError::File { action, path, source },
        }
    };
    let config = CONFIG.replace("NAME", &name.replace(['"', '\\'], "-"));
    let files = [("metalith.toml", config.as_str()), ("features.toml", FEATURES)];
    let paths = files.map(|(name, _)| folder.join(name));
    if let Some(path) = paths.iter().find(|path| path.exists()) {
        return Err(ProjectError::Exists { path: path.clone() });
    }
    std::fs::create_dir_all(folder).map_err(failed("create", folder))?;
    for (path, (_, content)) in paths.iter().zip(files) {
        let mut file = std::fs::File::create_new(path).map_err(failed("create", path))?;
        file.write_all(content.as_bytes()).map_err(failed("write", path))?;
    }
    Ok(paths.to_vec())
}
