//! Calls that have not been answered, and executions that wait for others.

use rusqlite::{Connection, OptionalExtension, Result, Row};
use serde::Deserialize;
use serde_json::Deserializer;

use super::{Call, CallContext, ExecutionId};
use crate::interpreter::{Pattern, TaskId, Work};

pub(crate) fn insert(connection: &Connection, run: i64, call: &Call) -> Result<()> {
    let unwritable = |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
    let mut work = serde_json::to_vec(&call.work).map_err(unwritable)?;
    serde_json::to_writer(&mut work, &call.context).map_err(unwritable)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO call (execution, task, run, work) VALUES (?, ?, ?, ?)")?
        .execute((call.execution, call.task.0, run, work))
        .map(drop)
}

/// Whether it was still there.
pub(crate) fn remove(connection: &Connection, execution: ExecutionId, task: TaskId) -> Result<bool> {
    let removed =
        connection.prepare_cached("DELETE FROM call WHERE execution = ? AND task = ?")?.execute((execution, task.0))?;
    Ok(removed > 0)
}

/// Whether there were any.
pub(crate) fn remove_all(connection: &Connection, execution: ExecutionId) -> Result<bool> {
    let removed = connection.prepare_cached("DELETE FROM call WHERE execution = ?")?.execute([execution])?;
    Ok(removed > 0)
}

/// A page of the calls that runs before this one left unanswered, after the given one.
pub(crate) fn left(connection: &Connection, run: i64, after: (ExecutionId, TaskId), most: i64) -> Result<Vec<Call>> {
    connection
        .prepare_cached(
            "SELECT execution, task, work FROM call
             WHERE (execution, task) > (?, ?) AND run < ? ORDER BY execution, task LIMIT ?",
        )?
        .query_map((after.0, after.1.0, run, most), read)?
        .collect()
}

/// None when it has been answered, or is not wanted any more.
pub(crate) fn find(connection: &Connection, execution: ExecutionId, task: TaskId) -> Result<Option<Call>> {
    connection
        .prepare_cached("SELECT execution, task, work FROM call WHERE execution = ? AND task = ?")?
        .query_row((execution, task.0), read)
        .optional()
}

/// The work is stored as JSON, and its context as JSON behind it. Rows of older releases have no context.
fn read(row: &Row<'_>) -> Result<Call> {
    let unreadable = |error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Blob, error.into())
    };
    let (execution, task): (ExecutionId, _) = (row.get(0)?, TaskId(row.get(1)?));
    let mut stored = Deserializer::from_slice(row.get_ref(2)?.as_blob()?);
    let work = Work::deserialize(&mut stored).map_err(unreadable)?;
    let context = stored.into_iter().next().transpose().map_err(unreadable)?;
    let key = || format!("{}/{}", execution.0, task.0);
    let context = context.unwrap_or_else(|| CallContext { key: key(), ..CallContext::of(None) });
    Ok(Call { execution, task, work, context })
}

/// An execution that waits for the end of another.
pub(crate) struct Waiting {
    pub parent: ExecutionId,
    pub task: TaskId,
    /// `.sync:2` rather than `.sync`.
    pub second_form: bool,
}

pub(crate) fn wait_for(connection: &Connection, child: ExecutionId, waiting: &Waiting) -> Result<()> {
    let form = if waiting.second_form { 2 } else { 1 };
    connection
        .prepare_cached("INSERT OR REPLACE INTO sync_wait (parent, task, child, form) VALUES (?, ?, ?, ?)")?
        .execute((waiting.parent, waiting.task.0, child, form))
        .map(drop)
}

/// Whoever waits for the child's end, taken out.
pub(crate) fn take_waiting(connection: &Connection, child: ExecutionId) -> Result<Vec<Waiting>> {
    // Most executions are waited for by nobody: looking first is cheaper than a DELETE with RETURNING.
    let waiting: Vec<Waiting> = connection
        .prepare_cached("SELECT parent, task, form FROM sync_wait WHERE child = ?")?
        .query_map([child], |row| {
            Ok(Waiting { parent: row.get(0)?, task: TaskId(row.get(1)?), second_form: row.get::<_, i64>(2)? == 2 })
        })?
        .collect::<Result<_>>()?;
    if !waiting.is_empty() {
        connection.prepare_cached("DELETE FROM sync_wait WHERE child = ?")?.execute([child])?;
    }
    Ok(waiting)
}

/// The child that a task waits for, taken out: nobody waits any more.
pub(crate) fn stop_waiting(connection: &Connection, parent: ExecutionId, task: TaskId) -> Result<Option<ExecutionId>> {
    connection
        .prepare_cached("DELETE FROM sync_wait WHERE parent = ? AND task = ? RETURNING child")?
        .query_row((parent, task.0), |row| row.get(0))
        .optional()
}

/// All children that an execution waits for, taken out.
pub(crate) fn stop_all_waiting(connection: &Connection, parent: ExecutionId) -> Result<Vec<ExecutionId>> {
    let children: Vec<ExecutionId> = connection
        .prepare_cached("SELECT child FROM sync_wait WHERE parent = ?")?
        .query_map([parent], |row| row.get(0))?
        .collect::<Result<_>>()?;
    if !children.is_empty() {
        connection.prepare_cached("DELETE FROM sync_wait WHERE parent = ?")?.execute([parent])?;
    }
    Ok(children)
}

impl Waiting {
    pub fn of(parent: ExecutionId, task: TaskId, pattern: Pattern) -> Option<Self> {
        match pattern {
            Pattern::Sync => Some(Self { parent, task, second_form: false }),
            Pattern::Sync2 => Some(Self { parent, task, second_form: true }),
            Pattern::RequestResponse | Pattern::WaitForTaskToken => None,
        }
    }
}
