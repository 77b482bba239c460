//! Tags of state machines and activities.

use rusqlite::{Connection, Result};

pub(crate) fn list(connection: &Connection, resource: &str) -> Result<Vec<(String, String)>> {
    connection
        .prepare_cached("SELECT key, value FROM tag WHERE resource = ? ORDER BY key")?
        .query_map([resource], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

pub(crate) fn put(connection: &Connection, resource: &str, key: &str, value: &str) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO tag (resource, key, value) VALUES (?, ?, ?)")?
        .execute((resource, key, value))
        .map(drop)
}

pub(crate) fn remove(connection: &Connection, resource: &str, key: &str) -> Result<()> {
    connection.prepare_cached("DELETE FROM tag WHERE resource = ? AND key = ?")?.execute((resource, key)).map(drop)
}

pub(crate) fn remove_all(connection: &Connection, resource: &str) -> Result<()> {
    connection.prepare_cached("DELETE FROM tag WHERE resource = ?")?.execute([resource]).map(drop)
}
