//! Queries for lists of applications: filter, order and page.

use time::Date;

use super::Sort;
use crate::{
    address,
    domain::{ApplicationStatus, iso_day, read_iso_day},
};

/// A query for a page of applications. It is also the query string of the applications page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplicationQuery {
    /// Words, each of them a part of a reference, applicant, address or valuation reference, in any case and with or
    /// without accents.
    pub search: String,
    pub status: Option<ApplicationStatus>,
    /// Ignored if there is a status, which says more.
    pub stage: Option<Stage>,
    /// How long the application has been in its stage.
    pub age: Option<Age>,
    /// The days on which it was submitted.
    pub submitted: Days,
    /// The days on which it was decided. Applications without a decision do not match.
    pub decided: Days,
    pub sort: Sort,
    /// The end of the previous page, as an opaque string.
    pub after: Option<String>,
}

/// Days in the UK from one to another, both included. An end that is `None` is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days {
    pub from: Option<Date>,
    pub to: Option<Date>,
}

impl Days {
    pub fn only(day: Date) -> Self {
        Self { from: Some(day), to: Some(day) }
    }

    pub fn since(day: Date) -> Self {
        Self { from: Some(day), to: None }
    }

    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }
}

/// What an application waits for, so far as it needs somebody or something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    WithValuer,
    WithStaff,
    InProgress,
    NeedsAttention,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::WithValuer, Self::WithStaff, Self::InProgress, Self::NeedsAttention];

    /// The statuses of applications in this stage.
    pub fn statuses(self) -> &'static [ApplicationStatus] {
        match self {
            Self::WithValuer => &[ApplicationStatus::WaitingForValuation],
            Self::WithStaff => &[ApplicationStatus::WaitingForManualValuation],
            Self::InProgress => &[ApplicationStatus::Submitted, ApplicationStatus::InProgress],
            Self::NeedsAttention => &[ApplicationStatus::NeedsAttention],
        }
    }

    pub fn key(self) -> &'static str {
        match self {
            Self::WithValuer => "with_valuer",
            Self::WithStaff => "with_staff",
            Self::InProgress => "in_progress",
            Self::NeedsAttention => "needs_attention",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.key() == key)
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::WithValuer => "With the valuer",
            Self::WithStaff => "With staff",
            Self::InProgress => "In progress",
            Self::NeedsAttention => "Needs attention",
        })
    }
}

/// How long an application has been in its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Age {
    UnderAnHour,
    UnderADay,
    UnderAWeek,
    Older,
}

impl Age {
    pub const ALL: [Self; 4] = [Self::UnderAnHour, Self::UnderADay, Self::UnderAWeek, Self::Older];

    /// The age from which on, and the age below which, in hours. The oldest have no upper end.
    pub fn hours(self) -> (i64, Option<i64>) {
        match self {
            Self::UnderAnHour => (0, Some(1)),
            Self::UnderADay => (1, Some(24)),
            Self::UnderAWeek => (24, Some(24 * 7)),
            Self::Older => (24 * 7, None),
        }
    }

    pub fn key(self) -> &'static str {
        match self {
            Self::UnderAnHour => "hour",
            Self::UnderADay => "day",
            Self::UnderAWeek => "week",
            Self::Older => "older",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|age| age.key() == key)
    }
}

impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UnderAnHour => "under an hour",
            Self::UnderADay => "under a day",
            Self::UnderAWeek => "under a week",
            Self::Older => "a week or longer",
        })
    }
}

/// The names in query strings of the ends of [`ApplicationQuery::submitted`] and [`ApplicationQuery::decided`].
pub const DAY_KEYS: [&str; 4] = ["submitted_from", "submitted_to", "decided_from", "decided_to"];

impl ApplicationQuery {
    /// Reads a query string. What is not valid is left out; [`Self::wrong_days`] tells of days.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let day = |key: &str| get(key).and_then(|text| read_iso_day(text.trim()));
        let [submitted_from, submitted_to, decided_from, decided_to] = DAY_KEYS.map(day);
        Self {
            search: get("q").unwrap_or_default().trim().to_owned(),
            status: get("status").as_deref().and_then(ApplicationStatus::from_key),
            stage: get("stage").as_deref().and_then(Stage::from_key),
            age: get("age").as_deref().and_then(Age::from_key),
            submitted: Days { from: submitted_from, to: submitted_to },
            decided: Days { from: decided_from, to: decided_to },
            sort: get("sort").as_deref().map(Sort::from_key).unwrap_or_default(),
            after: get("after").filter(|after| !after.is_empty()),
        }
    }

    /// The values of the query string that should be days and are not.
    pub fn wrong_days(get: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let texts = DAY_KEYS.iter().filter_map(|key| get(key));
        texts.filter(|text| !text.trim().is_empty() && read_iso_day(text.trim()).is_none()).collect()
    }

    /// The pairs of the query string, without order and page.
    pub fn filters(&self) -> Vec<(&'static str, String)> {
        let days = [self.submitted.from, self.submitted.to, self.decided.from, self.decided.to];
        let days = DAY_KEYS.into_iter().zip(days).filter_map(|(key, day)| Some((key, iso_day(day?))));
        let search = (!self.search.is_empty()).then(|| ("q", self.search.clone()));
        let status = self.status.map(|status| ("status", status.key().to_owned()));
        let stage = self.stage.map(|stage| ("stage", stage.key().to_owned()));
        let age = self.age.map(|age| ("age", age.key().to_owned()));
        [search, status, stage, age].into_iter().flatten().chain(days).collect()
    }

    /// The address of the page at `path` for this query.
    pub fn address(&self, path: &str) -> String {
        let sort = self.sort.key().map(|sort| ("sort", sort));
        let after = self.after.clone().map(|after| ("after", after));
        let pairs = self.filters().into_iter().chain(sort).chain(after);
        let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={}", address::escape(&value))).collect();
        if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::desk::{Column, Direction};

    #[test]
    fn every_query_round_trips_through_its_address() {
        assert_eq!(ApplicationQuery::default().address("/applications"), "/applications");
        let query = ApplicationQuery {
            search: "PO1 1CE".into(),
            status: Some(ApplicationStatus::Approved),
            stage: Some(Stage::WithStaff),
            age: Some(Age::UnderAWeek),
            submitted: Days { from: Some(date!(2026 - 11 - 01)), to: None },
            decided: Days::only(date!(2026 - 11 - 22)),
            sort: Sort::By(Column::Amount, Direction::Descending),
            after: Some("a&b".into()),
        };
        assert_eq!(
            query.address("/applications"),
            "/applications?q=PO1%201CE&status=approved&stage=with_staff&age=week&submitted_from=2026-11-01\
             &decided_from=2026-11-22&decided_to=2026-11-22&sort=-amount&after=a%26b"
        );
        let pairs: Vec<_> =
            query.filters().into_iter().chain([("sort", "-amount".into()), ("after", "a&b".into())]).collect();
        let get = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        assert_eq!(ApplicationQuery::read(get), query);
    }

    #[test]
    fn a_day_that_is_none_is_left_out_and_told() {
        let get = |name: &str| match name {
            "submitted_from" => Some("2026-02-30".to_owned()),
            "submitted_to" => Some("".to_owned()),
            _ => None,
        };
        assert_eq!(ApplicationQuery::read(get).submitted, Days::default());
        assert_eq!(ApplicationQuery::wrong_days(get), ["2026-02-30"]);
    }

    #[test]
    fn every_open_application_and_every_one_that_needs_attention_is_in_one_stage() {
        for status in ApplicationStatus::ALL {
            let stages = Stage::ALL.into_iter().filter(|stage| stage.statuses().contains(&status)).count();
            let is_meant = status.is_open() || status == ApplicationStatus::NeedsAttention;
            assert_eq!(stages, usize::from(is_meant), "{status}");
        }
    }

    #[test]
    fn the_ages_follow_each_other_without_a_gap() {
        for pair in Age::ALL.windows(2) {
            assert_eq!(pair[0].hours().1, Some(pair[1].hours().0));
        }
        assert_eq!((Age::UnderAnHour.hours().0, Age::Older.hours().1), (0, None));
    }
}
