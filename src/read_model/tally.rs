//! How many applications match a filter.

use app::{desk::Tally, domain::ApplicationStatus};
use rusqlite::{Connection, ToSql};

use super::{
    counts,
    cursor::Key,
    filter::{Filter, borrowed},
    list,
    narrow::{self, Narrow},
    text,
};

/// The most matches that are counted one by one.
const COUNTED: usize = 1_000;

/// Counts the matches, in all and by status. The counts by status are those without the filter's status and stage.
pub fn tally(connection: &Connection, filter: &Filter) -> rusqlite::Result<Tally> {
    let anywhere = Filter { statuses: Vec::new(), in_stage_since: None, ..filter.clone() };
    let by_status = if anywhere.is_by_status_alone() {
        Some(counts::by_status(connection)?)
    } else {
        count_by_status(connection, &anywhere)?
    };
    let is_asked = |status: ApplicationStatus| filter.statuses.is_empty() || filter.statuses.contains(&status);
    let (count, is_exact) = match by_status {
        Some(by_status) if filter.in_stage_since.is_none() => {
            let asked = ApplicationStatus::ALL.into_iter().zip(by_status).filter(|(status, _)| is_asked(*status));
            (asked.map(|(_, count)| count).sum(), true)
        }
        _ if filter.is_by_stage_alone() => (counts::in_stage(connection, filter)?, true),
        _ => {
            let count = count(connection, filter)?;
            (count.min(COUNTED), count <= COUNTED)
        }
    };
    Ok(Tally { by_status, count, is_exact })
}

/// `None` if there are more than [`COUNTED`].
fn count_by_status(
    connection: &Connection,
    filter: &Filter,
) -> rusqlite::Result<Option<[usize; ApplicationStatus::ALL.len()]>> {
    let mut counts = [0; ApplicationStatus::ALL.len()];
    let (matches, parameters) = Matches::of(connection, filter, "status")?;
    let sql = format!("SELECT status, count(*) FROM ({matches}) GROUP BY status");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(&*parameters.all())?;
    while let Some(row) = rows.next()? {
        let (status, count): (String, usize) = (row.get(0)?, row.get(1)?);
        let place = ApplicationStatus::ALL.iter().position(|one| one.key() == status);
        if let Some(place) = place {
            counts[place] = count;
        }
    }
    Ok((counts.iter().sum::<usize>() <= COUNTED).then_some(counts))
}

/// The number of matches, or one more than [`COUNTED`] if there are more.
fn count(connection: &Connection, filter: &Filter) -> rusqlite::Result<usize> {
    let (matches, parameters) = Matches::of(connection, filter, "1")?;
    let mut statement = connection.prepare_cached(&format!("SELECT count(*) FROM ({matches})"))?;
    statement.query_row(&*parameters.all(), |row| row.get(0))
}

/// The parameters of a query for matches.
struct Matches {
    tokens: Option<String>,
    conditions: Vec<Key>,
    most: usize,
}

impl Matches {
    /// A query that gives `column` of at most one match more than [`COUNTED`].
    fn of(connection: &Connection, filter: &Filter, column: &str) -> rusqlite::Result<(String, Self)> {
        let tokens = text::query(&filter.words());
        let (conditions, parameters) = filter.conditions();
        let (source, found) = match &tokens {
            Some(_) => (list::SEARCHED, "search MATCH ?"),
            None => (narrow::narrowest(connection, filter)?.map_or("applications", Narrow::source), "TRUE"),
        };
        let sql = format!("SELECT {column} FROM {source} WHERE {found}{conditions} LIMIT ?");
        Ok((sql, Self { tokens, conditions: parameters, most: COUNTED + 1 }))
    }

    fn all(&self) -> Vec<&dyn ToSql> {
        let tokens = self.tokens.iter().map(|tokens| tokens as &dyn ToSql);
        tokens.chain(borrowed(&self.conditions)).chain([&self.most as &dyn ToSql]).collect()
    }
}
