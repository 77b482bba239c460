//! The rows of histories. A row contains the events of one step as JSON, one event on each line.

use std::ops::ControlFlow;

use rusqlite::{Connection, Result};

use super::{ExecutionId, compression};

/// A number that exceeds the number of events of any execution.
const EVENTS: i64 = 1 << 15;
const _: () = assert!(crate::history::MAX_EVENTS < EVENTS);

fn key(execution: ExecutionId, event: i64) -> i64 {
    execution.0 * EVENTS + event
}

/// Appends events as JSON, one on each line. `first` is the id of the first one.
pub(crate) fn append(connection: &Connection, execution: ExecutionId, first: i64, events: &[u8]) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO history (id, events) VALUES (?, ?)")?
        .execute((key(execution, first), compression::pack(events)))
        .map(drop)
}

/// Passes the events of an execution to `see` as JSON, in order and starting with `from`, until `see` breaks.
pub(crate) fn forwards(
    connection: &Connection,
    execution: ExecutionId,
    from: i64,
    mut see: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<()> {
    // The row that contains `from` starts with it or with an earlier event.
    let mut rows = connection.prepare_cached(
        "SELECT id, events FROM history WHERE id < ?3 AND id >=
             coalesce((SELECT max(id) FROM history WHERE id BETWEEN ?1 AND ?2), ?1)
         ORDER BY id",
    )?;
    let mut rows = rows.query((key(execution, 0), key(execution, from), key(execution, EVENTS)))?;
    while let Some(row) = rows.next()? {
        let first = row.get::<_, i64>(0)? - key(execution, 0);
        let events = compression::unpack(row.get_ref(1)?.as_blob()?)?;
        let mut lines = lines(&events);
        let skipped = usize::try_from(from - first).unwrap_or(0);
        if lines.by_ref().skip(skipped).try_for_each(&mut see).is_break() {
            break;
        }
    }
    Ok(())
}

/// Passes the events of an execution to `see` as JSON, from `from` back to the first, until `see` breaks.
pub(crate) fn backwards(
    connection: &Connection,
    execution: ExecutionId,
    from: i64,
    mut see: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<()> {
    let mut rows =
        connection.prepare_cached("SELECT id, events FROM history WHERE id BETWEEN ? AND ? ORDER BY id DESC")?;
    let mut rows = rows.query((key(execution, 0), key(execution, from)))?;
    while let Some(row) = rows.next()? {
        let first = row.get::<_, i64>(0)? - key(execution, 0);
        let wanted = usize::try_from(from - first + 1).unwrap_or(0);
        let events = compression::unpack(row.get_ref(1)?.as_blob()?)?;
        let lines: Vec<&[u8]> = lines(&events).take(wanted).collect();
        if lines.into_iter().rev().try_for_each(&mut see).is_break() {
            break;
        }
    }
    Ok(())
}

/// The events of a row. Compact JSON contains no line breaks.
fn lines(events: &[u8]) -> impl Iterator<Item = &[u8]> {
    events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Removes at most `most` rows of a history. Returns the number of removed rows.
pub(crate) fn remove_some(connection: &Connection, execution: ExecutionId, most: usize) -> Result<usize> {
    connection
        .prepare_cached("DELETE FROM history WHERE id IN (SELECT id FROM history WHERE id BETWEEN ? AND ? LIMIT ?)")?
        .execute((key(execution, 0), key(execution, EVENTS - 1), most))
}

pub(crate) fn remove(connection: &Connection, execution: ExecutionId) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM history WHERE id BETWEEN ? AND ?")?
        .execute((key(execution, 0), key(execution, EVENTS - 1)))
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten events in rows of three, among the rows of two other executions.
    fn stored() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE history (id INTEGER PRIMARY KEY, events BLOB NOT NULL)").unwrap();
        for execution in [1, 2, 3] {
            for (first, last) in [(1, 3), (4, 6), (7, 9), (10, 10)] {
                let events: Vec<String> = (first..=last).map(|id| format!("{execution}.{id}")).collect();
                append(&connection, ExecutionId(execution), first, events.join("\n").as_bytes()).unwrap();
            }
        }
        connection
    }

    /// The ids of at most `most` events of execution 2.
    fn ids(most: usize, page: impl FnOnce(&mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<()>) -> Vec<i64> {
        let mut ids = Vec::new();
        page(&mut |event| {
            let event = std::str::from_utf8(event).unwrap();
            ids.push(event.strip_prefix("2.").expect("of this execution").parse().unwrap());
            if ids.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        ids
    }

    #[test]
    fn a_page_can_begin_and_end_within_a_row() {
        let connection = stored();
        for from in 1..=11 {
            for most in 1..=12 {
                let page = ids(most, |see| forwards(&connection, ExecutionId(2), from, see));
                let wanted: Vec<i64> = (from..=10).take(most).collect();
                assert_eq!(page, wanted, "{most} from {from}");
            }
        }
    }

    #[test]
    fn a_page_in_reverse_order_can_begin_and_end_within_a_row() {
        let connection = stored();
        for from in (1..=10).chain([i64::from(i16::MAX)]) {
            for most in 1..=12 {
                let page = ids(most, |see| backwards(&connection, ExecutionId(2), from, see));
                let wanted: Vec<i64> = (1..=from.min(10)).rev().take(most).collect();
                assert_eq!(page, wanted, "{most} back from {from}");
            }
        }
    }

    #[test]
    fn removing_one_history_leaves_the_others() {
        let connection = stored();
        remove(&connection, ExecutionId(2)).unwrap();
        let count = |execution| {
            let mut count = 0;
            let see = |_: &[u8]| {
                count += 1;
                ControlFlow::Continue(())
            };
            forwards(&connection, ExecutionId(execution), 1, see).unwrap();
            count
        };
        assert_eq!([1, 2, 3].map(count), [10, 0, 10]);
    }
}
