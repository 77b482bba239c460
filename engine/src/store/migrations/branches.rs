//! The branches of executions up to schema 5, which were all part of the execution state. Schema 6 stores those within
//! Parallel and inline Map states in rows of their own.

use rusqlite::{Connection, Result};
use serde_json::Value;

use super::{PAGE, unreadable};
use crate::store::compression;

/// Moves the branches within others out of the states of all executions.
pub(super) fn separate(connection: &Connection) -> Result<()> {
    let mut read = connection
        .prepare("SELECT execution, state FROM execution_state WHERE execution > ? ORDER BY execution LIMIT ?")?;
    let mut write = connection.prepare("UPDATE execution_state SET state = ? WHERE execution = ?")?;
    let mut insert = connection.prepare(
        "INSERT INTO branch (execution, branch, parent, task, timer, heartbeat, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    let mut after = 0;
    loop {
        let page: Vec<(i64, Vec<u8>)> =
            read.query_map((after, PAGE), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_>>()?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        for (execution, state) in page {
            let mut state = match parse(&state) {
                Ok(Some(state)) => state,
                Ok(None) => continue,
                Err(error) => {
                    // Schema 5 could not read it either. It must not prevent the others from being migrated.
                    tracing::warn!(execution, %error, "the state of an execution can't be read; it is left as it is");
                    continue;
                }
            };
            let Some(branches) = state["b"].as_object_mut() else { continue };
            let inner: Vec<String> =
                branches.iter().filter(|(_, branch)| branch["p"].is_i64()).map(|(id, _)| id.clone()).collect();
            for id in inner {
                let Some(branch) = branches.shift_remove(&id) else { continue };
                let id: u32 = id.parse().map_err(|_| unreadable("a branch has no number".into()))?;
                let (task, timer, heartbeat) = awaited(&branch["ph"]);
                let parent = branch["p"].as_i64();
                insert.execute((execution, id, parent, task, timer, heartbeat, branch.to_string().into_bytes()))?;
            }
            write.execute((state.to_string().into_bytes(), execution))?;
        }
    }
}

/// The state of an execution, or `None` if it has no branches within others, which most executions don't have.
fn parse(state: &[u8]) -> Result<Option<Value>> {
    let state = compression::unpack(state)?;
    // A branch within another names its parent.
    if !state.windows(PARENT.len()).any(|key| key == PARENT) {
        return Ok(None);
    }
    serde_json::from_slice(&state).map(Some).map_err(|error| unreadable(error.into()))
}

const PARENT: &[u8] = br#""p":"#;

/// What a branch in this phase waits for: a task or map run, a timer, and the timer of a heartbeat.
fn awaited(phase: &Value) -> (Option<i64>, Option<i64>, Option<i64>) {
    let number = |pointer: &str| phase.pointer(pointer).and_then(Value::as_i64);
    let task = number("/t/k/0").or_else(|| number("/d/k/0"));
    let timer = number("/t/o").or_else(|| number("/w/timer")).or_else(|| number("/b/timer"));
    (task, timer, number("/t/h/t"))
}
