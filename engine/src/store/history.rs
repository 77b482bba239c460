//! The rows of histories: one an activation, its events as JSON, one a line.

use rusqlite::{Connection, Result};

use super::ExecutionId;

/// More than an execution can have events.
const EVENTS: i64 = 1 << 15;
const _: () = assert!(crate::history::MAX_EVENTS < EVENTS);

fn key(execution: ExecutionId, event: i64) -> i64 {
    execution.0 * EVENTS + event
}

/// Appends events that have been written as JSON, one a line; `first` is the id of the first.
pub(crate) fn append(connection: &Connection, execution: ExecutionId, first: i64, events: &[u8]) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO history (id, events) VALUES (?, ?)")?
        .execute((key(execution, first), events))
        .map(drop)
}

/// Events of one execution in order from `from` on, `most` at most: each its JSON.
pub(crate) fn forwards(connection: &Connection, execution: ExecutionId, from: i64, most: usize) -> Result<Vec<String>> {
    // The row that holds `from` begins at it or before it.
    let mut rows = connection.prepare_cached(
        "SELECT id, events FROM history WHERE id < ?3 AND id >=
             coalesce((SELECT max(id) FROM history WHERE id BETWEEN ?1 AND ?2), ?1)
         ORDER BY id",
    )?;
    let mut rows = rows.query((key(execution, 0), key(execution, from), key(execution, EVENTS)))?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let first = row.get::<_, i64>(0)? - key(execution, 0);
        let lines = lines(row.get_ref(1)?.as_blob()?);
        let skipped = usize::try_from(from - first).unwrap_or(0);
        events.extend(lines.skip(skipped).take(most - events.len()));
        if events.len() == most {
            break;
        }
    }
    Ok(events)
}

/// Events of one execution from `from` back to the first, `most` at most.
pub(crate) fn backwards(
    connection: &Connection,
    execution: ExecutionId,
    from: i64,
    most: usize,
) -> Result<Vec<String>> {
    let mut rows =
        connection.prepare_cached("SELECT id, events FROM history WHERE id BETWEEN ? AND ? ORDER BY id DESC")?;
    let mut rows = rows.query((key(execution, 0), key(execution, from)))?;
    let mut events: Vec<String> = Vec::new();
    while let Some(row) = rows.next()? {
        let first = row.get::<_, i64>(0)? - key(execution, 0);
        let wanted = usize::try_from(from - first + 1).unwrap_or(0);
        let lines: Vec<String> = lines(row.get_ref(1)?.as_blob()?).take(wanted).collect();
        events.extend(lines.into_iter().rev().take(most - events.len()));
        if events.len() == most {
            break;
        }
    }
    Ok(events)
}

/// Compact JSON has no line breaks of its own.
fn lines(events: &[u8]) -> impl Iterator<Item = String> + '_ {
    events
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| String::from_utf8_lossy(line).into_owned())
}

/// Removes rows of one history, `most` at most; how many.
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

    fn ids(events: &[String]) -> Vec<i64> {
        events.iter().map(|event| event.strip_prefix("2.").expect("of this execution").parse().unwrap()).collect()
    }

    #[test]
    fn a_page_begins_and_ends_wherever_it_wants() {
        let connection = stored();
        for from in 1..=11 {
            for most in 1..=12 {
                let page = forwards(&connection, ExecutionId(2), from, most).unwrap();
                let wanted: Vec<i64> = (from..=10).take(most).collect();
                assert_eq!(ids(&page), wanted, "{most} from {from}");
            }
        }
    }

    #[test]
    fn backwards_too() {
        let connection = stored();
        for from in (1..=10).chain([i64::from(i16::MAX)]) {
            for most in 1..=12 {
                let page = backwards(&connection, ExecutionId(2), from, most).unwrap();
                let wanted: Vec<i64> = (1..=from.min(10)).rev().take(most).collect();
                assert_eq!(ids(&page), wanted, "{most} back from {from}");
            }
        }
    }

    #[test]
    fn removing_one_history_leaves_the_others() {
        let connection = stored();
        remove(&connection, ExecutionId(2)).unwrap();
        assert!(forwards(&connection, ExecutionId(2), 1, 100).unwrap().is_empty());
        assert_eq!(forwards(&connection, ExecutionId(1), 1, 100).unwrap().len(), 10);
        assert_eq!(forwards(&connection, ExecutionId(3), 1, 100).unwrap().len(), 10);
    }
}
