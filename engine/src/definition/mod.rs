//! Amazon States Language as typed data, checked once when a state machine is created.
//!
//! A definition is flat. All machines (the top level, the branches of Parallel states, the processors of Map states)
//! and all states are in two lists and refer to each other by index, so running an execution involves no recursion. The
//! indexes depend on how this release reads a definition. Stored data refers to a state by its name, which is unique in
//! a definition.

mod context_use;
mod diagnostics;
mod fields;
mod flow;
mod handlers;
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
mod variable_references;

pub use diagnostics::{Code, Diagnostic, Diagnostics};
pub use flow::{Catcher, Jitter, Retrier, Transition, matches_error};
pub use item_reader::{DataSet, ItemReader, MAX_HEADERS};
pub use map::{Batching, Items, Map, ProcessorMode};
pub use resource::{Pattern, Resource};
pub use result_writer::{ResultForm, ResultWriter, Transformation};
pub use state::{Body, ChoiceBranch, Fail, Parallel, Pass, State, Task, Wait};
pub use value::{Number, QueryLanguage, ResultPlace, Selection, Template, Text};
pub use variable_references::variable_references;

use std::collections::HashMap;

/// AWS's limit on a definition, in bytes.
pub const MAX_DEFINITION: usize = 1_048_576;

/// Returns why a Task can't have a Resource in this engine, as half a sentence, or `None` if it can.
pub type Unavailable<'a> = dyn Fn(&Resource) -> Option<String> + 'a;

/// The index of a machine in a definition. 0 is the top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineId(u32);

/// The index of a state in a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateId(u32);

/// A state machine definition that has been checked, now or when it was created.
#[derive(Debug)]
pub struct Definition {
    /// `None` for a machine that can't be read. The state that contains it is unreadable.
    machines: Vec<Option<Machine>>,
    states: Vec<State>,
    by_name: HashMap<String, StateId>,
    /// The processors of Map states, by the names of the states.
    processors: HashMap<String, MachineId>,
    timeout_seconds: Option<i64>,
}

/// A set of states that lead to one another: the top level, a branch of a Parallel or the processor of a Map.
#[derive(Debug)]
pub struct Machine {
    pub start_at: StateId,
}

impl Definition {
    /// Reads and checks a definition.
    ///
    /// # Errors
    /// All problems of the definition, each with its location.
    pub fn parse(text: &str) -> Result<Self, Diagnostics> {
        machine::parse(text, &|_| None)
    }

    /// Like [`Self::parse`], but also refuses each Resource that is unavailable.
    ///
    /// # Errors
    /// As for [`Self::parse`], and a problem for each Resource for which `unavailable` returns a reason.
    pub fn parse_where(text: &str, unavailable: &Unavailable<'_>) -> Result<Self, Diagnostics> {
        machine::parse(text, unavailable)
    }

    /// Reads a definition that was checked when it was stored, without checking it again, because checks that a later
    /// release adds only apply to new definitions. A state that this release can't read becomes [`Body::Unreadable`],
    /// which fails only the executions that reach it.
    ///
    /// # Errors
    /// When the text is not a definition at all.
    pub fn load(text: &str) -> Result<Self, Diagnostics> {
        machine::load(text)
    }

    /// TimeoutSeconds of the state machine.
    #[must_use]
    pub fn timeout_seconds(&self) -> Option<i64> {
        self.timeout_seconds
    }

    #[must_use]
    pub fn root(&self) -> MachineId {
        MachineId(0)
    }

    /// # Panics
    /// When the id belongs to another definition.
    #[must_use]
    pub fn machine(&self, id: MachineId) -> &Machine {
        self.machines[id.0 as usize].as_ref().expect("only a machine that was read gets an id")
    }

    /// # Panics
    /// When the id belongs to another definition.
    #[must_use]
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    #[must_use]
    pub fn state_named(&self, name: &str) -> Option<&State> {
        self.by_name.get(name).map(|id| self.state(*id))
    }

    /// The processor of the Map state with this name.
    #[must_use]
    pub fn processor_of(&self, map: &str) -> Option<MachineId> {
        self.processors.get(map).copied()
    }

    /// All states, including those of branches and processors.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.states.iter()
    }
}
