//! Branches: starting, moving from state to state, and ending.

use serde_json::{Map, Value};

use super::{
    Outcome, Payload,
    advance::Interpreter,
    state::{Branch, BranchId, Phase},
};
use crate::{
    definition::{Body, MachineId, StateId, Transition},
    history::{self, EventKind, StateEntered, StateExited},
};

impl Interpreter<'_> {
    /// Starts a branch. `input` is `None` if it is the input of the execution.
    pub fn start_branch(
        &mut self,
        parent: Option<BranchId>,
        index: usize,
        machine: MachineId,
        input: Option<Payload>,
        previous: i64,
    ) {
        let id = BranchId(self.state.next_branch);
        self.state.next_branch += 1;
        let start_at = self.definition.machine(machine).start_at;
        let branch = Branch {
            parent,
            index,
            state: self.definition.state(start_at).name.clone(),
            input: None,
            entered: 0,
            entered_at: 0,
            previous,
            before_entry: previous,
            variables: Map::new(),
            attempts: Vec::new(),
            phase: Phase::Ready,
        };
        self.state.branches.insert(id, branch);
        self.enter_state(id, start_at, input);
    }

    fn enter_state(&mut self, id: BranchId, state_id: StateId, input: Option<Payload>) {
        let state = self.definition.state(state_id);
        // The facts already contain the execution's input, and a copy in the state would be written with every step.
        let input = input.filter(|input| input != self.facts.input);
        let shown = input.clone().unwrap_or_else(|| self.facts.input.clone());
        let entered = StateEntered { name: state.name.clone(), input: shown };
        let before_entry = self.branch(id).previous;
        let event = self.record(id, EventKind::StateEntered(state.body.kind(), entered));
        let now = self.now.unix_timestamp_nanos().div_euclid(1_000_000);
        self.change(id, |branch| {
            branch.state.clone_from(&state.name);
            branch.input = input;
            branch.before_entry = before_entry;
            branch.entered = event;
            branch.entered_at = i64::try_from(now).unwrap_or(i64::MAX);
            branch.attempts.clear();
            branch.phase = Phase::Ready;
        });
        self.state.ready.push_back(id);
    }

    /// Leaves the current state with its output, and enters the next state or ends the branch.
    pub fn exit_state(&mut self, id: BranchId, output: Payload, assigned: Map<String, Value>, then: Transition) {
        let state = self.current(id);
        let shown = assigned.iter().map(|(name, value)| (name.clone(), Payload::from(value.clone()))).collect();
        let exited = StateExited { name: state.name.clone(), output: output.clone(), assigned_variables: shown };
        self.record(id, EventKind::StateExited(state.body.kind(), exited));
        if matches!(state.body, Body::Map(_) | Body::Parallel(_)) {
            self.discard_parts(id);
        }
        self.change(id, |branch| branch.variables.extend(assigned));
        match then {
            Transition::Next(next) => self.enter_state(id, next, Some(output)),
            Transition::End => self.branch_succeeded(id, output),
        }
    }

    fn branch_succeeded(&mut self, id: BranchId, output: Payload) {
        let branch = self.branch(id);
        let (parent, index, previous) = (branch.parent, branch.index, branch.previous);
        let Some(parent) = parent else {
            if self.history_is_full {
                return;
            }
            let details = history::Output { output: output.clone() };
            self.record_end(previous, EventKind::ExecutionSucceeded(details));
            self.finish(Outcome::Succeeded { output });
            return;
        };
        self.state.branches.remove(id);
        let state = self.current(parent);
        let done = match &state.body {
            Body::Map(map) => self.iteration_succeeded(parent, state, map, index, previous, output),
            Body::Parallel(parallel) => {
                self.parallel_branch_succeeded(parent, state, parallel, index, previous, output)
            }
            Body::Unreadable { reason, .. } => Err(self.unreadable(parent, reason)),
            _ => Ok(()),
        };
        if let Err(failure) = done {
            self.fail_state(parent, failure);
        }
    }
}
