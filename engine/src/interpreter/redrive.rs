//! Resuming an execution that has ended without success.

use std::collections::{BTreeMap, HashSet};

use super::{
    NotPending,
    advance::Interpreter,
    state::{Branch, BranchId, Phase},
};
use crate::history::{EventKind, ExecutionRedriven};

/// The branches of an ended execution as a redrive resumes them. States restart, but Parallel and Map states keep the
/// outputs that they already have.
pub(super) fn redrivable(mut branches: BTreeMap<BranchId, Branch>) -> BTreeMap<BranchId, Branch> {
    let enclosing: HashSet<BranchId> = branches.values().filter_map(|branch| branch.parent).collect();
    for (id, branch) in &mut branches {
        branch.attempts.clear();
        if !enclosing.contains(id) && !matches!(branch.phase, Phase::MapRun { .. }) {
            branch.phase = Phase::Ready;
        }
    }
    branches
}

impl Interpreter<'_> {
    pub fn redrive(&mut self) -> Result<(), NotPending> {
        if !self.state.is_redrivable() {
            return Err(NotPending);
        }
        self.state.over = false;
        let redrive_count = self.facts.redrive_count;
        let event = self.record_after(0, EventKind::ExecutionRedriven(ExecutionRedriven { redrive_count }));
        self.set_deadline(self.now);
        self.load_all_branches();
        let (mut ready, mut map_runs) = (Vec::new(), Vec::new());
        for (id, branch) in self.state.branches.iter() {
            match branch.phase {
                Phase::Ready => ready.push(id),
                Phase::MapRun { .. } => map_runs.push(id),
                _ => {}
            }
        }
        for id in ready.iter().chain(&map_runs) {
            self.change(*id, |branch| {
                branch.previous = event;
                branch.before_entry = event;
            });
        }
        self.state.ready.extend(ready);
        for id in map_runs {
            self.redrive_map_run(id);
        }
        Ok(())
    }
}
