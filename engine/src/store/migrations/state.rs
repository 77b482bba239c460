//! The states of executions, as schema 3 stored them and as schema 4 does.

use rusqlite::{Connection, Error, Result, types::Type};
use serde_json::{Value, json};

/// States rewritten at once: enough to be fast, few enough for memory.
const PAGE: i64 = 256;

/// Rewrites the states of all executions.
pub(super) fn rewrite(connection: &Connection) -> Result<()> {
    let mut read = connection
        .prepare("SELECT execution, state FROM execution_state WHERE execution > ? ORDER BY execution LIMIT ?")?;
    let mut write = connection.prepare("UPDATE execution_state SET state = ? WHERE execution = ?")?;
    let mut after = 0;
    loop {
        let page: Vec<(i64, Vec<u8>)> =
            read.query_map((after, PAGE), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_>>()?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        for (execution, state) in page {
            let mut state: Value = serde_json::from_slice(&state)
                .map_err(|error| Error::FromSqlConversionFailure(1, Type::Blob, error.into()))?;
            for branch in state["b"].as_object_mut().into_iter().flatten().map(|(_, branch)| branch) {
                add_nonce(branch);
            }
            write.execute((state.to_string().into_bytes(), execution))?;
        }
    }
}

/// A task or map run that a branch waits for, `5`, becomes `[5, 0]`: the event and no nonce.
fn add_nonce(branch: &mut Value) {
    for phase in ["t", "d"] {
        if let Some(task) = branch.pointer_mut(&format!("/ph/{phase}/k")) {
            *task = json!([task.take(), 0]);
        }
    }
}
