//! Tasks: pages of those that wait for an answer, soonest deadline first, and those that are over.

use app::{
    desk::{WaitingItem, WaitingPage},
    domain::WaitingOn,
};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use time::OffsetDateTime;

use super::{entry, item_column};
use crate::{
    invocation::PausedTaskId,
    tasks::{self, PausedTask},
    timestamp,
};

/// A page of at most `at_most` open tasks, those that wait on `on` or all of them. If `after` is not the end of a page, this
/// is the first page.
pub fn page(
    connection: &Connection,
    on: Option<WaitingOn>,
    after: Option<&str>,
    at_most: usize,
) -> rusqlite::Result<WaitingPage> {
    let mut condition = "is_open".to_owned();
    let mut parameters: Vec<&dyn ToSql> = Vec::new();
    let on = on.map(WaitingOn::key);
    let index = match &on {
        Some(on) => {
            condition.push_str(" AND waits_on = ?");
            parameters.push(on);
            "tasks_open_on"
        }
        None => "tasks_open",
    };
    let after = after.and_then(place);
    if let Some((deadline, id)) = &after {
        condition.push_str(" AND (deadline, id) > (?, ?)");
        parameters.extend([deadline as &dyn ToSql, id]);
    }
    let limit = at_most + 1;
    parameters.push(&limit);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT item FROM tasks INDEXED BY {index} WHERE {condition} ORDER BY deadline, id LIMIT ?"
    ))?;
    let mut items: Vec<WaitingItem> = statement.query_map(&*parameters, item)?.collect::<Result<_, _>>()?;
    let has_more = items.len() > at_most;
    items.truncate(at_most);
    let next = items.last().filter(|_| has_more).map(|last| format!("{}~{}", timestamp::write(last.deadline), last.id));
    Ok(WaitingPage { items, next })
}

/// The tasks with these ids, in the same order.
pub fn with_ids(connection: &Connection, ids: &[String]) -> rusqlite::Result<Vec<PausedTask>> {
    let mut find = connection.prepare_cached("SELECT item FROM tasks WHERE id = ?1")?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(find.query_row([id], |row| item_column(row, 0, tasks::read)).optional()?);
    }
    Ok(found)
}

/// The tasks that applications wait for although they are not open.
pub fn overtaken(
    connection: &Connection,
    since: Option<OffsetDateTime>,
    until: OffsetDateTime,
) -> rusqlite::Result<Vec<PausedTaskId>> {
    // The few tasks that changed lately, or all applications that wait: either is quicker than all tasks.
    let from = match since {
        Some(_) => "tasks t INDEXED BY tasks_not_open CROSS JOIN applications a ON a.reference = t.reference",
        None => "applications a INDEXED BY applications_waiting CROSS JOIN tasks t ON t.id = a.waiting_id",
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT t.id FROM {from} WHERE a.waiting_id IS NOT NULL AND a.waiting_id = t.id AND NOT t.is_open \
         AND t.version >= ?1 AND t.version < ?2 ORDER BY t.version"
    ))?;
    let since = since.map(timestamp::write).unwrap_or_default();
    let ids = statement.query_map([since, timestamp::write(until)], |row| row.get::<_, String>(0))?;
    ids.map(|id| Ok(PausedTaskId::from_key(&id?))).collect()
}

/// Where a page ended: `2026-11-22T10:20:30.123Z~id`.
fn place(text: &str) -> Option<(i64, &str)> {
    let (deadline, id) = text.split_once('~')?;
    Some((entry::milliseconds(timestamp::read(deadline)?), id))
}

fn item(row: &Row<'_>) -> rusqlite::Result<WaitingItem> {
    item_column(row, 0, tasks::read).map(|task| task.waiting_item())
}
