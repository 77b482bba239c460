//! Opening databases that are new, old, damaged, foreign or in use.

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
fn a_new_file_gets_a_key_and_keeps_it() {
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
fn a_newer_file_is_refused_and_left_unchanged() {
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
fn an_older_file_is_refused_and_left_unchanged() {
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
fn a_file_without_the_tables_of_its_schema_is_refused_and_left_unchanged() {
    for (change, difference) in [
        ("DROP TABLE branch", "table branch is missing"),
        ("ALTER TABLE call RENAME COLUMN opening TO run", "table call has other columns"),
        ("ALTER TABLE map_run ADD COLUMN startable INTEGER", "table map_run has other columns"),
        ("DROP INDEX timer_due", "index timer_due is missing"),
        ("PRAGMA user_version = 4", "table kept is missing"),
        ("PRAGMA user_version = 5", "table kept is missing"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let opened = open(&path).unwrap();
        opened.connection.execute_batch(change).unwrap();
        drop(opened);
        let before = std::fs::read(&path).unwrap();
        let refusal = refusal(&path);
        assert!(refusal.contains("its tables are not those of schema") && refusal.contains(difference), "{refusal}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{change}");
    }
}

#[test]
fn tables_and_indexes_that_someone_has_added_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let opened = open(&path).unwrap();
    opened.connection.execute_batch("CREATE TABLE notes (text); CREATE INDEX by_name ON execution (name)").unwrap();
    drop(opened);
    assert_eq!(open(&path).unwrap().opening, 2);
}

#[test]
fn a_file_of_the_oldest_schema_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let before = Connection::open(&path).unwrap();
    before.execute_batch(include_str!("../migrations/schema_2.sql")).unwrap();
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
    let run = crate::store::map_runs::by_uuid(&opened.connection, "u").unwrap().unwrap();
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
fn a_file_that_is_not_a_database_is_refused_and_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let text = "letters to the bank\n".repeat(500);
    std::fs::write(&path, &text).unwrap();
    assert!(refusal(&path).contains("not a Step Functions database"), "{}", refusal(&path));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_truncated_file_is_refused_and_left_unchanged() {
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
fn the_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE letters (text)").unwrap();
    assert!(refusal(&path).contains("not a Step Functions database"), "{}", refusal(&path));
}

#[test]
fn a_second_engine_on_the_same_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let _first = open(&path).unwrap();
    assert!(refusal(&path).contains("another process has it open"), "{}", refusal(&path));
}
