//! Resuming an execution that has ended without success.

use std::collections::{BTreeMap, HashSet};

use super::{
    NotPending,
    advance::Interpreter,
    state::{Branch, BranchId, Phase},
};
use crate::history::{EventKind, ExecutionRedriven};

impl Interpreter<'_> {
    /// The branches of an ended execution as a redrive resumes them. States restart, but Parallel and Map states keep
    /// the outputs that they already have.
    pub fn redrivable(&self, mut branches: BTreeMap<BranchId, Branch>) -> BTreeMap<BranchId, Branch> {
        let around: HashSet<BranchId> = branches.values().filter_map(|branch| branch.parent).collect();
        for (id, branch) in &mut branches {
            branch.attempts.clear();
            if !around.contains(id) && !matches!(branch.phase, Phase::MapRun { .. }) {
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
        let event = self.record_after(0, EventKind::ExecutionRedriven(ExecutionRedriven { redrive_count }));
        self.set_deadline(self.now);
        let state = &mut *self.state;
        let mut map_runs = Vec::new();
        for (id, branch) in &mut state.branches {
            match branch.phase {
                Phase::Ready => state.ready.push_back(*id),
                Phase::MapRun { .. } => map_runs.push(*id),
                _ => continue,
            }
            branch.previous = event;
            branch.before_entry = event;
        }
        for id in map_runs {
            self.redrive_map_run(id);
        }
        Ok(())
    }
}
