//! Counts of applications by status, and of open tasks by whom they wait on.

use app::{
    desk::{Counts, Days, WaitingCount},
    domain::{ApplicationStatus, WaitingOn},
};
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::filter::{Filter, borrowed, day_numbers};

pub fn at_status(connection: &Connection, status: ApplicationStatus) -> rusqlite::Result<usize> {
    let mut count = connection.prepare_cached("SELECT count FROM status_counts WHERE status = ?1")?;
    Ok(count.query_row([status.key()], |row| row.get(0)).optional()?.unwrap_or_default())
}

pub fn by_status(connection: &Connection) -> rusqlite::Result<[usize; ApplicationStatus::ALL.len()]> {
    let mut by_status = [0; ApplicationStatus::ALL.len()];
    for (status, count) in ApplicationStatus::ALL.into_iter().zip(&mut by_status) {
        *count = at_status(connection, status)?;
    }
    Ok(by_status)
}

pub fn all(connection: &Connection) -> rusqlite::Result<Counts> {
    Ok(Counts::new(by_status(connection)?, waiting(connection)?))
}

/// The number of applications at the statuses and in the stage for as long as a filter says.
pub fn in_stage(connection: &Connection, filter: &Filter) -> rusqlite::Result<usize> {
    let only = Filter { statuses: filter.statuses.clone(), in_stage_since: filter.in_stage_since, ..Filter::default() };
    let (conditions, parameters) = only.conditions();
    let sql = format!("SELECT count(*) FROM applications INDEXED BY applications_stage WHERE TRUE{conditions}");
    let parameters: Vec<&dyn ToSql> = borrowed(&parameters).collect();
    connection.prepare_cached(&sql)?.query_row(&*parameters, |row| row.get(0))
}

/// The sum of a column of the counts by day.
pub fn on_days(connection: &Connection, column: &'static str, days: Days) -> rusqlite::Result<usize> {
    let sql = format!("SELECT COALESCE(sum({column}), 0) FROM days WHERE day BETWEEN ?1 AND ?2");
    connection.prepare_cached(&sql)?.query_row(day_numbers(days), |row| row.get(0))
}

pub fn waiting(connection: &Connection) -> rusqlite::Result<WaitingCount> {
    let mut count = connection.prepare_cached("SELECT count FROM task_counts WHERE waits_on = ?1")?;
    let mut of = |on: WaitingOn| -> rusqlite::Result<usize> {
        Ok(count.query_row([on.key()], |row| row.get(0)).optional()?.unwrap_or_default())
    };
    Ok(WaitingCount { on_staff: of(WaitingOn::Staff)?, on_valuation_service: of(WaitingOn::ValuationService)? })
}
