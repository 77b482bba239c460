//! Pages of tasks that wait for an answer, soonest deadline first.

use app::{
    desk::{WaitingItem, WaitingPage},
    domain::WaitingOn,
};
use rusqlite::{Connection, Row, ToSql};

use super::{entry, item_column};
use crate::{tasks, timestamp};

/// At most so many of those that wait on anybody, or on some. What `after` is not where a page ended leads to the first
/// page.
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

/// Where a page ended: `2026-11-22T10:20:30.123Z~id`.
fn place(text: &str) -> Option<(i64, &str)> {
    let (deadline, id) = text.split_once('~')?;
    Some((entry::milliseconds(timestamp::read(deadline)?), id))
}

fn item(row: &Row<'_>) -> rusqlite::Result<WaitingItem> {
    item_column(row, 0, tasks::read).map(|task| task.waiting_item())
}
