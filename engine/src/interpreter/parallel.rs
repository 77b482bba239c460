//! Parallel states, and ending what runs within a state.

use std::collections::HashMap;

use super::{
    Part, Payload,
    data::{Outgoing, Way},
    failure::Failure,
    run::Run,
    state::{BranchId, Phase},
};
use crate::{
    definition::{Body, Parallel, ProcessorMode, State},
    history::{EventKind, Iteration, StateKind},
    query::QueryError,
};

impl Run<'_> {
    pub fn fork(&mut self, id: BranchId, state: &State, parallel: &Parallel) -> Result<(), Failure> {
        let before = self.before(id);
        let input = match self.arguments(id, state, parallel.arguments.as_ref(), None) {
            Ok(input) => input,
            Err(error) => return Err(self.container_query_failed(id, error, before)),
        };
        let started = self.tell(id, EventKind::ParallelStateStarted);
        let count = parallel.branches.len();
        self.change(id, |branch| branch.phase = Phase::Parallel { running: count });
        self.drop_kept(id);
        for (index, machine) in parallel.branches.iter().enumerate() {
            self.begin(Some(id), index, *machine, Some(input.clone()), started);
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
        self.keep(id, Part::Output(index), output);
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
        self.record(previous, EventKind::ParallelStateSucceeded);
        let way = Way::with_result(state, parallel.result_selector.as_ref(), &parallel.result_path, parallel.then);
        self.leave(id, state, Outgoing::Result(joined(&outputs)), &way, previous)
    }

    /// A Parallel's or Map's own query failed: unless that fails the execution at once, the state tells of it.
    pub fn container_query_failed(&mut self, id: BranchId, error: QueryError, previous: i64) -> Failure {
        let failure = self.query_failed(id, error, previous);
        if !failure.is_fatal() {
            let failed = match self.current(id).body {
                Body::Map(_) => EventKind::MapStateFailed,
                _ => EventKind::ParallelStateFailed,
            };
            self.tell(id, failed);
        }
        failure
    }

    /// Ends everything within a branch's current state but `failed`, which has told of its end itself.
    pub fn abort_children(&mut self, id: BranchId, failed: Option<BranchId>) {
        let mut children: HashMap<BranchId, Vec<BranchId>> = HashMap::new();
        for (child, branch) in &self.state.branches {
            if let Some(parent) = branch.parent {
                children.entry(parent).or_default().push(*child);
            }
        }
        // The innermost first, so that a child is told of before what it is part of.
        let mut levels = vec![vec![id]];
        while let Some(level) = levels.last().filter(|level| !level.is_empty()) {
            levels.push(level.iter().filter_map(|around| children.get(around)).flatten().copied().collect());
        }
        for child in levels.into_iter().skip(1).rev().flatten() {
            if Some(child) != failed {
                self.abort(id, child);
            }
            if let Some(branch) = self.state.branches.remove(&child) {
                self.aborted.push((child, branch));
            }
        }
    }

    fn abort(&mut self, around: BranchId, child: BranchId) {
        let kind = self.current(child).body.kind();
        let branch = self.branch(child);
        let (phase, previous, parent, index) = (branch.phase.clone(), branch.previous, branch.parent, branch.index);
        self.let_go(child);
        let previous = match phase {
            Phase::MapRun { .. } => self.record(previous, EventKind::MapRunAborted),
            _ => previous,
        };
        // The API has such an event for these alone: the others are never in between.
        if matches!(kind, StateKind::Wait | StateKind::Task | StateKind::Parallel | StateKind::Map) {
            self.record(previous, EventKind::StateAborted(kind));
        }
        if let Some(parent) = parent.filter(|parent| *parent == around)
            && let Body::Map(map) = &self.current(parent).body
            && map.mode == ProcessorMode::Inline
        {
            let name = self.current(parent).name.clone();
            self.record(previous, EventKind::MapIterationAborted(Iteration { name, index }));
        }
    }
}

/// The outputs as a list, each letter by letter.
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
