//! Opening the database file: checking it, or creating it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

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
    #[error("cannot open {path}: another process has it open; stop that one, or use another data folder")]
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
        "cannot open {path}: it is of account {account_id} in region {region}, and the ARNs in it say so; open it with \
         these, or use another data folder"
    )]
    Elsewhere { path: String, account_id: String, region: String },
    #[error("cannot open {path}: it is damaged ({what}); put back a copy of the data folder")]
    Damaged { path: String, what: String },
    #[error("cannot open {path}: the file is read-only; give the user of this process the right to write it")]
    ReadOnly { path: String },
}

pub(super) struct Opened {
    pub connection: Connection,
    pub signing_key: [u8; Signer::KEY],
    /// The number of this opening, starting at 1.
    pub opening: i64,
    /// Held while the database is open, since two engines on one file would fire each timer twice.
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
    super::steps::count(&connection, path);
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

/// Creates an empty file that only its owner can read, unless it exists. The database contains the key that signs task
/// tokens. SQLite gives its other files the same permissions.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    match private_file().create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates the folder and its missing parents for its owner only.
fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Warns that others can read the file. Earlier versions created it with the default permissions of the process. They
/// may be intended, so they are not changed.
fn warn_of_readers(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(path) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
        if mode & 0o077 != 0 {
            tracing::warn!(
                path = %path.display(),
                "other users may read the database, which holds the key of task tokens; if they should not, run chmod 600"
            );
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Syncs the folder that contains `path`.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// How long to wait for another engine that is closing.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let storage = |error: std::io::Error| OpenError::Storage { path: path.display().to_string(), source: error.into() };
    let file = private_file().create(true).truncate(false).open(PathBuf::from(name)).map_err(storage)?;
    let begun = Instant::now();
    let mut is_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::info!(path = %path.display(), "another process has it open; waiting {LOCK_PATIENCE:?} for it to close");
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.display().to_string() }),
            Err(TryLockError::Error(error)) => return Err(storage(error)),
        }
    }
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
    transaction.execute_batch(include_str!("schema.sql"))?;
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
    super::steps::count(&connection, path);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::new("000000000000", "eu-west-2")
    }

    fn open(path: &Path) -> Result<Opened, OpenError> {
        super::open(path, &options())
    }

    fn refusal(path: &Path) -> String {
        open(path).err().expect("must be refused").to_string()
    }

    #[test]
    fn a_new_file_gets_a_key_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/step-functions.sqlite");
        let first = open(&path).unwrap();
        let key = first.signing_key;
        assert_eq!(first.opening, 1);
        drop(first);
        let second = open(&path).unwrap();
        assert_eq!((second.signing_key, second.opening), (key, 2));
    }

    #[test]
    fn another_account_or_region_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        drop(open(&path).unwrap());
        let before = std::fs::read(&path).unwrap();
        for options in [Options::new("000000000000", "us-east-1"), Options::new("111111111111", "eu-west-2")] {
            let refused = super::open(&path, &options).err().unwrap().to_string();
            assert!(refused.contains("it is of account 000000000000 in region eu-west-2"), "{refused}");
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
        assert_eq!(open(&path).unwrap().opening, 2);
    }

    #[test]
    fn a_commit_waits_for_the_disk_and_moves_no_log() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(&folder.path().join("db")).unwrap();
        let checkpointer = checkpointer(&folder.path().join("db")).unwrap();
        let pragma = |connection: &Connection, name: &str| {
            connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap()
        };
        for connection in [&opened.connection, &checkpointer] {
            assert_eq!(pragma(connection, "synchronous"), 2);
            assert_eq!(pragma(connection, "fullfsync"), 1);
            assert_eq!(pragma(connection, "checkpoint_fullfsync"), 1);
            assert_eq!(pragma(connection, "wal_autocheckpoint"), 0);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_what_the_engine_creates() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/db");
        let opened = open(&path).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for created in [folder.path().join("deep"), folder.path().join("deep/er")] {
            assert_eq!(mode(&created), 0o700, "{}", created.display());
        }
        for name in ["db", "db-wal", "db-shm", "db.lock"] {
            assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
        }
        drop(opened);
    }

    #[test]
    fn a_newer_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let opened = open(&path).unwrap();
        opened.connection.pragma_update(None, "user_version", 99).unwrap();
        drop(opened);
        let before = std::fs::read(&path).unwrap();
        assert!(refusal(&path).contains("newer version (schema 99"), "{}", refusal(&path));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn an_older_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let opened = open(&path).unwrap();
        opened.connection.pragma_update(None, "user_version", OLDEST - 1).unwrap();
        drop(opened);
        let before = std::fs::read(&path).unwrap();
        assert!(refusal(&path).contains("older version (schema 1"), "{}", refusal(&path));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_file_of_the_schema_before_is_brought_up_to_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let before = Connection::open(&path).unwrap();
        before.execute_batch(include_str!("migrations/schema_2.sql")).unwrap();
        before.execute("INSERT INTO engine (only, signing_key, run) VALUES (1, ?, 6)", [[7; Signer::KEY]]).unwrap();
        before
            .execute_batch(
                "INSERT INTO map_run (execution, task, label, uuid, started, processor, express, max_concurrency, items,
                                      children) VALUES (1, 4, 'each', 'u', 0, 1, 0, 0, 3, 3)",
            )
            .unwrap();
        before.pragma_update(None, "application_id", APPLICATION).unwrap();
        before.pragma_update(None, "user_version", 2).unwrap();
        drop(before);

        let opened = open(&path).unwrap();
        assert_eq!((opened.signing_key, opened.opening), ([7; Signer::KEY], 7));
        let run = super::super::map_runs::by_uuid(&opened.connection, "u").unwrap().unwrap();
        assert_eq!((run.items, run.result_writing), (3, None));
        let columns = |connection: &Connection| -> Vec<(String, String)> {
            let mut columns = connection
                .prepare(
                    "SELECT tables.name, columns.name || ' ' || columns.type FROM sqlite_schema AS tables,
                     pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'
                 UNION ALL SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
                 ORDER BY 1, 2",
                )
                .unwrap();
            columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let new = open(&folder.path().join("new")).unwrap();
        assert_eq!(columns(&opened.connection), columns(&new.connection));
        drop(opened);
        assert_eq!(open(&path).unwrap().opening, 8);
    }

    #[test]
    fn what_is_no_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let text = "letters to the bank\n".repeat(500);
        std::fs::write(&path, &text).unwrap();
        assert!(refusal(&path).contains("not a Step Functions database"), "{}", refusal(&path));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_file_that_was_cut_short_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        drop(open(&path).unwrap());
        let whole = std::fs::read(&path).unwrap();
        let half = &whole[..whole.len() / 2];
        std::fs::write(&path, half).unwrap();
        assert!(refusal(&path).contains("it is damaged"), "{}", refusal(&path));
        assert_eq!(std::fs::read(&path).unwrap(), half);
    }

    #[test]
    fn another_programs_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE letters (text)").unwrap();
        assert!(refusal(&path).contains("not a Step Functions database"), "{}", refusal(&path));
    }

    #[test]
    fn two_at_once_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let _first = open(&path).unwrap();
        assert!(refusal(&path).contains("another process has it open"), "{}", refusal(&path));
    }
}
