//! Which applications a list shows, as conditions on the rows of the read model.

use app::{desk::Days, domain::ApplicationStatus};
use rusqlite::ToSql;
use time::{Duration, OffsetDateTime};

use super::{cursor::Key, entry, text};

/// Which applications.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Every word must be found.
    pub search: String,
    /// Any of these statuses; none stands for all.
    pub statuses: Vec<ApplicationStatus>,
    /// From when on, and until when, an application came to its stage.
    pub in_stage_since: Option<(OffsetDateTime, OffsetDateTime)>,
    pub submitted: Days,
    pub decided: Days,
}

impl Filter {
    pub fn words(&self) -> Vec<String> {
        text::words(&self.search)
    }

    /// Whether there is no condition but the status.
    pub fn is_by_status_alone(&self) -> bool {
        self.search.is_empty() && self.in_stage_since.is_none() && self.submitted.is_any() && self.decided.is_any()
    }

    /// Whether there is no condition but the status, and for how long.
    pub fn is_by_stage_alone(&self) -> bool {
        !self.statuses.is_empty() && Self { in_stage_since: None, ..self.clone() }.is_by_status_alone()
    }

    /// All conditions but the search, each preceded by `AND`, and their parameters.
    pub fn conditions(&self) -> (String, Vec<Key>) {
        let (mut sql, mut parameters) = (String::new(), Vec::new());
        if !self.statuses.is_empty() {
            let marks = vec!["?"; self.statuses.len()].join(", ");
            sql.push_str(&format!(" AND status IN ({marks})"));
            parameters.extend(self.statuses.iter().map(|status| Key::Text(status.key().to_owned())));
        }
        if let Some((from, until)) = self.in_stage_since {
            sql.push_str(" AND stage_since >= ? AND stage_since < ?");
            parameters.extend([from, until].map(|at| Key::Number(entry::milliseconds(at))));
        }
        let midnight = |day| entry::first_id_of(app::domain::uk_midnight(day));
        if let Some(from) = self.submitted.from {
            sql.push_str(" AND applications.id >= ?");
            parameters.push(Key::Number(midnight(from)));
        }
        if let Some(after) = self.submitted.to.and_then(|to| to.next_day()) {
            sql.push_str(" AND applications.id < ?");
            parameters.push(Key::Number(midnight(after)));
        }
        if !self.decided.is_any() {
            let (from, to) = day_numbers(self.decided);
            sql.push_str(" AND is_decided AND ended_day BETWEEN ? AND ?");
            parameters.extend([Key::Number(from), Key::Number(to)]);
        }
        (sql, parameters)
    }
}

/// The numbers of the first and the last day.
pub fn day_numbers(days: Days) -> (i64, i64) {
    (days.from.map_or(i64::MIN, entry::day_number), days.to.map_or(i64::MAX, entry::day_number))
}

/// The times at which an application of this age came to its stage.
pub fn since(age: app::desk::Age, now: OffsetDateTime) -> (OffsetDateTime, OffsetDateTime) {
    let (from, to) = age.hours();
    // Another desk's clock may be ahead: what has just begun is the youngest.
    let until = if from == 0 { now + Duration::DAY } else { now - Duration::hours(from) };
    (to.map_or(OffsetDateTime::UNIX_EPOCH, |to| now - Duration::hours(to)), until)
}

pub fn borrowed(parameters: &[Key]) -> impl Iterator<Item = &dyn ToSql> {
    parameters.iter().map(|parameter| parameter as &dyn ToSql)
}
