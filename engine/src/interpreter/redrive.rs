//! Going on with an execution that had ended without success.

use std::collections::{BTreeMap, HashSet};

use super::{
    NotPending,
    run::Run,
    state::{Branch, BranchId, Phase},
};
use crate::{
    definition::{Body, ProcessorMode},
    history::{EventKind, ExecutionRedriven},
};

impl Run<'_> {
    /// What of an ended execution's branches a redrive can go on with: states begin anew, Parallel and Map states keep
    /// what they have already achieved. A distributed Map begins anew as a whole.
    pub fn redrivable(&self, mut branches: BTreeMap<BranchId, Branch>) -> BTreeMap<BranchId, Branch> {
        let begins_anew = |branch: &Branch| match &self.definition.state(branch.state).body {
            Body::Map(map) => map.mode != ProcessorMode::Inline,
            _ => false,
        };
        // A branch's id is higher than that of the one around it, so one pass in order finds whole trees.
        let mut dropped = HashSet::new();
        for (id, branch) in &branches {
            if branch
                .parent
                .is_some_and(|parent| dropped.contains(&parent) || branches.get(&parent).is_none_or(begins_anew))
            {
                dropped.insert(*id);
            }
        }
        branches.retain(|id, _| !dropped.contains(id));
        let around: HashSet<BranchId> = branches.values().filter_map(|branch| branch.parent).collect();
        for (id, branch) in &mut branches {
            branch.attempts.clear();
            if !around.contains(id) {
                branch.phase = Phase::Ready;
            }
        }
        branches
    }

    pub fn redrive(&mut self) -> Result<(), NotPending> {
        if !self.state.is_redrivable() {
            return Err(NotPending);
        }
        self.state.over = false;
        let redrive_count = self.facts.redrive_count;
        let event = self.record(0, EventKind::ExecutionRedriven(ExecutionRedriven { redrive_count }));
        self.set_deadline(self.now);
        let state = &mut *self.state;
        for (id, branch) in &mut state.branches {
            if matches!(branch.phase, Phase::Ready) {
                branch.previous = event;
                branch.came_from = event;
                state.ready.push_back(*id);
            }
        }
        Ok(())
    }
}
