//! The eight types of state.

use serde_json::Value;

use super::{
    Catcher, MachineId, Map, Number, QueryLanguage, Resource, ResultPlace, Retrier, Selection, StateId, Template, Text,
    Transition,
};
use crate::{history::StateKind, query::choice::Rule};

/// A state: the common fields, and those of its type.
#[derive(Debug)]
pub struct State {
    pub name: String,
    pub language: QueryLanguage,
    /// InputPath. The whole input in JSONata.
    pub input_path: Selection,
    /// OutputPath. The whole output in JSONata.
    pub output_path: Selection,
    pub assign: Option<Template>,
    /// Output of a JSONata state.
    pub output: Option<Template>,
    /// Whether the state may read the context object. Otherwise the context object is not built.
    pub reads_context: bool,
    /// Whether the state may read the execution's input in the context object, which can be large.
    pub reads_execution_input: bool,
    pub body: Body,
}

#[derive(Debug)]
pub enum Body {
    Pass(Pass),
    Task(Box<Task>),
    Choice {
        branches: Vec<ChoiceBranch>,
        default: Option<StateId>,
    },
    Wait {
        wait: Wait,
        then: Transition,
    },
    Succeed,
    Fail(Fail),
    Parallel(Box<Parallel>),
    Map(Box<Map>),
    /// A state that this release can't read, although the release that stored it could.
    Unreadable {
        kind: StateKind,
        reason: String,
    },
}

impl State {
    /// The placeholder for a state that can't be read.
    pub(super) fn unreadable(name: &str, kind: StateKind, reason: String) -> Self {
        Self {
            name: name.to_owned(),
            language: QueryLanguage::JsonPath,
            input_path: Selection::Whole,
            output_path: Selection::Whole,
            assign: None,
            output: None,
            reads_context: false,
            reads_execution_input: false,
            body: Body::Unreadable { kind, reason },
        }
    }

    pub(super) fn is_readable(&self) -> bool {
        !matches!(self.body, Body::Unreadable { .. })
    }
}

impl Body {
    #[must_use]
    pub fn kind(&self) -> StateKind {
        match self {
            Self::Pass(_) => StateKind::Pass,
            Self::Task(_) => StateKind::Task,
            Self::Choice { .. } => StateKind::Choice,
            Self::Wait { .. } => StateKind::Wait,
            Self::Succeed => StateKind::Succeed,
            Self::Fail(_) => StateKind::Fail,
            Self::Parallel(_) => StateKind::Parallel,
            Self::Map(_) => StateKind::Map,
            Self::Unreadable { kind, .. } => *kind,
        }
    }

    /// Retry and Catch; empty for types without them.
    #[must_use]
    pub fn handlers(&self) -> (&[Retrier], &[Catcher]) {
        match self {
            Self::Task(task) => (&task.retry, &task.catch),
            Self::Parallel(parallel) => (&parallel.retry, &parallel.catch),
            Self::Map(map) => (&map.retry, &map.catch),
            _ => (&[], &[]),
        }
    }
}

#[derive(Debug)]
pub struct Pass {
    /// Result of a JSONPath state, used unchanged.
    pub result: Option<Value>,
    pub parameters: Option<Template>,
    pub result_path: ResultPlace,
    pub then: Transition,
}

#[derive(Debug)]
pub struct Task {
    pub resource: Resource,
    /// Parameters or Arguments.
    pub arguments: Option<Template>,
    pub result_selector: Option<Template>,
    pub result_path: ResultPlace,
    pub timeout: Option<Number>,
    pub heartbeat: Option<Number>,
    pub credentials: Option<Template>,
    pub retry: Vec<Retrier>,
    pub catch: Vec<Catcher>,
    pub then: Transition,
}

/// A rule of a Choice.
#[derive(Debug)]
pub struct ChoiceBranch {
    pub rule: Rule,
    pub assign: Option<Template>,
    pub output: Option<Template>,
    pub next: StateId,
}

#[derive(Debug)]
pub enum Wait {
    Seconds(Number),
    Until(Text),
}

#[derive(Debug)]
pub struct Fail {
    pub error: Option<Text>,
    pub cause: Option<Text>,
}

#[derive(Debug)]
pub struct Parallel {
    pub branches: Vec<MachineId>,
    /// Parameters or Arguments.
    pub arguments: Option<Template>,
    pub result_selector: Option<Template>,
    pub result_path: ResultPlace,
    pub retry: Vec<Retrier>,
    pub catch: Vec<Catcher>,
    pub then: Transition,
}
