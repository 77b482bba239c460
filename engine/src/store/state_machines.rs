//! The rows of state machines, their revisions, versions and aliases.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, Row};
use sha2::{Digest, Sha256};

use super::definitions::Hash;
use crate::definition::Definition;

pub(crate) struct StateMachine {
    pub id: i64,
    pub name: String,
    pub express: bool,
    pub deleting: bool,
    pub created: i64,
    /// The current revision.
    pub revision: i64,
    pub last_version: i64,
}

/// The columns that [`state_machine`] reads, for statements that are concatenated at compile time.
macro_rules! columns {
    () => {
        "id, name, express, deleting, created, revision, last_version"
    };
}

fn state_machine(row: &Row<'_>) -> Result<StateMachine> {
    Ok(StateMachine {
        id: row.get(0)?,
        name: row.get(1)?,
        express: row.get(2)?,
        deleting: row.get(3)?,
        created: row.get(4)?,
        revision: row.get(5)?,
        last_version: row.get(6)?,
    })
}

pub(crate) fn by_name(connection: &Connection, name: &str) -> Result<Option<StateMachine>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM state_machine WHERE name = ?"))?
        .query_row([name], state_machine)
        .optional()
}

/// A page of state machines by name, after the one with this rowid, without those that are being deleted.
pub(crate) fn name(connection: &Connection, id: i64) -> Result<String> {
    connection.prepare_cached("SELECT name FROM state_machine WHERE id = ?")?.query_row([id], |row| row.get(0))
}

pub(crate) fn list(connection: &Connection, after: i64, most: i64) -> Result<Vec<StateMachine>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM state_machine WHERE id > ? AND NOT deleting ORDER BY id LIMIT ?"
        ))?
        .query_map([after, most], state_machine)?
        .collect()
}

/// A revision to insert.
pub(crate) struct NewRevision<'a> {
    pub state_machine: i64,
    pub revision_id: Option<&'a str>,
    pub definition: &'a str,
    pub role_arn: &'a str,
    pub settings: &'a str,
    pub created: i64,
}

/// Inserts a state machine with its first revision.
pub(crate) fn insert(connection: &Connection, name: &str, express: bool, first: &NewRevision<'_>) -> Result<i64> {
    connection
        .prepare_cached("INSERT INTO state_machine (name, express, created, revision) VALUES (?, ?, ?, 0)")?
        .execute((name, express, first.created))?;
    let id = connection.last_insert_rowid();
    revise(connection, &NewRevision { state_machine: id, ..*first })?;
    Ok(id)
}

/// Inserts a revision and makes it the current one.
pub(crate) fn revise(connection: &Connection, revision: &NewRevision<'_>) -> Result<i64> {
    let definition = definition_id(connection, revision.definition)?;
    connection
        .prepare_cached(
            "INSERT INTO revision (state_machine, revision_id, definition, role_arn, settings, created)
             VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute((
            revision.state_machine,
            revision.revision_id,
            definition,
            revision.role_arn,
            revision.settings,
            revision.created,
        ))?;
    let id = connection.last_insert_rowid();
    connection
        .prepare_cached("UPDATE state_machine SET revision = ? WHERE id = ?")?
        .execute((id, revision.state_machine))?;
    Ok(id)
}

/// The key of a definition.
pub(super) fn hash(text: &str) -> Hash {
    Sha256::digest(text).into()
}

/// The id of a stored definition, which is inserted if it is new.
fn definition_id(connection: &Connection, text: &str) -> Result<i64> {
    let hash = hash(text);
    let known = connection
        .prepare_cached("SELECT id FROM definition WHERE sha256 = ?")?
        .query_row([&hash], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    connection.prepare_cached("INSERT INTO definition (sha256, text) VALUES (?, ?)")?.execute((&hash, text))?;
    Ok(connection.last_insert_rowid())
}

/// A stored revision.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub state_machine_name: String,
    pub express: bool,
    pub revision_id: Option<String>,
    pub definition: String,
    pub definition_hash: Hash,
    pub role_arn: String,
    pub settings: String,
    pub created: i64,
}

pub(crate) fn revision(connection: &Connection, id: i64) -> Result<Revision> {
    connection
        .prepare_cached(
            "SELECT m.name, m.express, r.revision_id, d.text, r.role_arn, r.settings, r.created, d.sha256
             FROM revision r JOIN definition d ON d.id = r.definition JOIN state_machine m ON m.id = r.state_machine
             WHERE r.id = ?",
        )?
        .query_row([id], |row| {
            Ok(Revision {
                state_machine_name: row.get(0)?,
                express: row.get(1)?,
                revision_id: row.get(2)?,
                definition: row.get(3)?,
                role_arn: row.get(4)?,
                settings: row.get(5)?,
                created: row.get(6)?,
                definition_hash: row.get(7)?,
            })
        })
}

/// A revision with its parsed definition.
pub(crate) struct Runnable {
    pub state_machine_name: String,
    pub express: bool,
    pub role_arn: String,
    pub definition: Arc<Definition>,
}

impl Runnable {
    pub(super) fn new(revision: Revision, definition: Arc<Definition>) -> Self {
        let Revision { state_machine_name, express, role_arn, .. } = revision;
        Self { state_machine_name, express, role_arn, definition }
    }
}

/// Marks a state machine: it accepts no new executions and no updates.
pub(crate) fn begin_deletion(connection: &Connection, id: i64) -> Result<()> {
    connection.execute("UPDATE state_machine SET deleting = 1 WHERE id = ?", [id]).map(drop)
}

/// The state machines whose deletion has begun.
pub(crate) fn deleting(connection: &Connection) -> Result<Vec<StateMachine>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM state_machine WHERE deleting ORDER BY id LIMIT 10"))?
        .query_map([], state_machine)?
        .collect()
}

/// Removes the rows of a state machine without executions.
pub(crate) fn remove(connection: &Connection, id: i64) -> Result<()> {
    connection.execute("DELETE FROM alias WHERE state_machine = ?", [id])?;
    connection.execute("DELETE FROM version WHERE state_machine = ?", [id])?;
    let definitions: Vec<i64> = connection
        .prepare("SELECT DISTINCT definition FROM revision WHERE state_machine = ?")?
        .query_map([id], |row| row.get(0))?
        .collect::<Result<_>>()?;
    connection.execute("DELETE FROM revision WHERE state_machine = ?", [id])?;
    for definition in definitions {
        connection.execute(
            "DELETE FROM definition WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM revision WHERE definition = ?1)",
            [definition],
        )?;
    }
    connection.execute("DELETE FROM state_machine WHERE id = ?", [id]).map(drop)
}
