//! Timers, by when they are due.

use rusqlite::{Connection, OptionalExtension, Result};

use super::ExecutionId;
use crate::interpreter::TimerId;

pub(crate) fn set(connection: &Connection, execution: ExecutionId, timer: TimerId, due: i64) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO timer (execution, timer, due) VALUES (?, ?, ?)")?
        .execute((execution, timer.0, due))
        .map(drop)
}

pub(crate) fn clear(connection: &Connection, execution: ExecutionId, timer: TimerId) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM timer WHERE execution = ? AND timer = ?")?
        .execute((execution, timer.0))
        .map(drop)
}

pub(crate) fn clear_all(connection: &Connection, execution: ExecutionId) -> Result<()> {
    connection.prepare_cached("DELETE FROM timer WHERE execution = ?")?.execute([execution]).map(drop)
}

/// When the next one is due, in milliseconds.
pub(crate) fn next(connection: &Connection) -> Result<Option<i64>> {
    connection.prepare_cached("SELECT due FROM timer ORDER BY due LIMIT 1")?.query_row([], |row| row.get(0)).optional()
}

/// The longest overdue ones.
pub(crate) fn due(connection: &Connection, now: i64, most: i64) -> Result<Vec<(ExecutionId, TimerId)>> {
    connection
        .prepare_cached("SELECT execution, timer FROM timer WHERE due <= ? ORDER BY due LIMIT ?")?
        .query_map([now, most], |row| Ok((row.get(0)?, TimerId(row.get(1)?))))?
        .collect()
}
