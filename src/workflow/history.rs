//! Reads an execution history: the state and the failure of each event, and the path of the execution.

use std::collections::HashMap;

use app::desk::Failure;
use serde_json::Value;
use time::OffsetDateTime;

use super::{failure::failure, visits::Visits};

/// Members that contain a JSON document as text.
const DOCUMENTS: [&str; 3] = ["input", "output", "parameters"];

/// The event with the documents in its details as JSON instead of text, so that people can read them.
pub fn with_documents_read(mut event: Value) -> Value {
    let details = event.as_object_mut().into_iter().flat_map(|members| members.iter_mut());
    for (_, details) in details.filter(|(name, _)| name.ends_with("EventDetails")) {
        for name in DOCUMENTS {
            let Some(document) = details.get_mut(name) else { continue };
            if let Some(read) = document.as_str().and_then(|text| serde_json::from_str(text).ok()) {
                *document = read;
            }
        }
    }
    event
}

/// A history with the visits of its states.
pub struct History<'a> {
    events: &'a [Value],
    by_id: HashMap<i64, usize>,
    visits: Visits,
}

/// One event of a history.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    history: &'a History<'a>,
    at: usize,
}

impl<'a> History<'a> {
    pub fn new(events: &'a [Value]) -> Self {
        let by_id = events.iter().enumerate().filter_map(|(at, event)| Some((event["id"].as_i64()?, at))).collect();
        Self { events, by_id, visits: Visits::read(events) }
    }

    pub fn events(&'a self) -> impl Iterator<Item = Event<'a>> {
        (0..self.events.len()).map(|at| Event { history: self, at })
    }

    pub fn visits(&self) -> &Visits {
        &self.visits
    }

    /// The event at this position.
    pub fn at(&'a self, at: usize) -> Event<'a> {
        Event { history: self, at }
    }
}

impl<'a> Event<'a> {
    fn json(self) -> &'a Value {
        &self.history.events[self.at]
    }

    pub fn id(self) -> i64 {
        self.json()["id"].as_i64().unwrap_or_default()
    }

    pub fn previous_id(self) -> i64 {
        self.json()["previousEventId"].as_i64().unwrap_or_default()
    }

    /// `TaskStateEntered`
    pub fn kind(self) -> &'a str {
        self.json()["type"].as_str().unwrap_or_default()
    }

    pub fn at(self) -> OffsetDateTime {
        let seconds = self.json()["timestamp"].as_f64().unwrap_or_default();
        let millis = (seconds * 1000.0).round() as i128;
        OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    pub fn details(self) -> Option<&'a Value> {
        let members = self.json().as_object()?;
        members.iter().find(|(name, _)| name.ends_with("EventDetails")).map(|(_, details)| details)
    }

    pub fn previous(self) -> Option<Event<'a>> {
        let at = *self.history.by_id.get(&self.previous_id())?;
        // Require an earlier position, so that a corrupt history cannot cause an endless loop.
        (at < self.at).then(|| self.history.at(at))
    }

    pub fn is_entered(self) -> bool {
        self.kind().ends_with("StateEntered")
    }

    pub fn is_exited(self) -> bool {
        self.kind().ends_with("StateExited")
    }

    /// Whether the event is a failure of a state's work.
    pub fn is_failure(self) -> bool {
        let kind = self.kind();
        ["Failed", "TimedOut", "Aborted"].iter().any(|end| kind.ends_with(end))
    }

    /// The name of the state of an Entered or Exited event.
    pub fn name(self) -> Option<&'a str> {
        self.details()?.get("name")?.as_str().filter(|_| self.is_entered() || self.is_exited())
    }

    /// The state to which the event belongs; `None` for an event between two states.
    pub fn state(self) -> Option<&'a str> {
        let visit = self.history.visits.of_event(self.at)?;
        Some(&self.history.visits.get(visit).state)
    }

    /// Error and cause, if the event is a failure.
    pub fn failure(self) -> Option<Failure> {
        let text = |name: &str| self.details()?.get(name)?.as_str().map(str::to_owned);
        let failure = failure(text("error"), text("cause"));
        // States that are ended from outside are aborted without an error.
        let is_error = !self.kind().ends_with("Aborted") || failure != Failure::default();
        (self.is_failure() && is_error).then_some(failure)
    }

    /// For an Entered event: the previous state, and whether it failed and was caught.
    pub fn came_from(self) -> Option<(&'a str, bool)> {
        let mut at = self.previous();
        while let Some(event) = at {
            if event.is_exited() {
                return Some((event.name()?, event.was_caught()));
            }
            if event.is_entered() {
                return None;
            }
            at = event.previous();
        }
        None
    }

    /// For an Exited event: whether the state failed.
    pub fn was_caught(self) -> bool {
        self.previous().is_some_and(Event::is_failure)
    }
}
