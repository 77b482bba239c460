//! Deletes ended executions of any size in small steps.
//!
//! Deleting an execution removes its row, which frees its name immediately, and inserts a row here. Its history, map
//! runs and children are removed in steps of a limited number of rows, so that other changes can run in between.

use rusqlite::{Connection, OptionalExtension, Result};

use super::{ExecutionId, history};

/// Deletes the row of an ended execution. [`step`] deletes the rest.
pub(crate) fn begin(connection: &Connection, id: ExecutionId) -> Result<()> {
    connection.prepare_cached("DELETE FROM execution WHERE id = ?")?.execute([id])?;
    super::executions::drop_state(connection, id)?;
    // Only children that were not stopped with their parent have timers.
    super::timers::clear_all(connection, id)?;
    super::calls::remove_all(connection, id)?;
    connection.prepare_cached("DELETE FROM redrive WHERE execution = ?")?.execute([id])?;
    connection.prepare_cached("INSERT OR IGNORE INTO removal (execution) VALUES (?)")?.execute([id]).map(drop)
}

/// The executions that ended before a time, oldest first, without children of map runs.
pub(crate) fn ended_before(connection: &Connection, time: i64, most: usize) -> Result<Vec<ExecutionId>> {
    connection
        .prepare_cached("SELECT id FROM execution WHERE stopped < ? AND map_run IS NULL ORDER BY stopped LIMIT ?")?
        .query_map((time, most), |row| row.get(0))?
        .collect()
}

/// The earliest end of any execution that is not the child of a map run.
pub(crate) fn earliest_end(connection: &Connection) -> Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT stopped FROM execution WHERE stopped IS NOT NULL AND map_run IS NULL ORDER BY stopped LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Whether deleted executions have left data behind.
pub(crate) fn is_pending(connection: &Connection) -> Result<bool> {
    Ok(next(connection)?.is_some())
}

fn next(connection: &Connection) -> Result<Option<ExecutionId>> {
    connection
        .prepare_cached("SELECT execution FROM removal ORDER BY execution LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Deletes up to `most` rows of one deleted execution. Returns whether there were any.
pub(crate) fn step(connection: &Connection, most: usize) -> Result<bool> {
    let Some(execution) = next(connection)? else { return Ok(false) };
    if history::remove_some(connection, execution, most)? == most {
        return Ok(true);
    }
    let run: Option<i64> = connection
        .prepare_cached("SELECT id FROM map_run WHERE execution = ? LIMIT 1")?
        .query_row([execution], |row| row.get(0))
        .optional()?;
    match run {
        Some(run) => step_of_run(connection, run, most)?,
        None => {
            connection.prepare_cached("DELETE FROM removal WHERE execution = ?")?.execute([execution])?;
        }
    }
    Ok(true)
}

fn step_of_run(connection: &Connection, run: i64, most: usize) -> Result<()> {
    let items = connection
        .prepare_cached(
            "DELETE FROM map_run_item WHERE map_run = ?1 AND place <=
                 (SELECT max(place) FROM (SELECT place FROM map_run_item WHERE map_run = ?1 ORDER BY place LIMIT ?2))",
        )?
        .execute((run, most))?;
    if items == most {
        return Ok(());
    }
    let children: Vec<ExecutionId> = connection
        .prepare_cached("SELECT id FROM execution WHERE map_run = ? LIMIT ?")?
        .query_map((run, most), |row| row.get(0))?
        .collect::<Result<_>>()?;
    for child in &children {
        begin(connection, *child)?;
    }
    if children.len() < most {
        connection.prepare_cached("DELETE FROM map_run_count WHERE map_run = ?")?.execute([run])?;
        connection.prepare_cached("DELETE FROM map_run WHERE id = ?")?.execute([run])?;
    }
    Ok(())
}
