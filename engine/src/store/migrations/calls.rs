//! The calls of tasks up to schema 5, whose payloads were JSON values. Schema 6 stores the text of a payload, which does not
//! have to be parsed before it is needed.

use rusqlite::{Connection, Result};
use serde_json::Value;

use super::PAGE;

/// Replaces the payloads of all calls with their texts.
pub(super) fn write_payloads_as_text(connection: &Connection) -> Result<()> {
    let mut read = connection.prepare(
        "SELECT execution, task, work FROM call WHERE (execution, task) > (?, ?) ORDER BY execution, task LIMIT ?",
    )?;
    let mut write = connection.prepare("UPDATE call SET work = ? WHERE execution = ? AND task = ?")?;
    let mut after = (0, 0);
    loop {
        let page: Vec<(i64, i64, Vec<u8>)> = read
            .query_map((after.0, after.1, PAGE), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_>>()?;
        let Some((execution, task, _)) = page.last() else { return Ok(()) };
        after = (*execution, *task);
        for (execution, task, work) in page {
            // A call that can't be read fails its task when it is to be made.
            let Ok(mut work) = serde_json::from_slice::<Value>(&work) else { continue };
            for payload in ["/Function/payload", "/Service/parameters", "/Activity/input"] {
                if let Some(payload) = work.pointer_mut(payload) {
                    *payload = payload.to_string().into();
                }
            }
            write.execute((work.to_string().into_bytes(), execution, task))?;
        }
    }
}
