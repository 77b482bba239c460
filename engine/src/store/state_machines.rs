//! The rows of state machines, their revisions, versions and aliases.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension, Result, Row};
use sha2::{Digest, Sha256};

use crate::definition::Definition;

pub(crate) struct StateMachine {
    pub id: i64,
    pub name: String,
    pub express: bool,
    pub deleting: bool,
    pub created: i64,
    /// The current one.
    pub revision: i64,
    pub last_version: i64,
}

/// The columns that [`state_machine`] reads, for statements put together when they are compiled.
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

/// A page of those that are not being deleted, by name, after the one with this rowid.
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

/// A revision to be written.
pub(crate) struct NewRevision<'a> {
    pub state_machine: i64,
    pub revision_id: Option<&'a str>,
    pub definition: &'a str,
    pub role_arn: &'a str,
    pub settings: &'a str,
    pub created: i64,
}

/// Writes a state machine with its first revision.
pub(crate) fn insert(connection: &Connection, name: &str, express: bool, first: &NewRevision<'_>) -> Result<i64> {
    connection
        .prepare_cached("INSERT INTO state_machine (name, express, created, revision) VALUES (?, ?, ?, 0)")?
        .execute((name, express, first.created))?;
    let id = connection.last_insert_rowid();
    revise(connection, &NewRevision { state_machine: id, ..*first })?;
    Ok(id)
}

/// Writes a revision and makes it the current one.
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

/// Where the text is stored; stores it when it is new.
fn definition_id(connection: &Connection, text: &str) -> Result<i64> {
    let hash: [u8; 32] = Sha256::digest(text).into();
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

/// A revision as it was stored.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub state_machine_name: String,
    pub express: bool,
    pub revision_id: Option<String>,
    pub definition: String,
    pub role_arn: String,
    pub settings: String,
    pub created: i64,
}

pub(crate) fn revision(connection: &Connection, id: i64) -> Result<Revision> {
    connection
        .prepare_cached(
            "SELECT m.name, m.express, r.revision_id, d.text, r.role_arn, r.settings, r.created
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
            })
        })
}

/// A revision ready to run.
pub(crate) struct Runnable {
    pub state_machine_name: String,
    pub express: bool,
    pub role_arn: String,
    pub definition: Definition,
}

/// The revisions that ran last, parsed. Bounded: the least recently used one goes.
#[derive(Default)]
pub(crate) struct Revisions {
    /// With the turn when it was last used.
    known: HashMap<i64, (u64, Arc<Runnable>)>,
    turn: u64,
    /// Those that the change which runs now has read. If it is undone, its revisions may never have been.
    read_by_change: Vec<i64>,
}

/// Parsed definitions in memory at most.
const MOST_REVISIONS: usize = 128;

impl Revisions {
    pub fn get(&mut self, connection: &Connection, id: i64) -> Result<Arc<Runnable>> {
        self.turn += 1;
        if let Some((used, runnable)) = self.known.get_mut(&id) {
            *used = self.turn;
            return Ok(runnable.clone());
        }
        let revision = revision(connection, id)?;
        // It was checked when it was created. That it can't be read at all now means that the file is damaged.
        let definition = Definition::load(&revision.definition).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error))
        })?;
        let runnable = Arc::new(Runnable {
            state_machine_name: revision.state_machine_name,
            express: revision.express,
            role_arn: revision.role_arn,
            definition,
        });
        if self.known.len() >= MOST_REVISIONS
            && let Some(oldest) = self.known.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id)
        {
            self.known.remove(&oldest);
        }
        self.known.insert(id, (self.turn, runnable.clone()));
        self.read_by_change.push(id);
        Ok(runnable)
    }

    /// A change begins.
    pub(super) fn begin(&mut self) {
        self.read_by_change.clear();
    }

    /// The change was undone. A revision that it has created is gone, and the next one gets its number.
    pub(super) fn roll_back(&mut self) {
        for id in self.read_by_change.drain(..) {
            self.known.remove(&id);
        }
    }

    /// The state machine of that name is gone; its number may come again.
    pub fn clear(&mut self) {
        self.known.clear();
    }
}

/// Marks it: no new executions, no updates.
pub(crate) fn begin_deletion(connection: &Connection, id: i64) -> Result<()> {
    connection.execute("UPDATE state_machine SET deleting = 1 WHERE id = ?", [id]).map(drop)
}

/// Those whose deletion has begun.
pub(crate) fn deleting(connection: &Connection) -> Result<Vec<StateMachine>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM state_machine WHERE deleting ORDER BY id LIMIT 10"))?
        .query_map([], state_machine)?
        .collect()
}

/// Removes the rows of a state machine that has no executions any more.
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
