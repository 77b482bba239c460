//! The state machine as a graph of states and transitions, with the progress of an execution.

use app::desk::{StateProgress, StateView, Transition, TransitionKind};
use serde_json::Value;

use super::{
    history::{Event, History},
    pretty,
};

#[derive(Debug, Default)]
pub struct Graph {
    states: Vec<State>,
    edges: Vec<Edge>,
}

#[derive(Debug)]
struct State {
    name: String,
    kind: String,
    inside: Option<String>,
    is_start: bool,
}

#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    kind: TransitionKind,
}

impl Graph {
    /// Reads a definition in Amazon States Language. Unknown parts are skipped.
    pub fn read(definition: &Value) -> Self {
        let mut graph = Self::default();
        graph.read_states(definition, None);
        graph
    }

    fn read_states(&mut self, machine: &Value, inside: Option<&str>) {
        let start = machine["StartAt"].as_str();
        for (name, state) in machine["States"].as_object().into_iter().flatten() {
            self.states.push(State {
                name: name.clone(),
                kind: state["Type"].as_str().unwrap_or_default().to_owned(),
                inside: inside.map(str::to_owned),
                is_start: inside.is_none() && start == Some(name),
            });
            self.read_edges(name, state);
            for branch in state["Branches"].as_array().into_iter().flatten() {
                self.read_states(branch, Some(name));
            }
            for processor in ["ItemProcessor", "Iterator"] {
                self.read_states(&state[processor], Some(name));
            }
        }
    }

    fn read_edges(&mut self, from: &str, state: &Value) {
        let mut edge = |to: &Value, kind: TransitionKind| {
            if let Some(to) = to.as_str() {
                self.edges.push(Edge { from: from.to_owned(), to: to.to_owned(), kind });
            }
        };
        edge(&state["Next"], TransitionKind::Next);
        for rule in state["Choices"].as_array().into_iter().flatten() {
            edge(&rule["Next"], TransitionKind::Choice);
        }
        edge(&state["Default"], TransitionKind::Choice);
        for catcher in state["Catch"].as_array().into_iter().flatten() {
            let errors: Vec<_> =
                catcher["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            edge(&catcher["Next"], TransitionKind::Catch { errors: errors.join(", ") });
        }
    }

    /// The states with their progress. `status` is the status of the execution, such as `RUNNING`.
    pub fn states(&self, history: &History<'_>, status: &str) -> Vec<StateView> {
        self.states.iter().map(|state| view(state, history, status)).collect()
    }

    pub fn transitions(&self, history: &History<'_>) -> Vec<Transition> {
        let mut transitions: Vec<Transition> = Vec::new();
        for edge in &self.edges {
            let caught = matches!(edge.kind, TransitionKind::Catch { .. });
            let taken = history
                .events()
                .filter(|event| event.is_entered())
                .any(|event| event.name() == Some(&edge.to) && event.came_from() == Some((&edge.from, caught)));
            let transition =
                Transition { from: edge.from.clone(), to: edge.to.clone(), kind: edge.kind.clone(), taken };
            // Several rules of a Choice state may lead to the same state.
            if !transitions.contains(&transition) {
                transitions.push(transition);
            }
        }
        transitions
    }
}

fn view(state: &State, history: &History<'_>, status: &str) -> StateView {
    let (mut entered, mut exited): (Option<Event<'_>>, Option<Event<'_>>) = (None, None);
    for event in history.events().filter(|event| event.name() == Some(&state.name)) {
        if event.is_entered() {
            (entered, exited) = (Some(event), None);
        } else {
            exited = Some(event);
        }
    }
    let progress = match (entered, exited) {
        (None, _) => StateProgress::Untouched,
        (Some(_), Some(exited)) if exited.was_caught() => StateProgress::Caught,
        (Some(_), Some(_)) => StateProgress::Done,
        (Some(_), None) if status == "RUNNING" => StateProgress::Current,
        (Some(_), None) if status == "SUCCEEDED" => StateProgress::Done,
        (Some(_), None) => StateProgress::Failed,
    };
    let document = |event: Option<Event<'_>>, name: &str| event?.details()?.get(name).map(pretty);
    StateView {
        name: state.name.clone(),
        kind: state.kind.clone(),
        inside: state.inside.clone(),
        is_start: state.is_start,
        progress,
        entered_at: entered.map(Event::at),
        exited_at: exited.map(Event::at),
        input: document(entered, "input"),
        output: document(exited, "output"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workflow::history::with_documents_read;

    fn events() -> Vec<Value> {
        [
            json!({"id": 1, "previousEventId": 0, "type": "ExecutionStarted", "timestamp": 1.5}),
            json!({"id": 2, "previousEventId": 0, "type": "TaskStateEntered", "timestamp": 2.0,
                   "stateEnteredEventDetails": {"name": "Ask", "input": "{\"a\":1}"}}),
            json!({"id": 3, "previousEventId": 2, "type": "TaskScheduled", "timestamp": 2.0}),
            json!({"id": 4, "previousEventId": 3, "type": "TaskTimedOut", "timestamp": 3.0}),
            json!({"id": 5, "previousEventId": 4, "type": "TaskStateExited", "timestamp": 3.25,
                   "stateExitedEventDetails": {"name": "Ask", "output": "{}"}}),
            json!({"id": 6, "previousEventId": 5, "type": "TaskStateEntered", "timestamp": 3.5,
                   "stateEnteredEventDetails": {"name": "AskAPerson", "input": "{}"}}),
            json!({"id": 7, "previousEventId": 6, "type": "TaskScheduled", "timestamp": 3.5}),
        ]
        .map(with_documents_read)
        .to_vec()
    }

    fn graph() -> Graph {
        Graph::read(&json!({"StartAt": "Ask", "States": {
            "Ask": {"Type": "Task", "Next": "Choose",
                    "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "AskAPerson"}]},
            "AskAPerson": {"Type": "Task", "Next": "Choose"},
            "Choose": {"Type": "Choice", "Choices": [{"Next": "Both"}], "Default": "Both"},
            "Both": {"Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "End": true}}}]},
        }}))
    }

    #[test]
    fn a_caught_failure_takes_the_catch_transition() {
        let events = events();
        let transitions = graph().transitions(&History::new(&events));
        let taken: Vec<_> = transitions.iter().filter(|t| t.taken).map(|t| (t.from.as_str(), t.to.as_str())).collect();
        assert_eq!(taken, [("Ask", "AskAPerson")]);
        let catch = TransitionKind::Catch { errors: "States.Timeout".into() };
        assert!(transitions.iter().any(|t| t.kind == catch && t.taken));
        // A rule and the default that lead to the same state are one transition.
        assert_eq!(transitions.iter().filter(|t| t.from == "Choose").count(), 1);
    }

    #[test]
    fn states_show_the_progress_of_the_execution() {
        let events = events();
        let states = graph().states(&History::new(&events), "RUNNING");
        let progress: Vec<_> = states.iter().map(|state| (state.name.as_str(), state.progress)).collect();
        assert_eq!(
            progress,
            [
                ("Ask", StateProgress::Caught),
                ("AskAPerson", StateProgress::Current),
                ("Choose", StateProgress::Untouched),
                ("Both", StateProgress::Untouched),
                ("Left", StateProgress::Untouched),
            ]
        );
        assert!(states[0].is_start && !states[4].is_start);
        assert_eq!(states[4].inside.as_deref(), Some("Both"));
        assert_eq!(states[0].input.as_deref(), Some("{\n  \"a\": 1\n}"));
        let failed = graph().states(&History::new(&events), "FAILED");
        assert_eq!(failed[1].progress, StateProgress::Failed);
    }

    #[test]
    fn an_event_belongs_to_the_last_state_entered_before_it() {
        let events = events();
        let history = History::new(&events);
        let states: Vec<_> = history.events().map(Event::state).collect();
        let (ask, person) = (Some("Ask"), Some("AskAPerson"));
        assert_eq!(states, [None, ask, ask, ask, ask, person, person]);
    }
}
