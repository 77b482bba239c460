//! Activities and the tasks that they offer to workers.

use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::ExecutionId;
use crate::interpreter::TaskId;

pub(crate) struct Activity {
    pub id: i64,
    pub name: String,
    /// encryptionConfiguration as JSON.
    pub encryption: String,
    pub created: i64,
}

fn activity(row: &Row<'_>) -> Result<Activity> {
    Ok(Activity { id: row.get(0)?, name: row.get(1)?, encryption: row.get(2)?, created: row.get(3)? })
}

pub(crate) fn by_name(connection: &Connection, name: &str) -> Result<Option<Activity>> {
    connection
        .prepare_cached("SELECT id, name, encryption, created FROM activity WHERE name = ?")?
        .query_row([name], activity)
        .optional()
}

pub(crate) fn insert(connection: &Connection, name: &str, encryption: &str, created: i64) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO activity (name, encryption, created) VALUES (?, ?, ?)")?
        .execute((name, encryption, created))
        .map(drop)
}

/// Removes an activity. Tasks that wait for its workers time out; [`sweep`] removes its offers.
pub(crate) fn remove(connection: &Connection, name: &str) -> Result<()> {
    let Some(activity) = by_name(connection, name)? else { return Ok(()) };
    connection.execute("INSERT INTO deleted_activity (id) VALUES (?)", [activity.id])?;
    connection.execute("DELETE FROM activity WHERE id = ?", [activity.id]).map(drop)
}

/// Removes some of the offers of deleted activities. Returns whether there may be more.
pub(crate) fn sweep(connection: &Connection, most: i64) -> Result<bool> {
    let deleted: Option<i64> = connection
        .prepare_cached("SELECT id FROM deleted_activity LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(deleted) = deleted else { return Ok(false) };
    let removed = connection
        .prepare_cached(
            "DELETE FROM offer WHERE activity = ?1 AND (execution, task) IN
                 (SELECT execution, task FROM offer WHERE activity = ?1 LIMIT ?2)",
        )?
        .execute((deleted, most))?;
    if removed == 0 {
        connection.prepare_cached("DELETE FROM deleted_activity WHERE id = ?")?.execute([deleted])?;
    }
    Ok(true)
}

/// A page of activities after the one with this rowid.
pub(crate) fn list(connection: &Connection, after: i64, most: i64) -> Result<Vec<Activity>> {
    connection
        .prepare_cached("SELECT id, name, encryption, created FROM activity WHERE id > ? ORDER BY id LIMIT ?")?
        .query_map([after, most], activity)?
        .collect()
}

/// A task that waits for a worker.
pub(crate) struct Offer {
    pub execution: ExecutionId,
    pub task: TaskId,
    pub input: String,
}

pub(crate) fn offer(connection: &Connection, activity: i64, offer: &Offer) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO offer (activity, execution, task, nonce, input) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute((activity, offer.execution, offer.task.event, offer.task.nonce, &offer.input))
        .map(drop)
}

/// Withdraws an offer if no worker has taken it.
pub(crate) fn withdraw(connection: &Connection, activity: i64, execution: ExecutionId, task: TaskId) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM offer WHERE activity = ? AND execution = ? AND task = ? AND nonce = ?")?
        .execute((activity, execution, task.event, task.nonce))
        .map(drop)
}

/// Takes the oldest offer.
pub(crate) fn take_offer(connection: &Connection, activity: i64) -> Result<Option<Offer>> {
    let first = connection
        .prepare_cached(
            "SELECT execution, task, nonce, input FROM offer WHERE activity = ? ORDER BY execution, task LIMIT 1",
        )?
        .query_row([activity], |row| {
            let task = TaskId { event: row.get(1)?, nonce: row.get(2)? };
            Ok(Offer { execution: row.get(0)?, task, input: row.get(3)? })
        })
        .optional()?;
    if let Some(offer) = &first {
        connection.prepare_cached("DELETE FROM offer WHERE activity = ? AND execution = ? AND task = ?")?.execute((
            activity,
            offer.execution,
            offer.task.event,
        ))?;
    }
    Ok(first)
}
