//! Which index finds the rows of a filter soonest.

use rusqlite::Connection;

use super::{counts, filter::Filter};

/// The most rows that are found first and sorted afterwards. For more, reading along the index of the order is quicker.
pub const FEW: usize = 2_000;

/// An index that finds all rows of a filter, and few others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrow {
    Status,
    Stage,
    Submitted,
    Decided,
}

impl Narrow {
    /// What to read from so that this index is used.
    pub fn source(self) -> &'static str {
        match self {
            Self::Status => "applications INDEXED BY applications_status",
            Self::Stage => "applications INDEXED BY applications_stage",
            // An id begins with the time of submission, and is always an index.
            Self::Submitted => "applications NOT INDEXED",
            Self::Decided => "applications INDEXED BY applications_took",
        }
    }
}

/// The index that finds the fewest rows, if they are few.
pub fn narrowest(connection: &Connection, filter: &Filter) -> rusqlite::Result<Option<Narrow>> {
    let mut found = Vec::new();
    if !filter.statuses.is_empty() {
        let mut count = 0;
        for status in &filter.statuses {
            count += counts::at_status(connection, *status)?;
        }
        found.push((count, Narrow::Status));
        if filter.in_stage_since.is_some() {
            found.push((counts::in_stage(connection, filter)?, Narrow::Stage));
        }
    }
    if !filter.submitted.is_any() {
        found.push((counts::on_days(connection, "submitted", filter.submitted)?, Narrow::Submitted));
    }
    if !filter.decided.is_any() {
        found.push((counts::on_days(connection, "decided", filter.decided)?, Narrow::Decided));
    }
    let fewest = found.into_iter().min_by_key(|(count, _)| *count);
    Ok(fewest.filter(|(count, _)| *count <= FEW).map(|(_, narrow)| narrow))
}
