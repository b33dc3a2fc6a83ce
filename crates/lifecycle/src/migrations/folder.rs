//! The folder that migrations are kept in.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{Migration, MigrationError, file::check_id};

/// Every migration of a folder, by id. A folder that is not there has none.
pub fn read_folder(folder: &Path) -> Result<Vec<Migration>, MigrationError> {
    let failed = |source| MigrationError::File { action: "read", path: folder.into(), source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    let mut migrations = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            migrations.push(read_file(&path)?);
        }
    }
    migrations.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(migrations)
}

/// The migration of an id, or of a file that is named by its path.
pub fn find_file(folder: &Path, named: &str) -> Result<Migration, MigrationError> {
    let path = Path::new(named);
    if path.extension().is_some() || path.components().count() > 1 {
        return read_file(path);
    }
    check_id(named)?;
    let migrations = read_folder(folder)?;
    let known = migrations.iter().map(|it| it.id.clone()).collect();
    let found = migrations.into_iter().find(|it| it.id == named);
    found.ok_or_else(|| MigrationError::Unknown { id: named.to_owned(), known })
}

/// Writes a new migration into a folder. Nothing is overwritten.
pub fn write_file(folder: &Path, id: &str, text: &str) -> Result<PathBuf, MigrationError> {
    check_id(id)?;
    let path = folder.join(format!("{id}.yaml"));
    let failed = |source| MigrationError::File { action: "write", path: path.clone(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = std::fs::File::create_new(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(path)
}

fn read_file(path: &Path) -> Result<Migration, MigrationError> {
    let failed = |source| MigrationError::File { action: "read", path: path.into(), source };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Migration::parse(&path.display().to_string(), &text)
}
