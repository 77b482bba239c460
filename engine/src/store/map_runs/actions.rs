//! What is to be done next for each map run.

use rusqlite::{Connection, OptionalExtension, Result, ToSql, types::FromSql};

/// What is to be done next for a run, in a change of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextAction {
    /// Nothing before a child ends, or because the run has ended.
    None = 0,
    /// The run has room for children that have not been started.
    StartChildren = 1,
    /// The statuses of children that do not run must be changed after the run was redriven or ended. No child is started
    /// before.
    Reconcile = 2,
}

impl NextAction {
    const ALL: [Self; 3] = [Self::None, Self::StartChildren, Self::Reconcile];
}

impl ToSql for NextAction {
    fn to_sql(&self) -> Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok((*self as i64).into())
    }
}

impl FromSql for NextAction {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let number = value.as_i64()?;
        let known = usize::try_from(number).ok().and_then(|at| Self::ALL.get(at));
        known.copied().ok_or(rusqlite::types::FromSqlError::OutOfRange(number))
    }
}

/// The next run after `after` for which something is to be done. After the last run comes the first.
pub(crate) fn next_with_action(connection: &Connection, after: i64) -> Result<Option<i64>> {
    let mut next =
        connection.prepare_cached("SELECT id FROM map_run WHERE next_action AND id > ? ORDER BY id LIMIT 1")?;
    let mut next = |after: i64| next.query_row([after], |row| row.get(0)).optional();
    match next(after)? {
        None if after > 0 => next(0),
        found => Ok(found),
    }
}

/// What is to be done next for a run. Nothing if it has been deleted.
pub(crate) fn next_action(connection: &Connection, id: i64) -> Result<NextAction> {
    let action = connection
        .prepare_cached("SELECT next_action FROM map_run WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(action.unwrap_or(NextAction::None))
}

pub(crate) fn set_next_action(connection: &Connection, id: i64, action: NextAction) -> Result<()> {
    connection
        .prepare_cached("UPDATE map_run SET next_action = ?1 WHERE id = ?2 AND next_action <> ?1")?
        .execute((action, id))
        .map(drop)
}
