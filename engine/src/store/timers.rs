//! Timers by due time.

use std::collections::HashSet;

use rusqlite::{Connection, Result};

use super::ExecutionId;
use crate::interpreter::TimerId;

pub(crate) fn set(connection: &Connection, execution: ExecutionId, timer: TimerId, due: i64) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO timer (execution, timer, due) VALUES (?, ?, ?)")?
        .execute((execution, timer.0, due))
        .map(drop)
}

/// Removes a timer that is due. Returns `false` if it is not due, because it was cleared or postponed.
pub(crate) fn take_due(connection: &Connection, execution: ExecutionId, timer: TimerId, now: i64) -> Result<bool> {
    let taken = connection
        .prepare_cached("DELETE FROM timer WHERE execution = ? AND timer = ? AND due <= ?")?
        .execute((execution, timer.0, now))?;
    Ok(taken > 0)
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

/// The due time of the next timer in milliseconds, except for those being delivered.
pub(crate) fn next(connection: &Connection, in_delivery: &HashSet<(ExecutionId, TimerId)>) -> Result<Option<i64>> {
    let mut earliest = connection.prepare_cached("SELECT execution, timer, due FROM timer ORDER BY due LIMIT ?")?;
    let mut rows = earliest.query([in_delivery.len() + 1])?;
    while let Some(row) = rows.next()? {
        if !in_delivery.contains(&(row.get(0)?, TimerId(row.get(1)?))) {
            return row.get(2).map(Some);
        }
    }
    Ok(None)
}

/// The timers that are overdue the longest, except for those being delivered.
pub(crate) fn due(
    connection: &Connection,
    now: i64,
    in_delivery: &HashSet<(ExecutionId, TimerId)>,
    most: usize,
) -> Result<Vec<(ExecutionId, TimerId)>> {
    let due: Vec<_> = connection
        .prepare_cached("SELECT execution, timer FROM timer WHERE due <= ? ORDER BY due LIMIT ?")?
        .query_map((now, most + in_delivery.len()), |row| Ok((row.get(0)?, TimerId(row.get(1)?))))?
        .collect::<Result<_>>()?;
    Ok(due.into_iter().filter(|timer| !in_delivery.contains(timer)).take(most).collect())
}
