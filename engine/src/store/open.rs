//! Opening the file: what it must be, and making it when there is none.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};

use crate::{Options, token::Signer};

/// "ASLE": tells our files from other SQLite databases.
const APPLICATION: i32 = 0x4153_4c45;
/// Of the schema. A file with a higher one was written by a newer engine.
const VERSION: i32 = 3;
/// The oldest schema that is brought up to this one.
const OLDEST: i32 = 2;

/// Why the database could not be opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
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
}

pub(super) struct Opened {
    pub connection: Connection,
    pub signing_key: [u8; Signer::KEY],
    pub run: i64,
    /// Held while the database is open: two engines on one file would fire each timer twice.
    pub lock: File,
}

pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let shown = path.display().to_string();
    let storage = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Storage { path: shown.clone(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| storage(error.into()))?;
    }
    let lock = lock(path)?;
    let wrong = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::Foreign { path: shown.clone() },
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            OpenError::Damaged { path: shown.clone(), what: error.to_string() }
        }
        _ => OpenError::Storage { path: shown.clone(), source: error.into() },
    };

    let mut connection = Connection::open(path).map_err(wrong)?;
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

    configure(&connection).map_err(wrong)?;
    if tables == 0 {
        create(&mut connection).map_err(wrong)?;
    } else if version < VERSION {
        migrate(&mut connection).map_err(wrong)?;
    }
    #[cfg(test)]
    super::steps::count(&connection, path);
    let (signing_key, run) = connection
        .query_row("UPDATE engine SET run = run + 1 RETURNING signing_key, run", [], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?))
        })
        .map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => {
                OpenError::Damaged { path: shown.clone(), what: "its signing key is missing".into() }
            }
            error => wrong(error),
        })?;
    let signing_key = signing_key
        .try_into()
        .map_err(|_| OpenError::Damaged { path: shown.clone(), what: "its signing key is cut short".into() })?;
    Ok(Opened { connection, signing_key, run, lock })
}

/// The ARNs that have been given out hold account and region: with others nothing of what is stored would be found.
pub(super) fn belongs(connection: &Connection, path: &Path, options: &Options) -> Result<(), OpenError> {
    let shown = path.display().to_string();
    let wrong = |error: rusqlite::Error| OpenError::Storage { path: shown.clone(), source: error.into() };
    connection
        .execute(
            "UPDATE engine SET account_id = ?, region = ? WHERE account_id IS NULL",
            [&options.account_id, &options.region],
        )
        .map_err(wrong)?;
    let (account_id, region): (String, String) = connection
        .query_row("SELECT account_id, region FROM engine", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(wrong)?;
    if (&account_id, &region) == (&options.account_id, &options.region) {
        return Ok(());
    }
    Err(OpenError::Elsewhere { path: shown, account_id, region })
}

/// How long to wait for one that is just closing.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let storage = |error: std::io::Error| OpenError::Storage { path: path.display().to_string(), source: error.into() };
    let file = File::options().create(true).truncate(false).write(true).open(PathBuf::from(name)).map_err(storage)?;
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

/// Pages the write-ahead log may hold before they are moved into the database: 32 MB. Many commits change the same
/// pages; moved seldom, each is moved once.
const CHECKPOINT_PAGES: i64 = 8192;

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A commit returns when it is on disk, not when the kernel has it.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // After a burst the log shrinks again, to 64 MB at most.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let mut key = [0; Signer::KEY];
    getrandom::fill(&mut key).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.to_string().into()))?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(include_str!("schema.sql"))?;
    transaction.execute("INSERT INTO engine (only, signing_key, run) VALUES (1, ?, 0)", [key])?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Brings schema 2 up to this one.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "ALTER TABLE map_run ADD COLUMN result_writing TEXT;
         ALTER TABLE engine ADD COLUMN account_id TEXT;
         ALTER TABLE engine ADD COLUMN region TEXT",
    )?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "query_only", true)?;
    // SQLite empties a reader's cache after every commit of the writer: a large one would only take longer to empty.
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

    fn refusal(path: &Path) -> String {
        open(path).err().expect("must be refused").to_string()
    }

    #[test]
    fn a_new_file_gets_a_key_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/step-functions.sqlite");
        let first = open(&path).unwrap();
        let key = first.signing_key;
        assert_eq!(first.run, 1);
        drop(first);
        let second = open(&path).unwrap();
        assert_eq!((second.signing_key, second.run), (key, 2));
    }

    #[test]
    fn a_file_stays_with_the_account_and_region_that_its_arns_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let opened = open(&path).unwrap();
        let at = |account_id: &str, region: &str| {
            let options = Options::new(account_id, region);
            belongs(&opened.connection, &path, &options).map_err(|error| error.to_string())
        };
        assert_eq!(at("000000000000", "eu-west-2"), Ok(()));
        assert_eq!(at("000000000000", "eu-west-2"), Ok(()));
        for (account_id, region) in [("000000000000", "us-east-1"), ("111111111111", "eu-west-2")] {
            let refused = at(account_id, region).unwrap_err();
            assert!(refused.contains("it is of account 000000000000 in region eu-west-2"), "{refused}");
        }
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
        before.execute_batch(include_str!("schema_2.sql")).unwrap();
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
        assert_eq!((opened.signing_key, opened.run), ([7; Signer::KEY], 7));
        let run = super::super::map_runs::by_uuid(&opened.connection, "u").unwrap().unwrap();
        assert_eq!((run.items, run.result_writing), (3, None));
        let columns = |connection: &Connection| -> Vec<(String, String)> {
            let mut columns = connection
                .prepare(
                    "SELECT tables.name, columns.name || ' ' || columns.type FROM sqlite_schema AS tables,
                     pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' ORDER BY 1, columns.cid",
                )
                .unwrap();
            columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let new = open(&folder.path().join("new")).unwrap();
        assert_eq!(columns(&opened.connection), columns(&new.connection));
        drop(opened);
        assert_eq!(open(&path).unwrap().run, 8);
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
