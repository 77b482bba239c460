//! The rows of branches within Parallel and inline Map states, and of the values that these states store.

use std::cell::RefCell;

use rusqlite::{Connection, Error, OptionalExtension, Result, types::Type};

use super::{ExecutionId, compression, computation::Rows};
use crate::{
    definition::Definition,
    interpreter::{Awaited, Branch, Part, Payload, StateChanges, StoredState},
};

/// Used instead of an index for the items of a Map.
const ITEMS: i64 = -1;

fn number(part: Part) -> i64 {
    match part {
        Part::Items => ITEMS,
        Part::Output(index) => i64::try_from(index).unwrap_or(i64::MAX),
    }
}

/// Writes the changes of a step.
pub(crate) fn change(connection: &Connection, execution: ExecutionId, changes: &StateChanges) -> Result<()> {
    for (id, branch) in &changes.branches {
        match branch {
            Some(branch) => put(connection, execution, *id, branch)?,
            None => connection
                .prepare_cached("DELETE FROM branch WHERE execution = ? AND branch = ?")?
                .execute((execution, id))
                .map(drop)?,
        }
    }
    for branch in &changes.discarded {
        connection
            .prepare_cached("DELETE FROM branch_part WHERE execution = ? AND branch = ?")?
            .execute((execution, branch))?;
    }
    for (branch, part, value) in &changes.added {
        connection
            .prepare_cached("INSERT OR REPLACE INTO branch_part (execution, branch, part, text) VALUES (?, ?, ?, ?)")?
            .execute((execution, branch, number(*part), value.text()))?;
    }
    Ok(())
}

fn put(connection: &Connection, execution: ExecutionId, id: u32, branch: &Branch) -> Result<()> {
    let state = serde_json::to_vec(branch).map_err(|error| Error::ToSqlConversionFailure(error.into()))?;
    let (timer, heartbeat) = branch.awaited_timers();
    let (timer, heartbeat) = (timer.map(|timer| timer.0), heartbeat.map(|timer| timer.0));
    let task = branch.awaited_task().map(|task| task.event);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO branch (execution, branch, parent, task, timer, heartbeat, state)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute((execution, id, branch.parent(), task, timer, heartbeat, compression::pack(&state)))
        .map(drop)
}

/// Removes all branches of an execution and what they store.
pub(crate) fn remove_all(connection: &Connection, execution: ExecutionId) -> Result<()> {
    connection.prepare_cached("DELETE FROM branch WHERE execution = ?")?.execute([execution])?;
    connection.prepare_cached("DELETE FROM branch_part WHERE execution = ?")?.execute([execution]).map(drop)
}

/// Reads for the interpreter, which can't handle database errors. [`Reader::finish`] returns the error, if there was
/// one.
pub(crate) struct Reader<'r, R> {
    rows: &'r R,
    execution: ExecutionId,
    definition: &'r Definition,
    failed: RefCell<Option<Error>>,
}

impl<'r, R: Rows> Reader<'r, R> {
    pub fn new(rows: &'r R, execution: ExecutionId, definition: &'r Definition) -> Self {
        Self { rows, execution, definition, failed: RefCell::new(None) }
    }

    /// # Errors
    /// The error that occurred while reading. The result of the step is void then.
    pub fn finish(self) -> Result<()> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    fn or_default<T: Default>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> T {
        self.rows.read(query).unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            T::default()
        })
    }

    fn parse(&self, state: &[u8]) -> Result<Branch> {
        let damaged = |error| Error::FromSqlConversionFailure(0, Type::Blob, error);
        let branch: Branch =
            serde_json::from_slice(&compression::unpack(state)?).map_err(|error| damaged(error.into()))?;
        if branch.fits(self.definition) {
            Ok(branch)
        } else {
            Err(damaged("the execution is in a state that its definition does not have".into()))
        }
    }

    fn branches(&self, query: &str, parameters: impl rusqlite::Params) -> Vec<(u32, Branch)> {
        self.or_default(|connection| {
            connection
                .prepare_cached(query)?
                .query_map(parameters, |row| Ok((row.get(0)?, self.parse(row.get_ref(1)?.as_blob()?)?)))?
                .collect()
        })
    }
}

impl<R: Rows> StoredState for Reader<'_, R> {
    fn branch(&self, id: u32) -> Option<Branch> {
        self.or_default(|connection| {
            connection
                .prepare_cached("SELECT state FROM branch WHERE execution = ? AND branch = ?")?
                .query_row((self.execution, id), |row| self.parse(row.get_ref(0)?.as_blob()?))
                .optional()
        })
    }

    fn branch_awaiting(&self, awaited: Awaited) -> Option<u32> {
        // One statement for each, so that each uses its index.
        let statements: &[&str] = match awaited {
            Awaited::Task(_) => &["SELECT branch FROM branch WHERE execution = ? AND task = ?"],
            Awaited::Timer(_) => &[
                "SELECT branch FROM branch WHERE execution = ? AND timer = ?",
                "SELECT branch FROM branch WHERE execution = ? AND heartbeat = ?",
            ],
        };
        let number = match awaited {
            Awaited::Task(task) => task.event,
            Awaited::Timer(timer) => timer.0,
        };
        statements.iter().find_map(|statement| {
            self.or_default(|connection| {
                connection.prepare_cached(statement)?.query_row((self.execution, number), |row| row.get(0)).optional()
            })
        })
    }

    fn branches_within(&self, id: u32) -> Vec<(u32, Branch)> {
        self.branches("SELECT branch, state FROM branch WHERE execution = ? AND parent = ?", (self.execution, id))
    }

    fn inner_branches(&self) -> Vec<(u32, Branch)> {
        self.branches("SELECT branch, state FROM branch WHERE execution = ?", [self.execution])
    }

    fn items(&self, branch: u32) -> Option<Payload> {
        self.or_default(|connection| {
            connection
                .prepare_cached("SELECT text FROM branch_part WHERE execution = ? AND branch = ? AND part = ?")?
                .query_row((self.execution, branch, ITEMS), |row| Ok(Payload::from_text(row.get::<_, String>(0)?)))
                .optional()
        })
    }

    fn outputs(&self, branch: u32) -> Vec<(usize, Payload)> {
        self.or_default(|connection| {
            connection
                .prepare_cached("SELECT part, text FROM branch_part WHERE execution = ? AND branch = ? AND part >= 0")?
                .query_map((self.execution, branch), |row| {
                    Ok((row.get(0)?, Payload::from_text(row.get::<_, String>(1)?)))
                })?
                .collect()
        })
    }
}
