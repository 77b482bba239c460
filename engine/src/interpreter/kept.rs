//! What inline Map and Parallel states keep apart from the execution's state.
//!
//! The items of a Map and the outputs of its iterations can be long, and the state is written with every step. Each of
//! these is written once instead, and read when the state needs it: the cost of a Map grows with its items, and not with
//! their square.

use std::collections::BTreeMap;

use super::{
    Payload,
    run::Run,
    state::{BranchId, ExecutionState, Phase},
};

/// A part of what a branch keeps while it is in a Map or Parallel state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What the iterations of a Map run over, where it is not the state's input.
    Items,
    /// The output of one iteration or branch, by its index.
    Output(usize),
}

/// Reads what earlier steps have kept.
pub trait Kept {
    /// None where nothing is kept.
    fn items(&self, branch: u32) -> Option<Payload>;
    fn outputs(&self, branch: u32) -> Vec<(usize, Payload)>;
}

/// For executions whose state is not written between steps.
pub struct NothingKept;

impl Kept for NothingKept {
    fn items(&self, _: u32) -> Option<Payload> {
        None
    }

    fn outputs(&self, _: u32) -> Vec<(usize, Payload)> {
        Vec::new()
    }
}

/// What a step has changed of what is kept. What was dropped goes first.
#[derive(Debug, Default)]
pub struct KeptChanges {
    /// Branches of which nothing is kept any more.
    pub dropped: Vec<u32>,
    pub added: Vec<(u32, Part, Payload)>,
}

impl ExecutionState {
    /// What the steps since the last call have changed of what is kept; to be written along with the state.
    pub fn take_kept(&mut self) -> KeptChanges {
        let dropped = std::mem::take(&mut self.dropped).into_iter().map(|branch| branch.0).collect();
        let added = std::mem::take(&mut self.kept);
        KeptChanges { dropped, added: added.into_iter().map(|((id, part), kept)| (id.0, part, kept)).collect() }
    }
}

impl Run<'_> {
    pub fn keep(&mut self, id: BranchId, part: Part, kept: Payload) {
        self.state.kept.insert((id, part), kept);
    }

    /// The branch leaves its Map or Parallel state, or begins it anew.
    pub fn drop_kept(&mut self, id: BranchId) {
        self.state.kept.retain(|(branch, _), _| *branch != id);
        self.state.dropped.insert(id);
        self.items.borrow_mut().remove(&id);
    }

    /// What the iterations of a branch's Map run over.
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

    /// The outputs of a branch's iterations or branches in the order of their indexes.
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
