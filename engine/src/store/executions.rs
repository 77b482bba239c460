//! The rows of executions and their states.

use rusqlite::{Connection, OptionalExtension, Result, Row, ToSql};

use super::{ExecutionId, compression};
pub(crate) use super::{map_runs::ChildOf, status::Status};
use crate::Options;

/// An execution without its data.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub id: ExecutionId,
    pub revision: i64,
    pub name: String,
    pub status: Status,
    pub started: i64,
    pub stopped: Option<i64>,
    pub version: Option<i64>,
    pub alias: Option<String>,
    pub redrive_count: u32,
    pub redriven: Option<i64>,
    /// Of a child of a map run.
    pub child: Option<ChildOf>,
}

/// Between an EXPRESS execution's name, which need not be unique, and what makes its row's name so. No name holds it.
const EXPRESS: char = ':';
/// Between the label of a map run and the name of its child. No name holds it.
const LABEL: char = '/';

impl Execution {
    /// The row's name of an EXPRESS execution.
    pub fn express_name(name: &str, id: &str) -> String {
        format!("{name}{EXPRESS}{id}")
    }

    /// The row's name of a child of a map run.
    pub fn child_name(label: &str, name: &str) -> String {
        format!("{label}{LABEL}{name}")
    }

    /// The name as clients know it.
    pub fn shown_name(&self) -> &str {
        let name = self.name.split_once(LABEL).map_or(&*self.name, |(_, name)| name);
        name.split(EXPRESS).next().unwrap_or(name)
    }

    /// What stands for the state machine's name in ARNs and in the context object: with the label of the map run, where
    /// it is the child of one.
    pub fn machine_name(&self, state_machine: &str) -> String {
        machine_name(state_machine, &self.name)
    }
}

fn machine_name(state_machine: &str, row_name: &str) -> String {
    match row_name.split_once(LABEL) {
        None => state_machine.to_owned(),
        Some((label, _)) => format!("{state_machine}{LABEL}{label}"),
    }
}

impl Options {
    pub(crate) fn arn_of(&self, execution: &Execution, state_machine: &str) -> String {
        self.row_arn(state_machine, &execution.name)
    }

    /// The ARN of the execution whose row has that name.
    pub(crate) fn row_arn(&self, state_machine: &str, row_name: &str) -> String {
        let machine = machine_name(state_machine, row_name);
        let name = row_name.split_once(LABEL).map_or(row_name, |(_, name)| name);
        match name.split_once(EXPRESS) {
            None => self.execution_arn(&machine, name),
            Some((name, id)) => self.express_arn(&machine, name, id),
        }
    }
}

/// The columns that [`execution`] reads, for statements put together when they are compiled.
macro_rules! columns {
    () => {
        "id, revision, name, status, started, stopped, version, alias, redrive_count, redriven, map_run, place, items"
    };
}

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

/// What an execution was given and gave.
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

/// Which state machine it is of.
pub(crate) fn state_machine(connection: &Connection, id: ExecutionId) -> Result<i64> {
    connection.prepare_cached("SELECT state_machine FROM execution WHERE id = ?")?.query_row([id], |row| row.get(0))
}

/// The row's name.
pub(crate) fn name(connection: &Connection, id: ExecutionId) -> Result<String> {
    connection.prepare_cached("SELECT name FROM execution WHERE id = ?")?.query_row([id], |row| row.get(0))
}

/// With its input.
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

/// Whose executions ListExecutions lists.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    /// A state machine's, but for the children of its map runs.
    StateMachine(i64),
    MapRun(i64),
}

/// Which of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub status: Option<Status>,
    pub version: Option<i64>,
    pub alias: Option<String>,
    pub redriven: Option<bool>,
}

/// Rows that one page looks at, at most. Most filters find what they want in an index and look at nothing else.
const MAX_ROWS_EXAMINED: usize = 4_096;

/// A page, newest first, of those older than `before`; and before which the next page goes on, if it does. A page may
/// have fewer than `most` though others follow.
pub(crate) fn list(
    connection: &Connection,
    of: Of,
    filter: &Filter,
    before: i64,
    most: usize,
) -> Result<(Vec<Execution>, Option<i64>)> {
    let (whose, id) = match &of {
        Of::StateMachine(id) => ("state_machine = ? AND map_run IS NULL", id),
        Of::MapRun(id) => ("map_run = ?", id),
    };
    let mut sql = format!(concat!("SELECT ", columns!(), " FROM execution WHERE {whose} AND id < ?"), whose = whose);
    let mut values: Vec<&dyn ToSql> = vec![id, &before];
    if let Some(status) = &filter.status {
        sql.push_str(" AND status = ?");
        values.push(status);
    }
    if let Some(version) = &filter.version {
        sql.push_str(" AND version = ?");
        values.push(version);
    }
    if let Some(alias) = &filter.alias {
        sql.push_str(" AND alias = ?");
        values.push(alias);
    }
    let of_state_machine = filter.version.is_none() && filter.alias.is_none() && matches!(of, Of::StateMachine(_));
    if filter.redriven == Some(true) && of_state_machine {
        sql.push_str(" AND redrive_count > 0");
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    values.push(&MAX_ROWS_EXAMINED);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(&values[..])?;
    let mut page: Vec<Execution> = Vec::new();
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        if page.len() == most {
            let last = page.last().map(|last| last.id.0);
            return Ok((page, last));
        }
        let execution = execution(row)?;
        looked_at += 1;
        let id = execution.id.0;
        if filter.redriven.is_none_or(|redriven| redriven == (execution.redrive_count > 0)) {
            page.push(execution);
        }
        if looked_at == MAX_ROWS_EXAMINED {
            return Ok((page, Some(id)));
        }
    }
    Ok((page, None))
}

/// An execution to be written.
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

/// A child of a map run that is to be redriven when its turn comes, or (`Aborted`) no more.
pub(crate) fn set_status(connection: &Connection, id: ExecutionId, status: Status) -> Result<()> {
    connection.prepare_cached("UPDATE execution SET status = ? WHERE id = ?")?.execute((status, id)).map(drop)
}

/// Some of a map run's children.
pub(crate) fn children(connection: &Connection, map_run: i64, status: Status, most: i64) -> Result<Vec<ExecutionId>> {
    connection
        .prepare_cached("SELECT id FROM execution WHERE map_run = ? AND status = ? ORDER BY id LIMIT ?")?
        .query_map((map_run, status, most), |row| row.get(0))?
        .collect()
}

/// The children of a map run that are over, those after one, in their order: they were started in that of their places.
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

/// It runs again.
pub(crate) fn redrive(connection: &Connection, id: ExecutionId, at: i64, client_token: Option<&str>) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE execution SET status = 0, stopped = NULL, output = NULL, error = NULL, cause = NULL,
                                  redrive_count = redrive_count + 1, redriven = ? WHERE id = ?",
        )?
        .execute((at, id))?;
    // They are of the time before its end.
    super::follow_ups::forget(connection, id)?;
    connection.prepare_cached("DELETE FROM redrive WHERE execution = ?")?.execute([id])?;
    if let Some(client_token) = client_token {
        connection
            .prepare_cached("INSERT INTO redrive (execution, client_token) VALUES (?, ?)")?
            .execute((id, client_token))?;
    }
    Ok(())
}

/// The clientToken of its last redrive.
pub(crate) fn redriven_by(connection: &Connection, id: ExecutionId) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT client_token FROM redrive WHERE execution = ?")?
        .query_row([id], |row| row.get(0))
        .optional()
}

pub(crate) fn state(connection: &Connection, id: ExecutionId) -> Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT state FROM execution_state WHERE execution = ?")?
        .query_row([id], |row| Ok(compression::unpack(row.get_ref(0)?.as_blob()?)?.into_owned()))
        .optional()
}

pub(crate) fn put_state(connection: &Connection, id: ExecutionId, state: &[u8]) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO execution_state (execution, state) VALUES (?, ?)")?
        .execute((id, compression::pack(state)))
        .map(drop)
}

pub(crate) fn drop_state(connection: &Connection, id: ExecutionId) -> Result<()> {
    super::branches::remove_all(connection, id)?;
    connection.prepare_cached("DELETE FROM execution_state WHERE execution = ?")?.execute([id]).map(drop)
}

/// Some of a state machine's executions, any of them; with a status, none that are children of map runs.
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

/// Forgets an execution that is over, its history too.
pub(crate) fn remove(connection: &Connection, id: ExecutionId) -> Result<()> {
    super::history::remove(connection, id)?;
    drop_state(connection, id)?;
    connection.prepare_cached("DELETE FROM redrive WHERE execution = ?")?.execute([id])?;
    super::map_runs::remove_of(connection, id)?;
    connection.prepare_cached("DELETE FROM execution WHERE id = ?")?.execute([id]).map(drop)
}
