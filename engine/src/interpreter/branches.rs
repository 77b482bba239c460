//! The branches of an execution, of which a step loads those that it needs.
//!
//! The outermost branch is part of the execution state. There can be thousands of branches within Parallel and inline
//! Map states, and an event concerns only a few of them, so these are rows of their own: see
//! [`StoredState`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    advance::Interpreter,
    state::{Branch, BranchId},
    stored::{Awaited, StoredState},
};

/// The branches that are loaded. A branch is only loaded together with those that enclose it.
#[derive(Debug, Clone, Default)]
pub(super) struct Branches {
    loaded: BTreeMap<BranchId, Branch>,
    /// The branches that have rows.
    stored: BTreeSet<BranchId>,
    /// The branches within others that have started or changed since their rows were written.
    changed: BTreeSet<BranchId>,
    /// The branches that have ended, and still have rows.
    ended: BTreeSet<BranchId>,
}

impl Branches {
    pub fn is_empty(&self) -> bool {
        self.loaded.is_empty()
    }

    pub fn get(&self, id: BranchId) -> Option<&Branch> {
        self.loaded.get(&id)
    }

    /// The loaded branches.
    pub fn iter(&self) -> impl Iterator<Item = (BranchId, &Branch)> {
        self.loaded.iter().map(|(id, branch)| (*id, branch))
    }

    pub fn insert(&mut self, id: BranchId, branch: Branch) {
        self.ended.remove(&id);
        if branch.parent.is_some() {
            self.changed.insert(id);
        }
        self.loaded.insert(id, branch);
    }

    /// A loaded branch that is about to be changed.
    pub fn get_mut(&mut self, id: BranchId) -> Option<&mut Branch> {
        let branch = self.loaded.get_mut(&id)?;
        if branch.parent.is_some() {
            self.changed.insert(id);
        }
        Some(branch)
    }

    pub fn remove(&mut self, id: BranchId) -> Option<Branch> {
        self.changed.remove(&id);
        if self.stored.contains(&id) {
            self.ended.insert(id);
        }
        self.loaded.remove(&id)
    }

    /// Removes and returns all loaded branches.
    pub fn remove_all(&mut self) -> BTreeMap<BranchId, Branch> {
        self.changed.clear();
        self.ended.extend(&self.stored);
        std::mem::take(&mut self.loaded)
    }

    /// The changes to rows since the last call, with `None` for branches that have ended.
    pub fn take_changes(&mut self) -> Vec<(BranchId, Option<Branch>)> {
        let changed = std::mem::take(&mut self.changed);
        let ended = std::mem::take(&mut self.ended);
        self.stored.retain(|id| !ended.contains(id));
        self.stored.extend(&changed);
        let changed = changed.into_iter().map(|id| (id, self.loaded.get(&id).cloned()));
        ended.into_iter().map(|id| (id, None)).chain(changed).collect()
    }

    /// Loads a branch and those that enclose it. Returns whether it exists.
    pub fn load(&mut self, id: BranchId, stored: &dyn StoredState) -> bool {
        let mut missing = Vec::new();
        let mut next = id;
        while !self.loaded.contains_key(&next) {
            if self.ended.contains(&next) {
                return false;
            }
            let Some(branch) = stored.branch(next.0) else { return false };
            // A branch is younger than the one that encloses it.
            let Some(parent) = branch.parent.filter(|parent| *parent < next) else { return false };
            missing.push((next, branch));
            next = parent;
        }
        for (id, branch) in missing {
            self.add_stored(id, branch);
        }
        true
    }

    /// Loads and returns the branch that waits for a task or a timer.
    pub fn awaiting(&mut self, awaited: Awaited, stored: &dyn StoredState) -> Option<BranchId> {
        let loaded = self.iter().find(|(_, branch)| branch.awaits(awaited)).map(|(id, _)| id);
        if loaded.is_some() {
            return loaded;
        }
        let id = BranchId(stored.branch_awaiting(awaited)?);
        // The row may be out of date, or belong to another attempt.
        (self.load(id, stored) && self.loaded[&id].awaits(awaited)).then_some(id)
    }

    /// Loads all branches within the current state of a loaded one.
    pub fn load_within(&mut self, id: BranchId, stored: &dyn StoredState) {
        let mut enclosing = vec![id];
        while let Some(parent) = enclosing.pop() {
            for (id, branch) in stored.branches_within(parent.0) {
                let id = BranchId(id);
                if !self.ended.contains(&id) {
                    self.add_stored(id, branch);
                    enclosing.push(id);
                }
            }
        }
    }

    /// Loads all branches.
    pub fn load_all(&mut self, stored: &dyn StoredState) {
        for (id, branch) in stored.inner_branches() {
            if !self.ended.contains(&BranchId(id)) {
                self.add_stored(BranchId(id), branch);
            }
        }
    }

    /// Adds a branch as its row has it, unless it is already loaded.
    fn add_stored(&mut self, id: BranchId, branch: Branch) {
        self.stored.insert(id);
        self.loaded.entry(id).or_insert(branch);
    }
}

/// Only the outermost branch: the others are rows.
impl Serialize for Branches {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.loaded.iter().filter(|(_, branch)| branch.parent.is_none()))
    }
}

impl<'de> Deserialize<'de> for Branches {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { loaded: BTreeMap::deserialize(deserializer)?, ..Self::default() })
    }
}

impl Interpreter<'_> {
    /// The branch that waits for a task or a timer.
    pub fn branch_awaiting(&mut self, awaited: Awaited) -> Option<BranchId> {
        self.state.branches.awaiting(awaited, self.facts.stored)
    }

    /// Loads a branch and those that enclose it. Returns whether it exists.
    pub fn load_branch(&mut self, id: BranchId) -> bool {
        self.state.branches.load(id, self.facts.stored)
    }

    /// Loads all branches within the current state of a branch.
    pub fn load_branches_within(&mut self, id: BranchId) {
        self.state.branches.load_within(id, self.facts.stored);
    }

    pub fn load_all_branches(&mut self) {
        // Most executions never have a second branch.
        if self.state.next_branch > 1 {
            self.state.branches.load_all(self.facts.stored);
        }
    }

    /// A loaded branch.
    pub fn branch(&self, id: BranchId) -> &Branch {
        // Ids are only handed out for loaded branches, and are not used after the branch has ended.
        self.state.branches.get(id).unwrap_or_else(|| panic!("the branch {id:?} is not loaded"))
    }

    /// Changes a branch. Does nothing if the branch has ended.
    pub fn change(&mut self, id: BranchId, change: impl FnOnce(&mut Branch)) {
        if let Some(branch) = self.state.branches.get_mut(id) {
            change(branch);
        }
    }
}
