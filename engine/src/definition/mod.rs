//! Amazon States Language as typed data: what a state machine's JSON says, checked once when it is created.
//!
//! A definition is kept flat: all machines (the top one, the branches of Parallel states, the processors of Map states)
//! and all states stand in two lists and name each other by number. So nothing recurses when an execution walks
//! through it, and an execution's own record of where it is stays a few bytes.

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

use serde::{Deserialize, Serialize};

/// AWS's limit on a definition, in bytes.
pub const MAX_DEFINITION: usize = 1_048_576;

/// Why a Task can't have a Resource in some place, as half a sentence; `None` when it can.
pub type Unavailable<'a> = dyn Fn(&Resource) -> Option<String> + 'a;

/// A machine of a definition: 0 is the state machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MachineId(u32);

impl MachineId {
    /// As it is stored.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// Of the definition that [`Self::number`] was asked of.
    pub(crate) fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// A state of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateId(u32);

/// A checked state machine definition.
#[derive(Debug)]
pub struct Definition {
    machines: Vec<Machine>,
    states: Vec<State>,
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
        &self.machines[id.0 as usize]
    }

    /// # Panics
    /// When the id is of another definition.
    #[must_use]
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    /// All states, those of branches and processors included.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.states.iter()
    }
}
