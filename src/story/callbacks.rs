//! Callbacks that were not used, as entries of a story. One that was used is told with the task that it answered.

use app::{
    desk::{StoryEntry, StoryKind},
    domain::{Money, TaskKind},
    spelled_out,
};

use crate::{
    callbacks::{Outcome, Summary},
    tasks::PausedTask,
};

pub fn tell(callback: &Summary, tasks: &[PausedTask]) -> Option<StoryEntry> {
    let of_value = callback.value.map(|value: Money| format!(" of {value}")).unwrap_or_default();
    let text = match &callback.outcome {
        Outcome::Late => format!("A late answer{of_value} arrived{}: kept, not used", lateness(callback, tasks)),
        Outcome::Duplicate => format!("The same answer{of_value} arrived again: kept, not used"),
        Outcome::Conflicting => format!("Another answer{of_value} arrived: kept, not used"),
        Outcome::Unknown => "An answer with an unknown valuation reference arrived: kept, not used".to_owned(),
        Outcome::Parked => "An answer arrived before its reference was known: kept".to_owned(),
        Outcome::TooMany => {
            "An answer arrived before its reference was known: not used, and to be sent again".to_owned()
        }
        Outcome::Received | Outcome::Accepted | Outcome::Refused | Outcome::Malformed(_) => return None,
    };
    Some(StoryEntry::new(callback.received_at, StoryKind::Kept, text))
}

/// ` 4 minutes after the deadline`
fn lateness(callback: &Summary, tasks: &[PausedTask]) -> String {
    let valuations = tasks.iter().filter(|task| task.kind == TaskKind::Valuation);
    let deadline = valuations.map(|task| task.deadline).filter(|deadline| *deadline <= callback.received_at).max();
    deadline.map_or_else(String::new, |deadline| {
        let late = (callback.received_at - deadline).unsigned_abs();
        format!(" {} after the deadline", spelled_out(late))
    })
}
