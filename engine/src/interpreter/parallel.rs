//! Parallel states, and aborting what runs within a state.

use std::collections::HashMap;

use super::{
    Part, Payload,
    advance::Interpreter,
    data_flow::{Outgoing, OutputRules},
    failure::Failure,
    state::{BranchId, Phase},
};
use crate::{
    definition::{Body, Parallel, ProcessorMode, State},
    history::{EventKind, Iteration, StateKind},
    query::QueryError,
};

impl Interpreter<'_> {
    pub fn start_parallel(&mut self, id: BranchId, state: &State, parallel: &Parallel) -> Result<(), Failure> {
        let before = self.event_before(id);
        let input = match self.arguments(id, state, parallel.arguments.as_ref(), None) {
            Ok(input) => input,
            Err(error) => return Err(self.container_query_failed(id, error, before)),
        };
        let started = self.record(id, EventKind::ParallelStateStarted);
        let count = parallel.branches.len();
        self.change(id, |branch| branch.phase = Phase::Parallel { running: count });
        self.discard_parts(id);
        for (index, machine) in parallel.branches.iter().enumerate() {
            self.start_branch(Some(id), index, *machine, Some(input.clone()), started);
        }
        Ok(())
    }

    pub fn parallel_branch_succeeded(
        &mut self,
        id: BranchId,
        state: &State,
        parallel: &Parallel,
        index: usize,
        previous: i64,
        output: Payload,
    ) -> Result<(), Failure> {
        let mut done = false;
        self.store_part(id, Part::Output(index), output);
        self.change(id, |branch| {
            if let Phase::Parallel { running } = &mut branch.phase {
                *running -= 1;
                done = *running == 0;
            }
        });
        if !done {
            return Ok(());
        }
        let outputs = self.outputs_of(id);
        self.change(id, |branch| branch.previous = previous);
        self.record_after(previous, EventKind::ParallelStateSucceeded);
        let rules =
            OutputRules::with_result(state, parallel.result_selector.as_ref(), &parallel.result_path, parallel.then);
        self.leave_state(id, state, Outgoing::Result(joined(&outputs)), &rules, previous)
    }

    /// Handles a failed query of a Parallel or Map state itself. Unless the failure is fatal, the history gets an event
    /// for the state.
    pub fn container_query_failed(&mut self, id: BranchId, error: QueryError, previous: i64) -> Failure {
        let failure = self.query_failed(id, error, previous);
        if !failure.is_fatal() {
            let failed = match self.current(id).body {
                Body::Map(_) => EventKind::MapStateFailed,
                _ => EventKind::ParallelStateFailed,
            };
            self.record(id, failed);
        }
        failure
    }

    /// Aborts everything within a branch's current state except `failed`, which has already recorded its end.
    pub fn abort_children(&mut self, id: BranchId, failed: Option<BranchId>) {
        self.load_branches_within(id);
        let mut children: HashMap<BranchId, Vec<BranchId>> = HashMap::new();
        for (child, branch) in self.state.branches.iter() {
            if let Some(parent) = branch.parent {
                children.entry(parent).or_default().push(child);
            }
        }
        // Abort the innermost branches first, so that the history lists a child before its parent.
        let mut levels = vec![vec![id]];
        while let Some(level) = levels.last().filter(|level| !level.is_empty()) {
            levels.push(level.iter().filter_map(|around| children.get(around)).flatten().copied().collect());
        }
        for child in levels.into_iter().skip(1).rev().flatten() {
            if Some(child) != failed {
                self.abort(id, child);
            }
            if let Some(branch) = self.state.branches.remove(child) {
                self.aborted.push((child, branch));
            }
        }
    }

    fn abort(&mut self, around: BranchId, child: BranchId) {
        let kind = self.current(child).body.kind();
        let branch = self.branch(child);
        let (phase, previous, parent, index) = (branch.phase.clone(), branch.previous, branch.parent, branch.index);
        self.release(child);
        let previous = match phase {
            Phase::MapRun { .. } => self.record_after(previous, EventKind::MapRunAborted),
            _ => previous,
        };
        // The API has this event only for states that can take time.
        if matches!(kind, StateKind::Wait | StateKind::Task | StateKind::Parallel | StateKind::Map) {
            self.record_after(previous, EventKind::StateAborted(kind));
        }
        if let Some(parent) = parent.filter(|parent| *parent == around)
            && let Body::Map(map) = &self.current(parent).body
            && map.mode == ProcessorMode::Inline
        {
            let name = self.current(parent).name.clone();
            self.record_after(previous, EventKind::MapIterationAborted(Iteration { name, index }));
        }
    }
}

/// The list of the outputs, each byte for byte.
pub(super) fn joined(outputs: &[Payload]) -> Payload {
    let mut text = String::with_capacity(outputs.iter().map(|output| output.size() + 1).sum::<usize>() + 2);
    text.push('[');
    for (index, output) in outputs.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(output.text());
    }
    text.push(']');
    Payload::from_text(text)
}
