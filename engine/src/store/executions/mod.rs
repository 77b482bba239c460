//! The rows of executions.

mod list;
mod names;
mod state;

use rusqlite::{Connection, OptionalExtension, Result, Row};

pub(crate) use self::{
    list::{Filter, Of, list},
    state::{drop_state, put_state, state},
};
use super::ExecutionId;
pub(crate) use super::{map_runs::ChildOf, status::Status};

/// An execution without its input and output.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub id: ExecutionId,
    pub revision: i64,
    /// The name in the row: see [`names`].
    pub name: String,
    pub status: Status,
    pub started: i64,
    pub stopped: Option<i64>,
    pub version: Option<i64>,
    pub alias: Option<String>,
    pub redrive_count: u32,
    pub redriven: Option<i64>,
    /// Set for the child of a map run.
    pub child: Option<ChildOf>,
}

/// The columns that [`execution`] reads. A macro, so that statements can be concatenated at compile time.
macro_rules! columns {
    () => {
        "id, revision, name, status, started, stopped, version, alias, redrive_count, redriven, map_run, place, items"
    };
}

use columns;

fn execution(row: &Row<'_>) -> Result<Execution> {
    Ok(Execution {
        id: row.get(0)?,
        revision: row.get(1)?,
        name: row.get(2)?,
        status: row.get(3)?,
        started: row.get(4)?,
        stopped: row.get(5)?,
        version: row.get(6)?,
        alias: row.get(7)?,
        redrive_count: row.get(8)?,
        redriven: row.get(9)?,
        child: match row.get(10)? {
            None => None,
            Some(map_run) => Some(ChildOf { map_run, place: row.get(11)?, items: row.get(12)? }),
        },
    })
}

/// The input and output of an execution.
pub(crate) struct Data {
    pub input: String,
    pub output: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
    pub trace_header: Option<String>,
}

pub(crate) fn data(connection: &Connection, id: ExecutionId) -> Result<Data> {
    connection
        .prepare_cached("SELECT input, output, error, cause, trace_header FROM execution WHERE id = ?")?
        .query_row([id], |row| {
            Ok(Data {
                input: row.get(0)?,
                output: row.get(1)?,
                error: row.get(2)?,
                cause: row.get(3)?,
                trace_header: row.get(4)?,
            })
        })
}

/// The state machine that the execution belongs to.
pub(crate) fn state_machine(connection: &Connection, id: ExecutionId) -> Result<i64> {
    connection.prepare_cached("SELECT state_machine FROM execution WHERE id = ?")?.query_row([id], |row| row.get(0))
}

/// The name in the row of the execution.
pub(crate) fn name(connection: &Connection, id: ExecutionId) -> Result<String> {
    connection.prepare_cached("SELECT name FROM execution WHERE id = ?")?.query_row([id], |row| row.get(0))
}

/// The execution and its input.
pub(crate) fn with_input(connection: &Connection, id: ExecutionId) -> Result<Option<(Execution, String)>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), ", input FROM execution WHERE id = ?"))?
        .query_row([id], |row| Ok((execution(row)?, row.get(13)?)))
        .optional()
}

pub(crate) fn by_name(connection: &Connection, state_machine: i64, name: &str) -> Result<Option<Execution>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM execution WHERE state_machine = ? AND name = ?"))?
        .query_row((state_machine, name), execution)
        .optional()
}

/// A new execution.
pub(crate) struct NewExecution<'a> {
    pub state_machine: i64,
    pub revision: i64,
    pub name: &'a str,
    pub input: &'a str,
    pub trace_header: Option<&'a str>,
    pub version: Option<i64>,
    pub alias: Option<&'a str>,
    pub started: i64,
    pub child: Option<ChildOf>,
}

pub(crate) fn insert(connection: &Connection, new: &NewExecution<'_>) -> Result<ExecutionId> {
    connection
        .prepare_cached(
            "INSERT INTO execution (state_machine, revision, name, status, started, input, trace_header, version, alias,
                                    map_run, place, items)
             VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute((
            new.state_machine,
            new.revision,
            new.name,
            new.started,
            new.input,
            new.trace_header,
            new.version,
            new.alias,
            new.child.map(|child| child.map_run),
            new.child.map(|child| child.place),
            new.child.map(|child| child.items),
        ))?;
    Ok(ExecutionId(connection.last_insert_rowid()))
}

/// How an execution ended.
pub(crate) struct End<'a> {
    pub status: Status,
    pub stopped: i64,
    pub output: Option<&'a str>,
    pub error: Option<&'a str>,
    pub cause: Option<&'a str>,
}

pub(crate) fn end(connection: &Connection, id: ExecutionId, end: &End<'_>) -> Result<()> {
    connection
        .prepare_cached("UPDATE execution SET status = ?, stopped = ?, output = ?, error = ?, cause = ? WHERE id = ?")?
        .execute((end.status, end.stopped, end.output, end.error, end.cause, id))
        .map(drop)
}

/// Changes the status of a map run's child that does not run.
pub(crate) fn set_status(connection: &Connection, id: ExecutionId, status: Status) -> Result<()> {
    connection.prepare_cached("UPDATE execution SET status = ? WHERE id = ?")?.execute((status, id)).map(drop)
}

/// The oldest children of a map run with this status.
pub(crate) fn children(connection: &Connection, map_run: i64, status: Status, most: i64) -> Result<Vec<ExecutionId>> {
    connection
        .prepare_cached("SELECT id FROM execution WHERE map_run = ? AND status = ? ORDER BY id LIMIT ?")?
        .query_map((map_run, status, most), |row| row.get(0))?
        .collect()
}

/// The children of a map run that have ended, after the given one, in the order of their indexes, which is the order in
/// which they were started.
pub(crate) fn ended_children(
    connection: &Connection,
    map_run: i64,
    after: ExecutionId,
    most: i64,
) -> Result<Vec<Execution>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM execution WHERE map_run = ? AND id > ? AND status <> 0 ORDER BY id LIMIT ?"
        ))?
        .query_map((map_run, after, most), execution)?
        .collect()
}

/// Marks an execution as running again.
pub(crate) fn redrive(connection: &Connection, id: ExecutionId, at: i64, client_token: Option<&str>) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE execution SET status = 0, stopped = NULL, output = NULL, error = NULL, cause = NULL,
                                  redrive_count = redrive_count + 1, redriven = ? WHERE id = ?",
        )?
        .execute((at, id))?;
    // They belong to the time before it ended.
    super::follow_ups::forget(connection, id)?;
    connection.prepare_cached("DELETE FROM redrive WHERE execution = ?")?.execute([id])?;
    if let Some(client_token) = client_token {
        connection
            .prepare_cached("INSERT INTO redrive (execution, client_token) VALUES (?, ?)")?
            .execute((id, client_token))?;
    }
    Ok(())
}

/// The clientToken of the last redrive.
pub(crate) fn redriven_by(connection: &Connection, id: ExecutionId) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT client_token FROM redrive WHERE execution = ?")?
        .query_row([id], |row| row.get(0))
        .optional()
}

/// Some executions of a state machine, in no particular order. With a status, the children of map runs are left out.
pub(crate) fn some_of(
    connection: &Connection,
    state_machine: i64,
    status: Option<Status>,
    most: i64,
) -> Result<Vec<ExecutionId>> {
    match status {
        Some(status) => connection
            .prepare_cached(
                "SELECT id FROM execution WHERE state_machine = ? AND status = ? AND map_run IS NULL LIMIT ?",
            )?
            .query_map((state_machine, status, most), |row| row.get(0))?
            .collect(),
        None => connection
            .prepare_cached("SELECT id FROM execution WHERE state_machine = ? LIMIT ?")?
            .query_map((state_machine, most), |row| row.get(0))?
            .collect(),
    }
}

/// Removes an execution that has ended, and its history.
pub(crate) fn remove(connection: &Connection, id: ExecutionId) -> Result<()> {
    super::history::remove(connection, id)?;
    drop_state(connection, id)?;
    connection.prepare_cached("DELETE FROM redrive WHERE execution = ?")?.execute([id])?;
    super::map_runs::remove_of(connection, id)?;
    connection.prepare_cached("DELETE FROM execution WHERE id = ?")?.execute([id]).map(drop)
}
