//! Data of inline Map and Parallel states that is stored apart from the execution state.
//!
//! The items of a Map and the outputs of its iterations can be large, and the execution state is written with every
//! step. Each of them is therefore written once and read when it is needed, so that the cost of a Map is linear in the
//! number of its items.

use std::collections::BTreeMap;

use super::{
    Payload,
    advance::Interpreter,
    state::{BranchId, ExecutionState, Phase},
};

/// One of the values that a branch stores while it is in a Map or Parallel state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The items of a Map, if they are not the state's input.
    Items,
    /// The output of the iteration or branch with this index.
    Output(usize),
}

/// Reads what earlier steps have stored.
pub trait Kept {
    /// Returns `None` if no items are stored.
    fn items(&self, branch: u32) -> Option<Payload>;
    fn outputs(&self, branch: u32) -> Vec<(usize, Payload)>;
}

/// Stores nothing, for executions whose state is not written between steps.
pub struct NothingKept;

impl Kept for NothingKept {
    fn items(&self, _: u32) -> Option<Payload> {
        None
    }

    fn outputs(&self, _: u32) -> Vec<(usize, Payload)> {
        Vec::new()
    }
}

/// The changes that a step makes to stored values. Apply `dropped` before `added`.
#[derive(Debug, Default)]
pub struct KeptChanges {
    /// The branches whose values are all deleted.
    pub dropped: Vec<u32>,
    pub added: Vec<(u32, Part, Payload)>,
}

impl ExecutionState {
    /// Takes the changes since the last call. They must be written in the same transaction as the state.
    pub fn take_kept(&mut self) -> KeptChanges {
        let dropped = std::mem::take(&mut self.dropped).into_iter().map(|branch| branch.0).collect();
        let added = std::mem::take(&mut self.kept);
        KeptChanges { dropped, added: added.into_iter().map(|((id, part), kept)| (id.0, part, kept)).collect() }
    }
}

impl Interpreter<'_> {
    pub fn keep(&mut self, id: BranchId, part: Part, kept: Payload) {
        self.state.kept.insert((id, part), kept);
    }

    /// Deletes the stored values of a branch that leaves its Map or Parallel state, or restarts it.
    pub fn drop_kept(&mut self, id: BranchId) {
        self.state.kept.retain(|(branch, _), _| *branch != id);
        self.state.dropped.insert(id);
        self.items.borrow_mut().remove(&id);
    }

    /// The items of the Map state that a branch is in.
    pub fn items_of(&self, id: BranchId) -> Payload {
        let Phase::Map(mapping) = &self.branch(id).phase else { return self.input(id) };
        if !mapping.keeps_items {
            return self.input(id);
        }
        if let Some(items) = self.state.kept.get(&(id, Part::Items)) {
            return items.clone();
        }
        let mut known = self.items.borrow_mut();
        let read = || self.facts.kept.items(id.0).unwrap_or_else(|| Payload::from_text("[]"));
        known.entry(id).or_insert_with(read).clone()
    }

    /// The outputs of a branch's iterations or branches, in the order of their indexes.
    pub fn outputs_of(&self, id: BranchId) -> Vec<Payload> {
        let mut outputs = BTreeMap::new();
        if !self.state.dropped.contains(&id) {
            outputs.extend(self.facts.kept.outputs(id.0));
        }
        let new = self.state.kept.range((id, Part::Output(0))..=(id, Part::Output(usize::MAX)));
        outputs.extend(new.filter_map(|((_, part), output)| match part {
            Part::Output(index) => Some((*index, output.clone())),
            Part::Items => None,
        }));
        outputs.into_values().collect()
    }
}
