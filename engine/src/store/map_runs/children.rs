//! The rows of a map run's children: the inputs of those that have not been started, and how many have which status.

use rusqlite::{Connection, OptionalExtension, Result};

use super::{MapRun, number};
use crate::{interpreter::Payload, store::status::Status};

/// Identifies an execution as the child of a map run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChildOf {
    pub map_run: i64,
    /// The index among the children of the run.
    pub place: i64,
    /// The number of items that the child processes.
    pub items: i64,
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

/// Removes the inputs of children that have not been started.
pub(crate) fn drop_items(connection: &Connection, id: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM map_run_item WHERE map_run = ?")?.execute([id]).map(drop)
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
