//! Opening the database file: checking it, or creating it.

mod files;

use std::{fs::File, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

pub(super) use self::files::{create_private, sync_folder};
use self::files::{create_private_folder, lock, warn_of_readers};
use super::{
    migrations::{self, CURRENT as VERSION, OLDEST},
    vacuum,
};
use crate::{Options, token::Signer};

/// "ASLE", which distinguishes the engine's files from other SQLite databases.
pub(super) const APPLICATION: i32 = 0x4153_4c45;

/// Why the database could not be opened. The file is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("cannot open {path}: {source}")]
    Storage { path: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("cannot open {path}: another process has it open; stop that process, or use another data folder")]
    InUse { path: String },
    #[error("cannot open {path}: it is not a Step Functions database; move it away, or use another data folder")]
    Foreign { path: String },
    #[error(
        "cannot open {path}: it was written by a newer version (schema {found}; this version knows {VERSION}); \
         use that version"
    )]
    Newer { path: String, found: i32 },
    #[error(
        "cannot open {path}: it was written by an older version (schema {found}; this version knows {VERSION}); \
         use that version, or another data folder"
    )]
    Older { path: String, found: i32 },
    #[error(
        "cannot open {path}: its tables are not those of schema {schema} ({what}), so it was not written by a released \
         version, or another program has changed it; restore a backup of the data folder, or use another one"
    )]
    Unreleased { path: String, schema: i32, what: String },
    #[error(
        "cannot open {path}: it is of account {account_id} in region {region}, which its ARNs contain; use the same \
         account and region, or another data folder"
    )]
    Elsewhere { path: String, account_id: String, region: String },
    #[error("cannot open {path}: it is damaged ({what}); restore a backup of the data folder")]
    Damaged { path: String, what: String },
    #[error("cannot open {path}: the file is read-only; give the user of this process permission to write to it")]
    ReadOnly { path: String },
}

pub(super) struct Opened {
    pub connection: Connection,
    pub signing_key: [u8; Signer::KEY],
    /// The number of this opening, starting at 1.
    pub opening: i64,
    /// Held while the database is open.
    pub lock: File,
}

pub(super) fn open(path: &Path, options: &Options) -> Result<Opened, OpenError> {
    let shown = path.display().to_string();
    let storage = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Storage { path: shown.clone(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_private_folder(folder).map_err(|error| storage(error.into()))?;
    }
    let lock = lock(path)?;
    create_private(path).map_err(|error| storage(error.into()))?;
    warn_of_readers(path);
    let wrong = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::Foreign { path: shown.clone() },
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            OpenError::Damaged { path: shown.clone(), what: error.to_string() }
        }
        Some(rusqlite::ErrorCode::ReadOnly) => OpenError::ReadOnly { path: shown.clone() },
        _ => OpenError::Storage { path: shown.clone(), source: error.into() },
    };

    // Check everything that can be refused before writing anything.
    let mut connection = Connection::open(path).map_err(wrong)?;
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(wrong)? {
        return Err(OpenError::ReadOnly { path: shown });
    }
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(wrong);
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(wrong)?;
    match (application, version) {
        (0, 0) if tables == 0 => {}
        (APPLICATION, OLDEST..=VERSION) => {}
        (APPLICATION, found) if found > VERSION => return Err(OpenError::Newer { path: shown, found }),
        (APPLICATION, found) if found > 0 => return Err(OpenError::Older { path: shown, found }),
        _ => return Err(OpenError::Foreign { path: shown }),
    }
    if tables > 0
        && let Some(what) = migrations::difference(&connection, version).map_err(wrong)?
    {
        return Err(OpenError::Unreleased { path: shown, schema: version, what });
    }
    if tables > 0
        && version >= WITH_OWNER
        && let Some((account_id, region)) = owner(&connection).map_err(wrong)?
        && (&account_id, &region) != (&options.account_id, &options.region)
    {
        return Err(OpenError::Elsewhere { path: shown, account_id, region });
    }

    if tables == 0 {
        // Only possible before anything else is written.
        connection.pragma_update(None, "auto_vacuum", "incremental").map_err(wrong)?;
    }
    configure(&connection).map_err(wrong)?;
    if tables == 0 {
        create(&mut connection).map_err(wrong)?;
    } else if version < VERSION {
        migrations::migrate(&mut connection, version).map_err(wrong)?;
    }
    vacuum::prepare(&connection, path);
    #[cfg(test)]
    crate::store::steps::count(&connection, path);
    let (signing_key, opening) = connection
        .query_row(
            "UPDATE engine SET openings = openings + 1, account_id = ?, region = ? RETURNING signing_key, openings",
            [&options.account_id, &options.region],
            |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)),
        )
        .map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => {
                OpenError::Damaged { path: shown.clone(), what: "its signing key is missing".into() }
            }
            error => wrong(error),
        })?;
    let signing_key = signing_key
        .try_into()
        .map_err(|_| OpenError::Damaged { path: shown.clone(), what: "its signing key is cut short".into() })?;
    Ok(Opened { connection, signing_key, opening, lock })
}

/// The first schema with the account and the region.
const WITH_OWNER: i32 = 3;

/// The account and the region in the ARNs that were issued. With others, no stored resource would be found. `None` if
/// the database has never been opened with any.
fn owner(connection: &Connection) -> rusqlite::Result<Option<(String, String)>> {
    let owner = connection.query_row("SELECT account_id, region FROM engine", [], |row| {
        Ok(row.get::<_, Option<String>>(0)?.zip(row.get::<_, Option<String>>(1)?))
    });
    // A missing row is reported when its key is read.
    Ok(owner.optional()?.flatten())
}

/// Whether the database has the application id of this engine.
pub(super) fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0))
        .map(|application| application == APPLICATION)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    durable(connection)?;
    // Checkpoints run outside of commits: see `checkpoints`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // After a burst, the log shrinks to at most 32 MB.
    connection.pragma_update(None, "journal_size_limit", 32 << 20)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Makes commits return only when they are on disk, rather than in a cache of the kernel or the drive.
fn durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "full")?;
    // On macOS, fsync leaves data in the drive's cache. Elsewhere these pragmas have no effect.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)
}

/// Opens the connection for checkpoints.
pub(super) fn checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    durable(&connection)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let mut key = [0; Signer::KEY];
    getrandom::fill(&mut key).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.to_string().into()))?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(include_str!("../schema.sql"))?;
    transaction.execute("INSERT INTO engine (only, signing_key, openings) VALUES (1, ?, 0)", [key])?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Opens a read-only connection.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "query_only", true)?;
    // SQLite clears a reader's cache after every commit of the writer, and clearing a large one takes longer.
    connection.pragma_update(None, "cache_size", 64)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    #[cfg(test)]
    crate::store::steps::count(&connection, path);
    Ok(connection)
}

#[cfg(test)]
mod tests;
