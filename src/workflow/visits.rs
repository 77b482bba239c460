//! The visits of states in a history: which events belong to the same run of a state.
//!
//! The events of a visit form a chain by `previousEventId` that begins with the `…StateEntered` event. The events of a
//! Parallel or Map state itself (`ParallelStateFailed`, `MapIterationStarted`, …) are in the middle of the chains of the
//! states inside it.

use std::collections::HashMap;

use serde_json::Value;

/// One run of a state: from entering it to exiting it, with all its retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub state: String,
    /// The position of the `…StateEntered` event.
    pub entered: usize,
    /// The position of the `…StateExited` event.
    pub exited: Option<usize>,
    /// The visit of the Parallel or Map state around it, as an index.
    pub outer: Option<usize>,
}

#[derive(Debug, Default)]
pub struct Visits {
    all: Vec<Visit>,
    /// For each event, the index of its visit.
    of_event: Vec<Option<usize>>,
}

impl Visits {
    /// Reads a history, oldest event first. An event whose previous event is missing begins a new chain.
    pub fn read(events: &[Value]) -> Self {
        let mut visits = Self::default();
        let mut by_id = HashMap::new();
        for (at, event) in events.iter().enumerate() {
            // The previous event has been read already, so a corrupt history cannot cause an endless loop.
            let previous: Option<usize> =
                event["previousEventId"].as_i64().and_then(|previous| by_id.get(&previous)).copied();
            let visit = visits.visit(events, at, previous);
            visits.of_event.push(visit);
            by_id.insert(event["id"].as_i64().unwrap_or_default(), at);
        }
        visits
    }

    /// The visit that the event at this position belongs to, as an index.
    pub fn of_event(&self, at: usize) -> Option<usize> {
        self.of_event.get(at).copied().flatten()
    }

    pub fn get(&self, visit: usize) -> &Visit {
        &self.all[visit]
    }

    /// The indices of all visits of a state, oldest first.
    pub fn of_state<'a>(&'a self, state: &'a str) -> impl Iterator<Item = usize> + 'a {
        (0..self.all.len()).filter(move |visit| self.all[*visit].state == state)
    }

    /// The positions of the events of a visit, in order.
    pub fn events(&self, visit: usize) -> impl Iterator<Item = usize> + '_ {
        let from = self.all[visit].entered;
        (from..self.of_event.len()).filter(move |at| self.of_event[*at] == Some(visit))
    }

    /// Whether a Parallel or Map state around the visit has been exited, which ends the visit too.
    pub fn is_cut_off(&self, visit: usize) -> bool {
        let outer = std::iter::successors(self.all[visit].outer, |visit| self.all[*visit].outer);
        outer.into_iter().any(|outer| self.all[outer].exited.is_some())
    }

    fn visit(&mut self, events: &[Value], at: usize, previous: Option<usize>) -> Option<usize> {
        let kind = kind(&events[at]);
        let before = previous.and_then(|previous| self.of_event(previous));
        let previous_kind = previous.map_or("", |previous| self::kind(&events[previous]));
        if kind.ends_with("StateEntered") {
            return Some(self.enter(events, at, before, previous_kind));
        }
        if kind.ends_with("StateExited") {
            return self.exit(events, at, before);
        }
        if kind == "ExecutionRedriven" {
            // It has no previous event. It continues the last state that did not end.
            return (0..self.all.len()).rev().find(|visit| self.all[*visit].exited.is_none());
        }
        // A Parallel state ends after an event of a branch, and an iteration after an event of a state in it. Without
        // one, it ends after an event of its own.
        let follows_its_own = match kind {
            "ParallelStateSucceeded" | "ParallelStateFailed" => {
                matches!(previous_kind, "ParallelStateEntered" | "ParallelStateStarted")
            }
            "MapIterationSucceeded" | "MapIterationFailed" | "MapIterationAborted" => {
                previous_kind == "MapIterationStarted"
            }
            "MapStateSucceeded" | "MapStateFailed" => previous_kind.starts_with("Map"),
            _ if previous_kind.ends_with("StateExited") => return None,
            _ => return before,
        };
        if follows_its_own { before } else { before.and_then(|before| self.all[before].outer) }
    }

    fn enter(&mut self, events: &[Value], at: usize, before: Option<usize>, previous_kind: &str) -> usize {
        let begins_inside = matches!(previous_kind, "ParallelStateStarted" | "MapStateStarted" | "MapIterationStarted");
        let outer = if begins_inside { before } else { before.and_then(|before| self.all[before].outer) };
        let state = name(&events[at]).unwrap_or_default().to_owned();
        self.all.push(Visit { state, entered: at, exited: None, outer });
        self.all.len() - 1
    }

    fn exit(&mut self, events: &[Value], at: usize, before: Option<usize>) -> Option<usize> {
        let name = name(&events[at])?;
        let visit = std::iter::successors(before, |visit| self.all[*visit].outer)
            .find(|visit| self.all[*visit].state == name)?;
        self.all[visit].exited = Some(at);
        Some(visit)
    }
}

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap_or_default()
}

/// The name of the state in the details of an Entered or Exited event.
fn name(event: &Value) -> Option<&str> {
    let details = event.get("stateEnteredEventDetails").or_else(|| event.get("stateExitedEventDetails"))?;
    details["name"].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A history from the ids, previous ids, types and names of its events.
    fn history(events: &[(i64, i64, &str, &str)]) -> Vec<Value> {
        let event = |&(id, previous, kind, name): &(i64, i64, &str, &str)| {
            let details =
                if kind.ends_with("Entered") { "stateEnteredEventDetails" } else { "stateExitedEventDetails" };
            let mut event = json!({"id": id, "previousEventId": previous, "type": kind});
            if !name.is_empty() {
                event[details] = json!({ "name": name });
            }
            event
        };
        events.iter().map(event).collect()
    }

    fn states(events: &[Value]) -> Vec<String> {
        let visits = Visits::read(events);
        let state = |at| visits.of_event(at).map_or_else(|| "-".to_owned(), |visit| visits.get(visit).state.clone());
        (0..events.len()).map(state).collect()
    }

    #[test]
    fn the_events_of_a_failed_parallel_state_belong_to_it_and_not_to_its_branches() {
        let events = history(&[
            (1, 0, "ExecutionStarted", ""),
            (2, 0, "ParallelStateEntered", "Both"),
            (3, 2, "ParallelStateStarted", ""),
            (4, 3, "TaskStateEntered", "Left"),
            (5, 4, "TaskScheduled", ""),
            (6, 3, "WaitStateEntered", "Right"),
            (7, 5, "TaskFailed", ""),
            (8, 7, "ParallelStateFailed", ""),
            (9, 8, "ParallelStateStarted", ""),
            (10, 9, "TaskStateEntered", "Left"),
            (11, 10, "TaskStateExited", "Left"),
            (12, 11, "ParallelStateSucceeded", ""),
            (13, 12, "ParallelStateExited", "Both"),
            (14, 13, "ExecutionSucceeded", ""),
        ]);
        let expected =
            ["-", "Both", "Both", "Left", "Left", "Right", "Left", "Both", "Both", "Left", "Left", "Both", "Both", "-"];
        assert_eq!(states(&events), expected);
        let visits = Visits::read(&events);
        assert_eq!(visits.of_state("Left").count(), 2);
        let right = visits.of_state("Right").next().unwrap();
        assert!(visits.get(right).exited.is_none() && visits.is_cut_off(right), "its Parallel state has been exited");
    }

    #[test]
    fn a_failure_goes_through_nested_parallel_states_outwards() {
        let events = history(&[
            (1, 0, "ParallelStateEntered", "Outer"),
            (2, 1, "ParallelStateStarted", ""),
            (3, 2, "ParallelStateEntered", "Inner"),
            (4, 3, "ParallelStateStarted", ""),
            (5, 4, "FailStateEntered", "Fail"),
            (6, 5, "ParallelStateFailed", ""),
            (7, 6, "ParallelStateFailed", ""),
            (8, 7, "ExecutionFailed", ""),
        ]);
        assert_eq!(states(&events), ["Outer", "Outer", "Inner", "Inner", "Fail", "Inner", "Outer", "Outer"]);
    }

    #[test]
    fn each_iteration_of_a_map_visits_its_states_anew() {
        let events = history(&[
            (1, 0, "MapStateEntered", "Each"),
            (2, 1, "MapStateStarted", ""),
            (3, 2, "MapIterationStarted", ""),
            (4, 3, "PassStateEntered", "One"),
            (5, 2, "MapIterationStarted", ""),
            (6, 5, "PassStateEntered", "One"),
            (7, 4, "PassStateExited", "One"),
            (8, 7, "MapIterationSucceeded", ""),
            (9, 6, "PassStateExited", "One"),
            (10, 9, "MapIterationSucceeded", ""),
            (11, 10, "MapStateSucceeded", ""),
            (12, 11, "MapStateExited", "Each"),
        ]);
        let expected = ["Each", "Each", "Each", "One", "Each", "One", "One", "Each", "One", "Each", "Each", "Each"];
        assert_eq!(states(&events), expected);
        let visits = Visits::read(&events);
        let first = visits.of_state("One").next().unwrap();
        assert_eq!(visits.events(first).collect::<Vec<_>>(), [3, 6], "iterations are told apart");
    }

    #[test]
    fn a_redriven_execution_continues_the_state_that_failed() {
        let events = history(&[
            (1, 0, "ExecutionStarted", ""),
            (2, 0, "TaskStateEntered", "Ask"),
            (3, 2, "TaskScheduled", ""),
            (4, 3, "TaskFailed", ""),
            (5, 4, "ExecutionFailed", ""),
            (6, 0, "ExecutionRedriven", ""),
            (7, 6, "TaskScheduled", ""),
            (8, 7, "TaskSucceeded", ""),
            (9, 8, "TaskStateExited", "Ask"),
        ]);
        assert_eq!(states(&events), ["-", "Ask", "Ask", "Ask", "Ask", "Ask", "Ask", "Ask", "Ask"]);
        assert_eq!(Visits::read(&events).get(0).exited, Some(8));
    }
}
