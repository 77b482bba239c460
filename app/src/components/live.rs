//! The attributes that tell the client what a live region shows, so that it refreshes the page only if that has
//! changed.

use crate::{
    desk::{ApplicationRow, Counts},
    domain::{ApplicationReference, WaitingOn},
};

/// The value of `data-shows`: the references of the applications that a region shows.
pub fn shown<'a>(references: impl IntoIterator<Item = &'a ApplicationReference>) -> String {
    references.into_iter().map(ApplicationReference::as_str).collect::<Vec<_>>().join(" ")
}

pub fn shown_rows(rows: &[ApplicationRow]) -> String {
    shown(rows.iter().map(|row| &row.application.application_reference))
}

/// The value of `data-counts` for a region that depends on all counts.
pub fn all_counts(counts: &Counts) -> String {
    written(counts.named())
}

/// The value of `data-counts` for a list of tasks that wait on somebody.
pub fn waiting_counts(counts: &Counts, on: WaitingOn) -> String {
    written([(on.count_name(), counts.waiting.on(on))])
}

fn written(counts: impl IntoIterator<Item = (&'static str, usize)>) -> String {
    counts.into_iter().map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" ")
}
