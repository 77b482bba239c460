//! The rows of map runs, of the inputs of their children, and of the counts of these.

use rusqlite::{Connection, OptionalExtension, Result, Row, ToSql, types::FromSql};

use super::{ExecutionId, status::Status};
use crate::{
    Options,
    interpreter::{Children, MapRunPlan, Payload, TaskId},
};

/// Identifies an execution as the child of a map run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChildOf {
    pub map_run: i64,
    /// The index among the children of the run.
    pub place: i64,
    /// The number of items that the child processes.
    pub items: i64,
}

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

/// Inserts the inputs of children and their numbers of items, starting at an index.
pub(crate) fn add_children(
    connection: &Connection,
    id: i64,
    from: usize,
    children: impl IntoIterator<Item = (impl AsRef<str>, usize)>,
) -> Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO map_run_item (map_run, place, items, input) VALUES (?, ?, ?, ?)")?;
    for (index, (input, items)) in children.into_iter().enumerate() {
        insert.execute((id, number(from + index), number(items), input.as_ref()))?;
    }
    Ok(())
}

/// Sets the number of items and of children.
pub(crate) fn set_size(connection: &Connection, id: i64, items: usize, children: usize) -> Result<()> {
    connection
        .prepare_cached("UPDATE map_run SET items = ?, children = ? WHERE id = ?")?
        .execute((number(items), number(children), id))
        .map(drop)
}

/// Removes the inputs of children that have not been started.
pub(crate) fn drop_items(connection: &Connection, id: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM map_run_item WHERE map_run = ?")?.execute([id]).map(drop)
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

/// What is to be done next for a run, in a change of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextAction {
    /// Nothing before a child ends, or because the run has ended.
    None = 0,
    /// The run has room for children that have not been started.
    StartChildren = 1,
    /// The statuses of children that do not run must be changed after the run was redriven or ended. No child is started
    /// before.
    Reconcile = 2,
}

impl NextAction {
    const ALL: [Self; 3] = [Self::None, Self::StartChildren, Self::Reconcile];
}

impl ToSql for NextAction {
    fn to_sql(&self) -> Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok((*self as i64).into())
    }
}

impl FromSql for NextAction {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let number = value.as_i64()?;
        let known = usize::try_from(number).ok().and_then(|at| Self::ALL.get(at));
        known.copied().ok_or(rusqlite::types::FromSqlError::OutOfRange(number))
    }
}

/// The next run after `after` for which something is to be done. After the last run comes the first.
pub(crate) fn next_with_action(connection: &Connection, after: i64) -> Result<Option<i64>> {
    let mut next =
        connection.prepare_cached("SELECT id FROM map_run WHERE next_action AND id > ? ORDER BY id LIMIT 1")?;
    let mut next = |after: i64| next.query_row([after], |row| row.get(0)).optional();
    match next(after)? {
        None if after > 0 => next(0),
        found => Ok(found),
    }
}

/// What is to be done next for a run. Nothing if it has been deleted.
pub(crate) fn next_action(connection: &Connection, id: i64) -> Result<NextAction> {
    let action = connection
        .prepare_cached("SELECT next_action FROM map_run WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(action.unwrap_or(NextAction::None))
}

pub(crate) fn set_next_action(connection: &Connection, id: i64, action: NextAction) -> Result<()> {
    connection
        .prepare_cached("UPDATE map_run SET next_action = ?1 WHERE id = ?2 AND next_action <> ?1")?
        .execute((action, id))
        .map(drop)
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

/// The input of the next child.
pub(crate) fn next_item(connection: &Connection, run: &MapRun) -> Result<Option<Payload>> {
    connection
        .prepare_cached("SELECT input FROM map_run_item WHERE map_run = ? AND place = ?")?
        .query_row((run.id, run.next), |row| Ok(Payload::from_text(row.get::<_, String>(0)?)))
        .optional()
}

/// Removes the input of the next child, which must exist.
pub(crate) fn take_next(connection: &Connection, run: &MapRun) -> Result<ChildOf> {
    let items = connection
        .prepare_cached("DELETE FROM map_run_item WHERE map_run = ? AND place = ? RETURNING items")?
        .query_row((run.id, run.next), |row| row.get(0))?;
    connection.prepare_cached("UPDATE map_run SET next = next + 1 WHERE id = ?")?.execute([run.id])?;
    Ok(ChildOf { map_run: run.id, place: run.next, items })
}

/// The numbers of children and of items by status.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub children: [i64; 6],
    pub items: [i64; 6],
}

impl Counts {
    pub fn children(&self, status: Status) -> i64 {
        self.children[status as usize]
    }

    /// The number of items whose children ended without success.
    pub fn failed_items(&self) -> i64 {
        [Status::Failed, Status::TimedOut, Status::Aborted].into_iter().map(|status| self.items[status as usize]).sum()
    }
}

pub(crate) fn counts(connection: &Connection, id: i64) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut rows = connection.prepare_cached("SELECT status, children, items FROM map_run_count WHERE map_run = ?")?;
    let mut rows = rows.query([id])?;
    while let Some(row) = rows.next()? {
        let status: Status = row.get(0)?;
        counts.children[status as usize] = row.get(1)?;
        counts.items[status as usize] = row.get(2)?;
    }
    Ok(counts)
}

/// Counts a child in another status. `from` is `None` for a new child.
pub(crate) fn count(connection: &Connection, child: ChildOf, from: Option<Status>, to: Status) -> Result<()> {
    let mut change = connection.prepare_cached(
        "INSERT INTO map_run_count (map_run, status, children, items) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET children = children + excluded.children, items = items + excluded.items",
    )?;
    if let Some(from) = from {
        change.execute((child.map_run, from, -1, -child.items))?;
    }
    change.execute((child.map_run, to, 1, child.items)).map(drop)
}

/// Moves some children from one of these statuses to another. Returns their number.
pub(crate) fn move_children(
    connection: &Connection,
    id: i64,
    from: &[Status],
    to: Status,
    most: usize,
) -> Result<usize> {
    let mut put = connection.prepare_cached(
        "UPDATE execution SET status = ?1 WHERE id IN
             (SELECT id FROM execution WHERE map_run = ?2 AND status = ?3 ORDER BY id LIMIT ?4) RETURNING place, items",
    )?;
    let mut moved = 0;
    for status in from {
        let children: Vec<ChildOf> = put
            .query_map((to, id, *status, most - moved), |row| {
                Ok(ChildOf { map_run: id, place: row.get(0)?, items: row.get(1)? })
            })?
            .collect::<Result<_>>()?;
        for child in &children {
            count(connection, *child, Some(*status), to)?;
        }
        moved += children.len();
    }
    Ok(moved)
}

/// The total size of the outputs of a run's children as elements of an array, in bytes.
pub(crate) fn output_size(connection: &Connection, id: i64) -> Result<i64> {
    connection
        .prepare_cached(
            "SELECT coalesce(sum(octet_length(output) + 1), 0) FROM execution WHERE map_run = ? AND status = ?",
        )?
        .query_row((id, Status::Succeeded), |row| row.get(0))
}

/// The array of the children's outputs in order, or `None` if it is longer than `most` bytes.
pub(crate) fn output(connection: &Connection, id: i64, most: usize) -> Result<Option<Payload>> {
    // Check the size before reading, because the outputs can exceed the available memory.
    if usize::try_from(output_size(connection, id)?).is_ok_and(|bytes| bytes > most) {
        return Ok(None);
    }
    let mut rows =
        connection.prepare_cached("SELECT output FROM execution WHERE map_run = ? AND status = ? ORDER BY place")?;
    let mut rows = rows.query((id, Status::Succeeded))?;
    let mut list = "[".to_owned();
    while let Some(row) = rows.next()? {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(row.get_ref(0)?.as_str()?);
    }
    list.push(']');
    Ok(Some(Payload::from_text(list)))
}

/// The inputs of children that have not been started, starting at an index.
pub(crate) fn pending(connection: &Connection, id: i64, from: i64, most: i64) -> Result<Vec<(i64, String)>> {
    connection
        .prepare_cached(
            "SELECT place, input FROM map_run_item WHERE map_run = ? AND place >= ? ORDER BY place LIMIT ?",
        )?
        .query_map((id, from, most), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Removes some children of a run. Returns their number.
pub(crate) fn remove_children(connection: &Connection, id: i64, most: usize) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM execution WHERE id IN (SELECT id FROM execution WHERE map_run = ? ORDER BY id LIMIT ?)",
        )?
        .execute((id, most))
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
