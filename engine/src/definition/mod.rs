//! Amazon States Language as typed data: what a state machine's JSON says, checked once when it is created.
//!
//! A definition is kept flat: all machines (the top one, the branches of Parallel states, the processors of Map states)
//! and all states stand in two lists and refer to each other by their place in these, so nothing recurses when an
//! execution walks through it. These places depend on how this release reads a definition. What is stored refers to a
//! state by its name, which is unique in a definition.

mod diagnostics;
mod fields;
mod flow;
mod item_reader;
mod machine;
mod map;
mod read;
mod resource;
mod result_writer;
mod state;
#[cfg(test)]
mod tests;
mod value;

pub use diagnostics::{Code, Diagnostic, Diagnostics};
pub use flow::{Catcher, Jitter, Retrier, Transition, matches_error};
pub use item_reader::{DataSet, ItemReader, MAX_HEADERS};
pub use map::{Batching, Items, Map, ProcessorMode};
pub use resource::{Pattern, Resource};
pub use result_writer::{ResultForm, ResultWriter, Transformation};
pub use state::{Body, ChoiceBranch, Fail, Parallel, Pass, State, Task, Wait};
pub use value::{Number, QueryLanguage, ResultPlace, Selection, Template, Text};

use std::collections::HashMap;

/// AWS's limit on a definition, in bytes.
pub const MAX_DEFINITION: usize = 1_048_576;

/// Why a Task can't have a Resource in some place, as half a sentence; `None` when it can.
pub type Unavailable<'a> = dyn Fn(&Resource) -> Option<String> + 'a;

/// A machine of a definition: 0 is the state machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineId(u32);

/// A state of a definition in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateId(u32);

/// A state machine definition that has been checked, now or when it was created.
#[derive(Debug)]
pub struct Definition {
    /// None for one that can't be read; the state that it is in is unreadable.
    machines: Vec<Option<Machine>>,
    states: Vec<State>,
    by_name: HashMap<String, StateId>,
    /// The processors of Map states, by the names of these.
    processors: HashMap<String, MachineId>,
    timeout_seconds: Option<i64>,
}

/// States that lead to one another: the top level, a Parallel's branch or a Map's processor.
#[derive(Debug)]
pub struct Machine {
    pub start_at: StateId,
}

impl Definition {
    /// Reads and checks a definition.
    ///
    /// # Errors
    /// Everything that is wrong with it, each problem with its place.
    pub fn parse(text: &str) -> Result<Self, Diagnostics> {
        machine::parse(text, &|_| None)
    }

    /// Like [`Self::parse`], for one place: what can't be called there is refused.
    ///
    /// # Errors
    /// As [`Self::parse`], and each Resource that `unavailable` has a reason against.
    pub fn parse_where(text: &str, unavailable: &Unavailable<'_>) -> Result<Self, Diagnostics> {
        machine::parse(text, unavailable)
    }

    /// Reads a definition that was checked when it was stored, without checking it again: a check that a later release
    /// adds concerns new definitions only. A state that this release can't read is [`Body::Unreadable`]; it fails the
    /// executions that come to it, and no others.
    ///
    /// # Errors
    /// When the text is not a definition at all.
    pub fn load(text: &str) -> Result<Self, Diagnostics> {
        machine::load(text)
    }

    /// The state machine's own TimeoutSeconds.
    #[must_use]
    pub fn timeout_seconds(&self) -> Option<i64> {
        self.timeout_seconds
    }

    #[must_use]
    pub fn root(&self) -> MachineId {
        MachineId(0)
    }

    /// # Panics
    /// When the id is of another definition.
    #[must_use]
    pub fn machine(&self, id: MachineId) -> &Machine {
        self.machines[id.0 as usize].as_ref().expect("only a machine that was read gets an id")
    }

    /// # Panics
    /// When the id is of another definition.
    #[must_use]
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    #[must_use]
    pub fn state_named(&self, name: &str) -> Option<&State> {
        self.by_name.get(name).map(|id| self.state(*id))
    }

    /// What the items of a Map state of this name go through.
    #[must_use]
    pub fn processor_of(&self, map: &str) -> Option<MachineId> {
        self.processors.get(map).copied()
    }

    /// All states, those of branches and processors included.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.states.iter()
    }
}
