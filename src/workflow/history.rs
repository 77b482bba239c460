//! Reads an execution history: the state of each event, and the path of the execution.

use std::collections::HashMap;

use serde_json::Value;
use time::OffsetDateTime;

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

/// A history that gives access to the previous event of each event.
pub struct History<'a> {
    events: &'a [Value],
    by_id: HashMap<i64, usize>,
}

/// One event of a history.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    history: &'a History<'a>,
    json: &'a Value,
}

impl<'a> History<'a> {
    pub fn new(events: &'a [Value]) -> Self {
        let by_id = events.iter().enumerate().filter_map(|(at, event)| Some((event["id"].as_i64()?, at))).collect();
        Self { events, by_id }
    }

    pub fn events(&'a self) -> impl Iterator<Item = Event<'a>> {
        self.events.iter().map(|json| Event { history: self, json })
    }

    fn get(&'a self, id: i64) -> Option<Event<'a>> {
        let at = *self.by_id.get(&id)?;
        Some(Event { history: self, json: &self.events[at] })
    }
}

impl<'a> Event<'a> {
    pub fn id(self) -> i64 {
        self.json["id"].as_i64().unwrap_or_default()
    }

    pub fn previous_id(self) -> i64 {
        self.json["previousEventId"].as_i64().unwrap_or_default()
    }

    /// `TaskStateEntered`
    pub fn kind(self) -> &'a str {
        self.json["type"].as_str().unwrap_or_default()
    }

    pub fn at(self) -> OffsetDateTime {
        let seconds = self.json["timestamp"].as_f64().unwrap_or_default();
        let millis = (seconds * 1000.0).round() as i128;
        OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    pub fn details(self) -> Option<&'a Value> {
        let members = self.json.as_object()?;
        members.iter().find(|(name, _)| name.ends_with("EventDetails")).map(|(_, details)| details)
    }

    pub fn previous(self) -> Option<Event<'a>> {
        // Require smaller ids, so that a corrupt history cannot cause an endless loop.
        self.history.get(self.previous_id()).filter(|previous| previous.id() < self.id())
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

    /// The state to which the event belongs.
    pub fn state(self) -> Option<&'a str> {
        let mut at = Some(self);
        while let Some(event) = at {
            match event.name() {
                Some(name) if event.is_entered() || event.id() == self.id() => return Some(name),
                // The event is between two states.
                Some(_) => return None,
                None => at = event.previous(),
            }
        }
        None
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
