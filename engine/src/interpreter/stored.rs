//! The parts of an execution that are stored in rows of their own, apart from the execution state.
//!
//! The execution state is written with every step, so it must be small. The branches within Parallel and inline Map
//! states, the items of a Map and the outputs of iterations and branches can be many or large. Each of them is written
//! when it changes and read when it is needed, so the cost of a Map or Parallel is linear in its size.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Payload, TaskId, TimerId,
    advance::Interpreter,
    state::{Branch, BranchId, ExecutionState, Phase},
};

/// One of the values that a branch stores while it is in a Map or Parallel state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The items of a Map, if they are not the state's input.
    Items,
    /// The output of the iteration or branch with this index.
    Output(usize),
}

/// What a branch can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The answer to a task, or the end of a map run.
    Task(TaskId),
    Timer(TimerId),
}

/// Reads what earlier steps have stored.
pub trait StoredState {
    /// Returns `None` if there is no such branch within another.
    fn branch(&self, id: u32) -> Option<Branch>;
    /// The branch within another that waits for this.
    fn branch_awaiting(&self, awaited: Awaited) -> Option<u32>;
    /// The branches directly within the current state of this one.
    fn branches_within(&self, id: u32) -> Vec<(u32, Branch)>;
    /// All branches within others.
    fn inner_branches(&self) -> Vec<(u32, Branch)>;
    /// Returns `None` if no items are stored.
    fn items(&self, branch: u32) -> Option<Payload>;
    fn outputs(&self, branch: u32) -> Vec<(usize, Payload)>;
}

/// Stores nothing, for executions whose state stays in memory.
pub struct NothingStored;

impl StoredState for NothingStored {
    fn branch(&self, _: u32) -> Option<Branch> {
        None
    }

    fn branch_awaiting(&self, _: Awaited) -> Option<u32> {
        None
    }

    fn branches_within(&self, _: u32) -> Vec<(u32, Branch)> {
        Vec::new()
    }

    fn inner_branches(&self) -> Vec<(u32, Branch)> {
        Vec::new()
    }

    fn items(&self, _: u32) -> Option<Payload> {
        None
    }

    fn outputs(&self, _: u32) -> Vec<(usize, Payload)> {
        Vec::new()
    }
}

/// The changes that a step makes to what is stored apart from the state. Apply `discarded` before `added`.
#[derive(Debug, Default)]
pub struct StateChanges {
    /// The branches within others that have started or changed, or have ended (`None`).
    pub branches: Vec<(u32, Option<Branch>)>,
    /// The branches whose parts are all deleted.
    pub discarded: Vec<u32>,
    pub added: Vec<(u32, Part, Payload)>,
}

/// The parts that a step has added and discarded.
#[derive(Debug, Clone, Default)]
pub(super) struct PartChanges {
    added: BTreeMap<(BranchId, Part), Payload>,
    discarded: BTreeSet<BranchId>,
}

impl ExecutionState {
    /// Takes the changes since the last call. They must be written in the same transaction as the state.
    pub fn take_changes(&mut self) -> StateChanges {
        let PartChanges { added, discarded } = std::mem::take(&mut self.parts);
        StateChanges {
            branches: self.branches.take_changes().into_iter().map(|(id, branch)| (id.0, branch)).collect(),
            discarded: discarded.into_iter().map(|branch| branch.0).collect(),
            added: added.into_iter().map(|((id, part), value)| (id.0, part, value)).collect(),
        }
    }
}

impl Interpreter<'_> {
    pub fn store_part(&mut self, id: BranchId, part: Part, value: Payload) {
        self.state.parts.added.insert((id, part), value);
    }

    /// Deletes the parts of a branch that leaves its Map or Parallel state, or restarts it.
    pub fn discard_parts(&mut self, id: BranchId) {
        let parts = &mut self.state.parts;
        parts.added.retain(|(branch, _), _| *branch != id);
        parts.discarded.insert(id);
        self.items.borrow_mut().remove(&id);
    }

    /// The items of the Map state that a branch is in.
    pub fn items_of(&self, id: BranchId) -> Payload {
        let Phase::Map(mapping) = &self.branch(id).phase else { return self.input(id) };
        if !mapping.stores_items {
            return self.input(id);
        }
        if let Some(items) = self.state.parts.added.get(&(id, Part::Items)) {
            return items.clone();
        }
        let mut known = self.items.borrow_mut();
        let read = || self.facts.stored.items(id.0).unwrap_or_else(|| Payload::from_text("[]"));
        known.entry(id).or_insert_with(read).clone()
    }

    /// The outputs of a branch's iterations or branches, in the order of their indexes.
    pub fn outputs_of(&self, id: BranchId) -> Vec<Payload> {
        let PartChanges { added, discarded } = &self.state.parts;
        let mut outputs = BTreeMap::new();
        if !discarded.contains(&id) {
            outputs.extend(self.facts.stored.outputs(id.0));
        }
        let new = added.range((id, Part::Output(0))..=(id, Part::Output(usize::MAX)));
        outputs.extend(new.filter_map(|((_, part), output)| match part {
            Part::Output(index) => Some((*index, output.clone())),
            Part::Items => None,
        }));
        outputs.into_values().collect()
    }
}
