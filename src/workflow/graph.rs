//! The state machine as a graph of states and transitions, alone or with the progress of an execution.

use app::desk::{ExecutionStatus, GraphView, StateView, Transition, TransitionKind};
use serde_json::Value;

use super::{history::History, pretty, run::run_of};

#[derive(Debug, Default)]
pub struct Graph<'a> {
    states: Vec<State<'a>>,
    edges: Vec<Edge>,
}

#[derive(Debug)]
struct State<'a> {
    name: String,
    inside: Option<String>,
    is_start: bool,
    definition: &'a Value,
}

#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    kind: TransitionKind,
}

impl<'a> Graph<'a> {
    /// Reads a definition in Amazon States Language. Unknown parts are skipped.
    pub fn read(definition: &'a Value) -> Self {
        let mut graph = Self::default();
        graph.read_states(definition, None);
        graph
    }

    fn read_states(&mut self, machine: &'a Value, inside: Option<&str>) {
        let start = machine["StartAt"].as_str();
        for (name, state) in machine["States"].as_object().into_iter().flatten() {
            self.states.push(State {
                name: name.clone(),
                inside: inside.map(str::to_owned),
                is_start: inside.is_none() && start == Some(name),
                definition: state,
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

    /// The state machine alone.
    pub fn view(&self) -> GraphView {
        let states = self.states.iter().map(State::view).collect();
        GraphView { states, transitions: self.transitions(|_| false) }
    }

    /// The state machine with what an execution did.
    pub fn view_with(&self, history: &History<'_>, status: ExecutionStatus) -> GraphView {
        let run = |state: &State<'_>| run_of(&state.name, state.definition, history, status);
        let states = self.states.iter().map(|state| StateView { run: Some(run(state)), ..state.view() });
        GraphView { states: states.collect(), transitions: self.transitions(|edge| edge.was_taken(history)) }
    }

    fn transitions(&self, was_taken: impl Fn(&Edge) -> bool) -> Vec<Transition> {
        let mut transitions: Vec<Transition> = Vec::new();
        for edge in &self.edges {
            let (from, to, kind) = (edge.from.clone(), edge.to.clone(), edge.kind.clone());
            let transition = Transition { from, to, kind, taken: was_taken(edge) };
            // Several rules of a Choice state may lead to the same state.
            if !transitions.contains(&transition) {
                transitions.push(transition);
            }
        }
        transitions
    }
}

impl State<'_> {
    fn view(&self) -> StateView {
        StateView {
            name: self.name.clone(),
            kind: self.definition["Type"].as_str().unwrap_or_default().to_owned(),
            inside: self.inside.clone(),
            is_start: self.is_start,
            definition: pretty(self.definition),
            run: None,
        }
    }
}

impl Edge {
    fn was_taken(&self, history: &History<'_>) -> bool {
        let caught = matches!(self.kind, TransitionKind::Catch { .. });
        history
            .events()
            .filter(|event| event.is_entered())
            .any(|event| event.name() == Some(&self.to) && event.came_from() == Some((&self.from, caught)))
    }
}

#[cfg(test)]
mod tests {
    use app::desk::StateProgress;
    use serde_json::json;

    use super::*;
    use crate::workflow::history::{Event, with_documents_read};

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

    fn definition() -> Value {
        json!({"StartAt": "Ask", "States": {
            "Ask": {"Type": "Task", "Next": "Choose",
                    "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "AskAPerson"}]},
            "AskAPerson": {"Type": "Task", "Next": "Choose"},
            "Choose": {"Type": "Choice", "Choices": [{"Next": "Both"}], "Default": "Both"},
            "Both": {"Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "End": true}}}]},
        }})
    }

    fn view(events: &[Value], status: ExecutionStatus) -> GraphView {
        Graph::read(&definition()).view_with(&History::new(events), status)
    }

    #[test]
    fn a_caught_failure_takes_the_catch_transition() {
        let transitions = view(&events(), ExecutionStatus::Running).transitions;
        let taken: Vec<_> = transitions.iter().filter(|t| t.taken).map(|t| (t.from.as_str(), t.to.as_str())).collect();
        assert_eq!(taken, [("Ask", "AskAPerson")]);
        let catch = TransitionKind::Catch { errors: "States.Timeout".into() };
        assert!(transitions.iter().any(|t| t.kind == catch && t.taken));
        // A rule and the default that lead to the same state are one transition.
        assert_eq!(transitions.iter().filter(|t| t.from == "Choose").count(), 1);
    }

    #[test]
    fn states_show_the_progress_of_the_execution() {
        let states = view(&events(), ExecutionStatus::Running).states;
        let run = |state: &StateView| state.run.clone().unwrap();
        let progress: Vec<_> = states.iter().map(|state| (state.name.as_str(), run(state).progress)).collect();
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
        assert_eq!(run(&states[0]).input.as_deref(), Some("{\n  \"a\": 1\n}"));
        let failed = view(&events(), ExecutionStatus::Failed).states;
        assert_eq!(run(&failed[1]).progress, StateProgress::Failed);
    }

    #[test]
    fn a_definition_alone_has_no_progress() {
        let definition = definition();
        let GraphView { states, transitions } = Graph::read(&definition).view();
        assert!(states.iter().all(|state| state.run.is_none()) && transitions.iter().all(|way| !way.taken));
        assert_eq!(states[1].definition, pretty(&json!({"Type": "Task", "Next": "Choose"})));
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
