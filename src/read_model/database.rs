//! The SQLite file of a read model. A file that cannot be used is replaced by a new one.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

/// The version of the schema. A file of another version is replaced.
const VERSION: i64 = 6;

const SCHEMA: &str = include_str!("schema.sql");

/// Kilobytes of each connection's page cache. It is small because the operating system caches the file too.
const CACHE: i64 = 1024;

/// The number of statements that a connection keeps prepared.
const STATEMENTS: usize = 64;

/// How long to wait for another process that has the file locked, such as the `sqlite3` shell.
const BUSY: Duration = Duration::from_secs(2);

/// One connection writes. Readers have connections of their own and do not wait for it.
pub struct Database {
    path: PathBuf,
    writer: Mutex<Connection>,
    /// The connections that are not in use.
    readers: Mutex<Vec<Connection>>,
}

impl Database {
    /// Opens the file at `path`. A file that is damaged or is not a copy of `source` is replaced by an empty one. Blocks on
    /// the disk.
    pub fn open(path: &Path, source: &str) -> rusqlite::Result<Self> {
        let writer = match open_writer(path, source) {
            Ok(Some(writer)) => writer,
            unusable => {
                if let Err(error) = unusable {
                    tracing::warn!(file = %path.display(), %error, "the read model is damaged and will be built again");
                }
                delete(path);
                create(path, source)?
            }
        };
        Ok(Self { path: path.to_owned(), writer: Mutex::new(writer), readers: Mutex::default() })
    }

    /// Reads from one snapshot of the data. Blocks on the disk.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let free = unpoisoned(&self.readers).pop();
        let mut reader = free.map_or_else(|| open_reader(&self.path), Ok)?;
        let transaction = reader.transaction()?;
        let read = read(&transaction)?;
        drop(transaction);
        unpoisoned(&self.readers).push(reader);
        Ok(read)
    }

    /// Writes in one transaction. An error rolls it back. Blocks on the disk.
    pub fn write<T>(&self, write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut writer = unpoisoned(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let written = write(&transaction)?;
        transaction.commit()?;
        Ok(written)
    }
}

/// A panic while a connection was in use has rolled its transaction back, so the connection can be used again.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Returns `None` if the file is missing, has another version, or is a copy of other tables.
fn open_writer(path: &Path, source: &str) -> rusqlite::Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = configured(Connection::open(path)?)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != VERSION {
        return Ok(None);
    }
    let copied: Option<String> = connection.query_row("SELECT source FROM about", [], |row| row.get(0)).optional()?;
    Ok((copied.as_deref() == Some(source)).then_some(connection))
}

fn create(path: &Path, source: &str) -> rusqlite::Result<Connection> {
    let mut connection = configured(Connection::open(path)?)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute("INSERT INTO about VALUES (?1)", [source])?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(connection)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = configured(Connection::open_with_flags(path, flags)?)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Commits do not wait for the disk. If a crash of the machine loses the last ones, the follower reads those changes from
/// the tables again.
fn configured(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn delete(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        // A file that cannot be deleted makes the next step fail.
        let _ = fs::remove_file(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feeds(database: &Database) -> i64 {
        database.read(|connection| connection.query_row("SELECT count(*) FROM feeds", [], |row| row.get(0))).unwrap()
    }

    fn write_one(database: &Database) {
        database.write(|transaction| transaction.execute("INSERT INTO feeds VALUES ('any', 0, 0)", [])).unwrap();
    }

    #[test]
    fn a_file_keeps_its_data_unless_it_is_a_copy_of_other_tables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("read-model.sqlite");
        let database = Database::open(&path, "these tables").unwrap();
        write_one(&database);
        assert_eq!(feeds(&database), 1);
        drop(database);
        assert_eq!(feeds(&Database::open(&path, "these tables").unwrap()), 1);
        assert_eq!(feeds(&Database::open(&path, "other tables").unwrap()), 0);
    }

    #[test]
    fn a_file_that_is_damaged_or_has_another_version_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("read-model.sqlite");
        fs::write(&path, "not a database, however long this text goes on ".repeat(100)).unwrap();
        let database = Database::open(&path, "these tables").unwrap();
        write_one(&database);
        database.write(|transaction| transaction.pragma_update(None, "user_version", VERSION + 1)).unwrap();
        drop(database);
        assert_eq!(feeds(&Database::open(&path, "these tables").unwrap()), 0);
    }
}
