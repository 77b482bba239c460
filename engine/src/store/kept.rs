//! The rows of data that inline Map and Parallel states store apart from the execution state.

use std::cell::RefCell;

use rusqlite::{Connection, OptionalExtension, Result};

use super::{ExecutionId, computation::Rows};
use crate::interpreter::{Kept, KeptChanges, Part, Payload};

/// Used instead of an index for the items of a Map.
const ITEMS: i64 = -1;

fn number(part: Part) -> i64 {
    match part {
        Part::Items => ITEMS,
        Part::Output(index) => i64::try_from(index).unwrap_or(i64::MAX),
    }
}

pub(crate) fn change(connection: &Connection, execution: ExecutionId, changes: &KeptChanges) -> Result<()> {
    for branch in &changes.dropped {
        connection
            .prepare_cached("DELETE FROM kept WHERE execution = ? AND branch = ?")?
            .execute((execution, branch))?;
    }
    for (branch, part, kept) in &changes.added {
        connection
            .prepare_cached("INSERT OR REPLACE INTO kept (execution, branch, part, text) VALUES (?, ?, ?, ?)")?
            .execute((execution, branch, number(*part), kept.text()))?;
    }
    Ok(())
}

pub(crate) fn remove_all(connection: &Connection, execution: ExecutionId) -> Result<()> {
    connection.prepare_cached("DELETE FROM kept WHERE execution = ?")?.execute([execution]).map(drop)
}

/// Reads for the interpreter, which can't handle database errors. [`Reader::finish`] returns the error, if there was
/// one.
pub(crate) struct Reader<'r, R> {
    rows: &'r R,
    execution: ExecutionId,
    failed: RefCell<Option<rusqlite::Error>>,
}

impl<'r, R: Rows> Reader<'r, R> {
    pub fn new(rows: &'r R, execution: ExecutionId) -> Self {
        Self { rows, execution, failed: RefCell::new(None) }
    }

    /// # Errors
    /// The database error that occurred while reading.
    pub fn finish(self) -> Result<()> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    fn or_default<T: Default>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> T {
        self.rows.read(query).unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            T::default()
        })
    }
}

impl<R: Rows> Kept for Reader<'_, R> {
    fn items(&self, branch: u32) -> Option<Payload> {
        self.or_default(|connection| {
            connection
                .prepare_cached("SELECT text FROM kept WHERE execution = ? AND branch = ? AND part = ?")?
                .query_row((self.execution, branch, ITEMS), |row| Ok(Payload::from_text(row.get::<_, String>(0)?)))
                .optional()
        })
    }

    fn outputs(&self, branch: u32) -> Vec<(usize, Payload)> {
        self.or_default(|connection| {
            connection
                .prepare_cached("SELECT part, text FROM kept WHERE execution = ? AND branch = ? AND part >= 0")?
                .query_map((self.execution, branch), |row| {
                    Ok((row.get(0)?, Payload::from_text(row.get::<_, String>(1)?)))
                })?
                .collect()
        })
    }
}
