//! The folder that migrations are kept in.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{Migration, MigrationError, file::check_id};

/// What is in the folder that migrations are kept in.
#[derive(Debug, Default)]
pub struct Folder {
    /// The migrations with their files, by id.
    pub migrations: Vec<(PathBuf, Migration)>,
    /// Files that cannot be read, with what is wrong with them. They are in nobody's way but their
    /// own.
    pub unreadable: Vec<(PathBuf, MigrationError)>,
}

/// Every migration of a folder. A folder that is not there has none.
pub fn read_folder(folder: &Path) -> Result<Folder, MigrationError> {
    let failed = |source| MigrationError::File { action: "read", path: folder.into(), source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Folder::default()),
        other => other.map_err(failed)?,
    };
    let mut found = Folder::default();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            match read_file(&path) {
                Ok(migration) => found.migrations.push((path, migration)),
                Err(error) => found.unreadable.push((path, error)),
            }
        }
    }
    found
        .migrations
        .sort_by(|(one, of_one), (other, of_other)| (&of_one.id, one).cmp(&(&of_other.id, other)));
    found.unreadable.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// The migration of an id, or of a file that is named by its path.
pub fn find_file(folder: &Path, named: &str) -> Result<Migration, MigrationError> {
    let path = Path::new(named);
    if path.extension().is_some() || path.components().count() > 1 {
        return read_file(path);
    }
    check_id(named)?;
    let Folder { mut migrations, unreadable } = read_folder(folder)?;
    let known = migrations.iter().map(|(_, it)| it.id.clone()).collect();
    migrations.retain(|(_, it)| it.id == named);
    if migrations.len() > 1 {
        let files = migrations.into_iter().map(|(path, _)| path).collect();
        return Err(MigrationError::Several { id: named.to_owned(), files });
    }
    if let Some((_, migration)) = migrations.pop() {
        return Ok(migration);
    }
    let is_named = |path: &Path| path.file_stem().is_some_and(|stem| stem == named);
    match unreadable.into_iter().find(|(path, _)| is_named(path)) {
        Some((_, error)) => Err(error),
        None => Err(MigrationError::Unknown { id: named.to_owned(), known }),
    }
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
