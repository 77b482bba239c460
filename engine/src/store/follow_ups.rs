//! The rows of follow-ups: events that follow from a change and are delivered in changes of their own, because the
//! first transaction had no room for them.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Result};

use super::ExecutionId;
use crate::interpreter::Event;

pub(crate) fn insert(connection: &Connection, execution: ExecutionId, event: &Event) -> Result<()> {
    let event = serde_json::to_string(event).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached("INSERT INTO follow_up (execution, event) VALUES (?, ?)")?
        .execute((execution, event))
        .map(drop)
}

/// The follow-ups that can be delivered now, oldest first, except for those being delivered.
pub(crate) fn due(connection: &Connection, now: i64, in_delivery: &HashSet<i64>, most: usize) -> Result<Vec<i64>> {
    let due: Vec<i64> = connection
        .prepare_cached("SELECT id FROM follow_up WHERE not_before <= ? ORDER BY not_before, id LIMIT ?")?
        .query_map((now, most + in_delivery.len()), |row| row.get(0))?
        .collect::<Result<_>>()?;
    Ok(due.into_iter().filter(|id| !in_delivery.contains(id)).take(most).collect())
}

/// The earliest time in milliseconds at which a follow-up that is not being delivered can be delivered.
pub(crate) fn next(connection: &Connection, in_delivery: &HashSet<i64>) -> Result<Option<i64>> {
    let mut earliest =
        connection.prepare_cached("SELECT id, not_before FROM follow_up ORDER BY not_before, id LIMIT ?")?;
    let mut rows = earliest.query([in_delivery.len() + 1])?;
    while let Some(row) = rows.next()? {
        if !in_delivery.contains(&row.get(0)?) {
            return row.get(1).map(Some);
        }
    }
    Ok(None)
}

/// Removes and returns a follow-up. Returns `None` if it has been delivered or removed.
pub(crate) fn take(connection: &Connection, id: i64) -> Result<Option<(ExecutionId, Event)>> {
    let taken: Option<(ExecutionId, String)> = connection
        .prepare_cached("DELETE FROM follow_up WHERE id = ? RETURNING execution, event")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((execution, event)) = taken else { return Ok(None) };
    let event = serde_json::from_str(&event)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into()))?;
    Ok(Some((execution, event)))
}

/// Postpones a follow-up to a time in milliseconds.
pub(crate) fn postpone(connection: &Connection, id: i64, until: i64) -> Result<()> {
    connection.prepare_cached("UPDATE follow_up SET not_before = ? WHERE id = ?")?.execute((until, id)).map(drop)
}

/// Removes the follow-ups for an execution.
pub(crate) fn forget(connection: &Connection, execution: ExecutionId) -> Result<()> {
    connection.prepare_cached("DELETE FROM follow_up WHERE execution = ?")?.execute([execution]).map(drop)
}
