//! Calls that have not been answered, and executions that wait for others.

use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::{Call, CallContext, ExecutionId, compression};
use crate::interpreter::{Pattern, TaskId};

/// `opening` is the number of the current opening of the database.
pub(crate) fn insert(connection: &Connection, opening: i64, call: &Call) -> Result<()> {
    let unwritable = |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
    let work = serde_json::to_vec(&call.work).map_err(unwritable)?;
    let context = serde_json::to_string(&call.context).map_err(unwritable)?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO call (execution, task, nonce, opening, work, context) VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute((call.execution, call.task.event, call.task.nonce, opening, compression::pack(&work), context))
        .map(drop)
}

/// Returns whether the call existed.
pub(crate) fn remove(connection: &Connection, execution: ExecutionId, task: TaskId) -> Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM call WHERE execution = ? AND task = ? AND nonce = ?")?
        .execute((execution, task.event, task.nonce))?;
    Ok(removed > 0)
}

/// Returns whether there were any calls.
pub(crate) fn remove_all(connection: &Connection, execution: ExecutionId) -> Result<bool> {
    let removed = connection.prepare_cached("DELETE FROM call WHERE execution = ?")?.execute([execution])?;
    Ok(removed > 0)
}

/// The row of a call.
pub(crate) struct Stored {
    pub execution: ExecutionId,
    pub task: TaskId,
    /// `None` if the call can't be read.
    pub call: Option<Call>,
}

/// A page of the calls that were left unanswered before this opening of the database, after the given one.
pub(crate) fn left(
    connection: &Connection,
    opening: i64,
    after: (ExecutionId, TaskId),
    most: i64,
) -> Result<Vec<Stored>> {
    connection
        .prepare_cached(
            "SELECT execution, task, nonce, work, context FROM call
             WHERE (execution, task) > (?, ?) AND opening < ? ORDER BY execution, task LIMIT ?",
        )?
        .query_map((after.0, after.1.event, opening, most), read)?
        .collect()
}

/// Returns `None` if the call has been answered or cancelled.
pub(crate) fn find(connection: &Connection, execution: ExecutionId, task: TaskId) -> Result<Option<Stored>> {
    connection
        .prepare_cached(
            "SELECT execution, task, nonce, work, context FROM call WHERE execution = ? AND task = ? AND nonce = ?",
        )?
        .query_row((execution, task.event, task.nonce), read)
        .optional()
}

fn read(row: &Row<'_>) -> Result<Stored> {
    let (execution, task) = (row.get(0)?, TaskId { event: row.get(1)?, nonce: row.get(2)? });
    let work = compression::unpack(row.get_ref(3)?.as_blob()?)?;
    let call = match call(execution, task, &work, row.get_ref(4)?.as_str_or_null()?) {
        Ok(call) => Some(call),
        Err(error) => {
            tracing::error!(execution = execution.0, event = task.event, %error, "a stored call can't be read");
            None
        }
    };
    Ok(Stored { execution, task, call })
}

fn call(execution: ExecutionId, task: TaskId, work: &[u8], context: Option<&str>) -> serde_json::Result<Call> {
    let work = serde_json::from_slice(work)?;
    let context = match context {
        Some(context) => serde_json::from_str(context)?,
        // The call was requested by a release up to schema 3.
        None => CallContext { key: format!("{}/{}", execution.0, task.event), ..CallContext::of(None) },
    };
    Ok(Call { execution, task, work, context })
}

/// An execution that waits for the end of another.
pub(crate) struct Waiting {
    pub parent: ExecutionId,
    pub task: TaskId,
    /// Whether the task uses `.sync:2` rather than `.sync`.
    pub second_form: bool,
}

pub(crate) fn wait_for(connection: &Connection, child: ExecutionId, waiting: &Waiting) -> Result<()> {
    let form = if waiting.second_form { 2 } else { 1 };
    connection
        .prepare_cached("INSERT OR REPLACE INTO sync_wait (parent, task, nonce, child, form) VALUES (?, ?, ?, ?, ?)")?
        .execute((waiting.parent, waiting.task.event, waiting.task.nonce, child, form))
        .map(drop)
}

/// Removes and returns the tasks that wait for the child's end.
pub(crate) fn take_waiting(connection: &Connection, child: ExecutionId) -> Result<Vec<Waiting>> {
    // Nothing waits for most executions, and a SELECT is cheaper than a DELETE with RETURNING.
    let waiting: Vec<Waiting> = connection
        .prepare_cached("SELECT parent, task, nonce, form FROM sync_wait WHERE child = ?")?
        .query_map([child], |row| {
            Ok(Waiting {
                parent: row.get(0)?,
                task: TaskId { event: row.get(1)?, nonce: row.get(2)? },
                second_form: row.get::<_, i64>(3)? == 2,
            })
        })?
        .collect::<Result<_>>()?;
    if !waiting.is_empty() {
        connection.prepare_cached("DELETE FROM sync_wait WHERE child = ?")?.execute([child])?;
    }
    Ok(waiting)
}

/// Removes and returns the child that a task waits for, because the task no longer waits.
pub(crate) fn stop_waiting(connection: &Connection, parent: ExecutionId, task: TaskId) -> Result<Option<ExecutionId>> {
    connection
        .prepare_cached("DELETE FROM sync_wait WHERE parent = ? AND task = ? AND nonce = ? RETURNING child")?
        .query_row((parent, task.event, task.nonce), |row| row.get(0))
        .optional()
}

/// Removes and returns all children that an execution waits for.
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
