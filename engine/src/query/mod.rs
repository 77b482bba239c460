//! Queries: how a state's fields take values out of its input, the context object and variables, in JSONPath and in
//! JSONata. Functions of their scope alone, but for those that are random or read the clock by definition
//! (`States.UUID`, `States.MathRandom`, `$uuid`, `$random`, `$now`, `$millis`): they ask the operating system, and the
//! interpreter records what they gave, as it records every result.
//!
//! All of it is fed by strangers, so all of it is bounded: nesting when parsing, depth of what is produced
//! ([`MAX_DEPTH`]), size and the number of places visited, time and memory of JSONata, linear-time regular expressions,
//! and all that is computed in one go ([`Budget`]).

pub mod choice;
#[cfg(test)]
mod fuzz;
pub mod intrinsic;
pub mod jsonata;
mod limits;
pub mod path;
pub mod template;
pub mod timestamp;

pub(crate) use limits::reading;
use limits::{Allowance, bounded};
pub use limits::{Budget, MAX_DEPTH, deeper_than};
use serde_json::{Map, Value};

/// What a query may see.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// `$` in JSONPath, `$states.input` in JSONata. In a ResultSelector it is the raw result.
    pub input: &'a Value,
    /// `$$` in JSONPath, `$states.context` in JSONata.
    pub context: &'a Value,
    pub variables: &'a Map<String, Value>,
    /// `$states.result` in JSONata, where there is one.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput` in JSONata, where there is one.
    pub error_output: Option<&'a Value>,
    /// What it may cost.
    pub budget: &'a Budget,
}

/// Why a query gave no value: the error and cause as AWS reports them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct QueryError {
    /// `States.Runtime`, `States.QueryEvaluationError`, `States.ReferencePathConflict`, …
    pub error: &'static str,
    /// AWS's text without the "An error occurred while executing the state …" that the interpreter puts before it.
    pub cause: String,
    /// The field, as in an EvaluationFailed event's `location`.
    pub location: Option<String>,
}

impl QueryError {
    /// What JSONPath states fail with: `States.Runtime`.
    pub fn runtime(cause: impl Into<String>) -> Self {
        Self { error: "States.Runtime", cause: cause.into(), location: None }
    }

    /// What JSONata states fail with, at `location`: `States.QueryEvaluationError`.
    pub fn evaluation(location: &str, cause: impl Into<String>) -> Self {
        Self { error: "States.QueryEvaluationError", cause: cause.into(), location: Some(location.to_owned()) }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A scope that owns what it shows.
    pub struct World {
        pub input: Value,
        pub context: Value,
        pub variables: Map<String, Value>,
        pub budget: Budget,
    }

    impl World {
        pub fn of(input: Value) -> Self {
            let context = serde_json::json!({"Execution": {"Name": "run"}});
            Self { input, context, variables: Map::new(), budget: Budget::new() }
        }

        pub fn with(mut self, name: &str, value: Value) -> Self {
            self.variables.insert(name.into(), value);
            self
        }

        pub fn scope(&self) -> Scope<'_> {
            Scope {
                input: &self.input,
                context: &self.context,
                variables: &self.variables,
                result: None,
                error_output: None,
                budget: &self.budget,
            }
        }
    }
}
