//! The rows of execution states.

use rusqlite::{Connection, OptionalExtension, Result};

use crate::store::{ExecutionId, branches, compression};

pub(crate) fn state(connection: &Connection, id: ExecutionId) -> Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT state FROM execution_state WHERE execution = ?")?
        .query_row([id], |row| Ok(compression::unpack(row.get_ref(0)?.as_blob()?)?.into_owned()))
        .optional()
}

pub(crate) fn put_state(connection: &Connection, id: ExecutionId, state: &[u8]) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO execution_state (execution, state) VALUES (?, ?)")?
        .execute((id, compression::pack(state)))
        .map(drop)
}

/// Removes the state of an execution that can't continue, with its branches.
pub(crate) fn drop_state(connection: &Connection, id: ExecutionId) -> Result<()> {
    branches::remove_all(connection, id)?;
    connection.prepare_cached("DELETE FROM execution_state WHERE execution = ?")?.execute([id]).map(drop)
}
