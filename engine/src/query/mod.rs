//! Queries, which read values from a state's input, the context object and variables, in JSONPath and in JSONata. They
//! depend only on their scope, except for functions that are random or read the clock by definition (`States.UUID`,
//! `States.MathRandom`, `$uuid`, `$random`, `$now`, `$millis`). These ask the operating system, and the interpreter
//! records their results like all others.
//!
//! Queries come from untrusted sources, so everything is limited: nesting while parsing, the depth of results
//! ([`MAX_DEPTH`]), their size, the number of values visited, the time and memory of JSONata, regular expressions
//! (which run in linear time), and the work of a step ([`Budget`]).

pub mod choice;
#[cfg(test)]
mod fuzz;
pub mod intrinsic;
pub mod jsonata;
mod limits;
pub mod path;
pub mod template;
pub mod timestamp;

pub(crate) use limits::with_pattern_limit;
use limits::{Allowance, bounded};
pub use limits::{Budget, MAX_DEPTH, deeper_than};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// What a query can access.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// `$` in JSONPath, `$states.input` in JSONata. The raw result in a ResultSelector.
    pub input: &'a Value,
    /// `$$` in JSONPath, `$states.context` in JSONata.
    pub context: &'a Value,
    pub variables: &'a Map<String, Value>,
    /// `$states.result` in JSONata, if available.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput` in JSONata, if available.
    pub error_output: Option<&'a Value>,
    /// Limits what the query may compute.
    pub budget: &'a Budget,
}

/// Why a query failed, with the error and cause as AWS reports them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct QueryError {
    /// For example `States.Runtime`, `States.QueryEvaluationError` or `States.ReferencePathConflict`.
    pub error: &'static str,
    /// AWS's text without the prefix "An error occurred while executing the state …", which the interpreter adds.
    pub cause: String,
    /// The field, which becomes `location` of an EvaluationFailed event.
    pub location: Option<String>,
}

/// As it is stored: error, cause and location.
impl Serialize for QueryError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.error, &self.cause, &self.location).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for QueryError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (error, cause, location) = <(String, _, _)>::deserialize(deserializer)?;
        let error = ERRORS.into_iter().find(|known| *known == error);
        Ok(Self { error: error.unwrap_or(RUNTIME), cause, location })
    }
}

const RUNTIME: &str = "States.Runtime";

/// The errors that queries fail with.
const ERRORS: [&str; 4] =
    [RUNTIME, "States.QueryEvaluationError", "States.ReferencePathConflict", "States.DataLimitExceeded"];

impl QueryError {
    /// The error of JSONPath states, `States.Runtime`.
    pub fn runtime(cause: impl Into<String>) -> Self {
        Self { error: RUNTIME, cause: cause.into(), location: None }
    }

    /// The error of JSONata states, `States.QueryEvaluationError`, at `location`.
    pub fn evaluation(location: &str, cause: impl Into<String>) -> Self {
        Self { error: "States.QueryEvaluationError", cause: cause.into(), location: Some(location.to_owned()) }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A scope that owns its values.
    pub struct OwnedScope {
        pub input: Value,
        pub context: Value,
        pub variables: Map<String, Value>,
        pub budget: Budget,
    }

    impl OwnedScope {
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
