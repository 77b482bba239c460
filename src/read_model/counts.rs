//! Counts of applications by status, and of open tasks by whom they wait on.

use app::{
    desk::{Counts, WaitingCount},
    domain::{ApplicationStatus, WaitingOn},
};
use rusqlite::{Connection, OptionalExtension};

pub fn at_status(connection: &Connection, status: ApplicationStatus) -> rusqlite::Result<usize> {
    let mut count = connection.prepare_cached("SELECT count FROM status_counts WHERE status = ?1")?;
    Ok(count.query_row([status.key()], |row| row.get(0)).optional()?.unwrap_or_default())
}

pub fn all(connection: &Connection) -> rusqlite::Result<Counts> {
    let mut by_status = [0; ApplicationStatus::ALL.len()];
    for (status, count) in ApplicationStatus::ALL.into_iter().zip(&mut by_status) {
        *count = at_status(connection, status)?;
    }
    Ok(Counts::new(by_status, waiting(connection)?))
}

pub fn waiting(connection: &Connection) -> rusqlite::Result<WaitingCount> {
    let mut count = connection.prepare_cached("SELECT count FROM task_counts WHERE waits_on = ?1")?;
    let mut of = |on: WaitingOn| -> rusqlite::Result<usize> {
        Ok(count.query_row([on.key()], |row| row.get(0)).optional()?.unwrap_or_default())
    };
    Ok(WaitingCount { on_staff: of(WaitingOn::Staff)?, on_valuation_service: of(WaitingOn::ValuationService)? })
}
