//! Queries: how a state's fields take values out of its input, the context object and variables, in JSONPath and in
//! JSONata. Pure functions of their scope.

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
}

/// Why a query gave no value: the error and cause as AWS reports them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct QueryError {
    /// `States.Runtime`, `States.QueryEvaluationError`, `States.ParameterPathFailure`, `States.IntrinsicFailure`, …
    pub error: &'static str,
    /// AWS's text without the "An error occurred while executing the state …" that the interpreter puts before it.
    pub cause: String,
    /// The field, as in an EvaluationFailed event's `location`.
    pub location: Option<String>,
}
