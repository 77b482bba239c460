//! Pages of executions, for ListExecutions.

use rusqlite::{Connection, Result, ToSql};

use super::{Execution, Status, columns, execution};

/// Whose executions to list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    /// Those of a state machine, except for the children of its map runs.
    StateMachine(i64),
    MapRun(i64),
}

/// Which executions to list. `None` means all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub status: Option<Status>,
    pub version: Option<i64>,
    pub alias: Option<String>,
    pub redriven: Option<bool>,
}

/// The maximum number of rows that are examined for one page. Most filters have an index, so that only matching rows are
/// examined.
const MAX_ROWS_EXAMINED: usize = 4_096;

/// A page of executions that are older than `before`, newest first, and the `before` of the next page, if there is one.
/// A page can have fewer than `most` executions although others follow.
pub(crate) fn list(
    connection: &Connection,
    of: Of,
    filter: &Filter,
    before: i64,
    most: usize,
) -> Result<(Vec<Execution>, Option<i64>)> {
    let (whose, id) = match &of {
        Of::StateMachine(id) => ("state_machine = ? AND map_run IS NULL", id),
        Of::MapRun(id) => ("map_run = ?", id),
    };
    let mut sql = format!(concat!("SELECT ", columns!(), " FROM execution WHERE {whose} AND id < ?"), whose = whose);
    let mut values: Vec<&dyn ToSql> = vec![id, &before];
    if let Some(status) = &filter.status {
        sql.push_str(" AND status = ?");
        values.push(status);
    }
    if let Some(version) = &filter.version {
        sql.push_str(" AND version = ?");
        values.push(version);
    }
    if let Some(alias) = &filter.alias {
        sql.push_str(" AND alias = ?");
        values.push(alias);
    }
    let of_state_machine = filter.version.is_none() && filter.alias.is_none() && matches!(of, Of::StateMachine(_));
    if filter.redriven == Some(true) && of_state_machine {
        sql.push_str(" AND redrive_count > 0");
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    values.push(&MAX_ROWS_EXAMINED);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(&values[..])?;
    let mut page: Vec<Execution> = Vec::new();
    let mut examined = 0;
    while let Some(row) = rows.next()? {
        if page.len() == most {
            let last = page.last().map(|last| last.id.0);
            return Ok((page, last));
        }
        let execution = execution(row)?;
        examined += 1;
        let id = execution.id.0;
        if filter.redriven.is_none_or(|redriven| redriven == (execution.redrive_count > 0)) {
            page.push(execution);
        }
        if examined == MAX_ROWS_EXAMINED {
            return Ok((page, Some(id)));
        }
    }
    Ok((page, None))
}
