//! Backups of a database in use, and integrity checks.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::open;

/// Why a backup failed. No file is left at the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    #[error("cannot back up to {path}: there is a file already; choose a new name")]
    Exists { path: String },
    #[error("cannot back up to {path}: {source}")]
    Storage { path: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The copy is damaged, and so is the database.
    #[error("cannot back up to {path}: the copy is damaged ({what}); check the database and its disk")]
    Damaged { path: String, what: String },
    #[error("cannot back up to {path}: the engine is shut down")]
    Closed { path: String },
}

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The first problems that SQLite reports, one per line.
    #[error("the database is damaged ({what}); stop the engine and restore a backup")]
    Damaged { what: String },
    #[error("the database could not be read: {source}")]
    Storage { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the engine is shut down")]
    Closed,
}

/// Writes a consistent copy of the database at `from` to `to`, and checks it. The copy has no free pages. Writers
/// continue meanwhile, and the write-ahead log grows by what they write.
pub(super) fn back_up(from: &Path, to: &Path) -> Result<(), BackupError> {
    let path = || to.display().to_string();
    let storage = |source: Box<dyn std::error::Error + Send + Sync>| BackupError::Storage { path: path(), source };
    if to.exists() {
        return Err(BackupError::Exists { path: path() });
    }
    // Only a complete and checked copy is renamed to the requested name.
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let _ = std::fs::remove_file(&partial);
    let copied = copy(from, &partial).and_then(|()| match problems(&partial)? {
        Some(what) => Err(BackupError::Damaged { path: path(), what }.into()),
        None => Ok(()),
    });
    let copied = copied.and_then(|()| {
        File::open(&partial)?.sync_all()?;
        // Unlike a rename, a link does not replace a file that has appeared in the meantime.
        std::fs::hard_link(&partial, to)?;
        open::sync_folder(to)?;
        Ok(())
    });
    let _ = std::fs::remove_file(&partial);
    copied.map_err(|error| match error.downcast::<BackupError>() {
        Ok(damaged) => *damaged,
        Err(source) => storage(source),
    })
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    // SQLite treats an empty file like a missing one, and keeps its permissions.
    open::create_private(to)?;
    let name = to.to_str().ok_or("the path is not UTF-8")?;
    let connection =
        Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.execute("VACUUM INTO ?", [name])?;
    Ok(())
}

/// The problems of the database at a path, or `None` if it is intact.
fn problems(path: &Path) -> Result<Option<String>, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    if !open::is_ours(&connection)? {
        return Ok(Some("it is not a Step Functions database".to_owned()));
    }
    Ok(check(&connection)?)
}

/// The maximum number of problems to report.
const PROBLEMS: i64 = 10;

/// Reads every page. Returns the problems of the database, or `None` if it is intact.
pub(super) fn check(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({PROBLEMS})"))?;
    let found: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok((found != ["ok"]).then(|| found.join("\n")))
}
