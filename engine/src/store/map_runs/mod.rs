//! The rows of map runs.

mod actions;
mod children;

use rusqlite::{Connection, OptionalExtension, Result, Row, ToSql, types::FromSql};

pub(crate) use self::{
    actions::{NextAction, next_action, next_with_action, set_next_action},
    children::{
        ChildOf, add_children, count, counts, drop_items, move_children, next_item, output, output_size, pending,
        remove_children, take_next,
    },
};
use super::ExecutionId;
use crate::{
    Options,
    interpreter::{Children, MapRunPlan, TaskId},
};

/// The status of a map run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunStatus {
    Running = 0,
    Succeeded = 1,
    Failed = 2,
    Aborted = 3,
}

impl RunStatus {
    const ALL: [Self; 4] = [Self::Running, Self::Succeeded, Self::Failed, Self::Aborted];

    pub fn word(self) -> &'static str {
        ["RUNNING", "SUCCEEDED", "FAILED", "ABORTED"][self as usize]
    }
}

impl ToSql for RunStatus {
    fn to_sql(&self) -> Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok((*self as i64).into())
    }
}

impl FromSql for RunStatus {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let number = value.as_i64()?;
        let known = usize::try_from(number).ok().and_then(|at| Self::ALL.get(at));
        known.copied().ok_or(rusqlite::types::FromSqlError::OutOfRange(number))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct MapRun {
    pub id: i64,
    /// The execution whose Map state started the run, and the task that identifies the run in it.
    pub execution: ExecutionId,
    pub task: TaskId,
    pub label: String,
    pub uuid: String,
    pub status: RunStatus,
    pub started: i64,
    pub stopped: Option<i64>,
    /// The name of the Map state whose processor the children run.
    pub processor: String,
    pub express: bool,
    /// 0 means no limit.
    pub max_concurrency: i64,
    pub tolerated_count: Option<i64>,
    pub tolerated_percentage: Option<f64>,
    pub items: i64,
    pub children: i64,
    /// The index of the next child to start.
    pub next: i64,
    pub redrive_count: u32,
    pub redriven: Option<i64>,
    /// A [`ResultWriting`](crate::interpreter::ResultWriting) as JSON.
    pub result_writing: Option<String>,
}

const COLUMNS: &str = "id, execution, task, label, uuid, status, started, stopped, processor, express, \
                       max_concurrency, tolerated_count, tolerated_percentage, items, children, next, redrive_count, \
                       redriven, result_writing, nonce";

fn map_run(row: &Row<'_>) -> Result<MapRun> {
    Ok(MapRun {
        id: row.get(0)?,
        execution: row.get(1)?,
        task: TaskId { event: row.get(2)?, nonce: row.get(19)? },
        label: row.get(3)?,
        uuid: row.get(4)?,
        status: row.get(5)?,
        started: row.get(6)?,
        stopped: row.get(7)?,
        processor: row.get(8)?,
        express: row.get(9)?,
        max_concurrency: row.get(10)?,
        tolerated_count: row.get(11)?,
        tolerated_percentage: row.get(12)?,
        items: row.get(13)?,
        children: row.get(14)?,
        next: row.get(15)?,
        redrive_count: row.get(16)?,
        redriven: row.get(17)?,
        result_writing: row.get(18)?,
    })
}

impl Options {
    pub(crate) fn map_run_arn(&self, state_machine: &str, run: &MapRun) -> String {
        let (region, account) = (&self.region, &self.account_id);
        format!("arn:aws:states:{region}:{account}:mapRun:{state_machine}/{}:{}", run.label, run.uuid)
    }
}

/// Inserts a run without started children. A run whose items have yet to be read has no children.
pub(crate) fn insert(
    connection: &Connection,
    execution: ExecutionId,
    task: TaskId,
    plan: &MapRunPlan,
    started: i64,
) -> Result<MapRun> {
    let writing = plan.writing.as_ref().map(serde_json::to_string).transpose();
    let writing = writing.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let id = connection
        .prepare_cached(
            "INSERT INTO map_run (execution, task, nonce, label, uuid, started, processor, express, max_concurrency,
                                  tolerated_count, tolerated_percentage, items, children, result_writing)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?) RETURNING id",
        )?
        .query_row(
            (
                execution,
                task.event,
                task.nonce,
                &plan.label,
                &plan.id,
                started,
                &plan.processor,
                plan.express,
                number(plan.max_concurrency),
                plan.tolerated_count.map(number),
                plan.tolerated_percentage,
                writing,
            ),
            |row| row.get(0),
        )?;
    match &plan.children {
        Children::Items(items) => {
            let items = items.value().as_array().map_or(&[][..], Vec::as_slice);
            add_children(connection, id, 0, items.iter().map(|item| (item.to_string(), 1)))?;
            set_size(connection, id, items.len(), items.len())?;
        }
        Children::Batches(batches) => {
            add_children(connection, id, 0, batches.iter().map(|(batch, items)| (batch.text(), *items)))?;
            set_size(connection, id, batches.iter().map(|(_, items)| items).sum(), batches.len())?;
        }
        Children::ToRead(_) => {}
    }
    get(connection, id)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Sets the number of items and of children.
pub(crate) fn set_size(connection: &Connection, id: i64, items: usize, children: usize) -> Result<()> {
    connection
        .prepare_cached("UPDATE map_run SET items = ?, children = ? WHERE id = ?")?
        .execute((number(items), number(children), id))
        .map(drop)
}

pub(crate) fn get(connection: &Connection, id: i64) -> Result<MapRun> {
    connection.prepare_cached(&format!("SELECT {COLUMNS} FROM map_run WHERE id = ?"))?.query_row([id], map_run)
}

pub(crate) fn by_task(connection: &Connection, execution: ExecutionId, task: TaskId) -> Result<Option<MapRun>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM map_run WHERE execution = ? AND task = ? AND nonce = ?"))?
        .query_row((execution, task.event, task.nonce), map_run)
        .optional()
}

pub(crate) fn by_uuid(connection: &Connection, uuid: &str) -> Result<Option<MapRun>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM map_run WHERE uuid = ?"))?
        .query_row([uuid], map_run)
        .optional()
}

/// The runs of an execution that are older than `before`, newest first.
pub(crate) fn list(connection: &Connection, execution: ExecutionId, before: i64, most: i64) -> Result<Vec<MapRun>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM map_run WHERE execution = ? AND id < ? ORDER BY id DESC LIMIT ?"
        ))?
        .query_map((execution, before, most), map_run)?
        .collect()
}

pub(crate) fn end(connection: &Connection, id: i64, status: RunStatus, at: i64) -> Result<()> {
    connection
        .prepare_cached("UPDATE map_run SET status = ?, stopped = ?, next_action = 0 WHERE id = ?")?
        .execute((status, at, id))
        .map(drop)
}

/// Marks a run as running again.
pub(crate) fn redrive(connection: &Connection, id: i64, at: i64) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE map_run SET status = 0, stopped = NULL, redrive_count = redrive_count + 1, redriven = ? WHERE id = ?",
        )?
        .execute((at, id))
        .map(drop)
}

/// Changes the given limits.
pub(crate) fn update(
    connection: &Connection,
    id: i64,
    max_concurrency: Option<i64>,
    tolerated_count: Option<i64>,
    tolerated_percentage: Option<f64>,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE map_run SET max_concurrency = coalesce(?, max_concurrency),
                                tolerated_count = coalesce(?, tolerated_count),
                                tolerated_percentage = coalesce(?, tolerated_percentage) WHERE id = ?",
        )?
        .execute((max_concurrency, tolerated_count, tolerated_percentage, id))
        .map(drop)
}

/// Removes the runs of an execution. Their children are separate rows.
pub(crate) fn remove_of(connection: &Connection, execution: ExecutionId) -> Result<()> {
    let runs: Vec<i64> = connection
        .prepare_cached("DELETE FROM map_run WHERE execution = ? RETURNING id")?
        .query_map([execution], |row| row.get(0))?
        .collect::<Result<_>>()?;
    for run in runs {
        connection.prepare_cached("DELETE FROM map_run_item WHERE map_run = ?")?.execute([run])?;
        connection.prepare_cached("DELETE FROM map_run_count WHERE map_run = ?")?.execute([run])?;
    }
    Ok(())
}
