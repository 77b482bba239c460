//! Queries: how a state's fields take values out of its input, the context object and variables, in JSONPath and in
//! JSONata. Functions of their scope alone, but for those that are random or read the clock by definition
//! (`States.UUID`, `States.MathRandom`, `$uuid`, `$random`, `$now`, `$millis`): they ask the operating system, and the
//! interpreter records what they gave, as it records every result.
//!
//! All of it is fed by strangers, so all of it is bounded: nesting when parsing, depth of what is produced
//! ([`MAX_DEPTH`]), time and depth of JSONata, linear-time regular expressions.

pub mod choice;
pub mod intrinsic;
pub mod jsonata;
pub mod path;
pub mod template;
pub mod timestamp;

use serde_json::{Map, Value};

/// How deep a value may nest. Everything the engine keeps is JSON text that must be readable again (the reader stops
/// at 128 levels) with room for the envelopes it is stored in.
pub const MAX_DEPTH: usize = 100;

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

/// Whether `value` nests deeper than `limit` levels; looks no deeper than that.
pub fn deeper_than(value: &Value, limit: usize) -> bool {
    let mut children: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => return false,
    };
    limit == 0 || children.any(|child| deeper_than(child, limit - 1))
}

/// `value`, unless it nests deeper than [`MAX_DEPTH`]: a loop that wraps its input once more each time would
/// otherwise grow what nothing can read any more.
fn bounded(value: Value) -> Result<Value, QueryError> {
    if deeper_than(&value, MAX_DEPTH) {
        // Taken apart level by level: the drop of a very deep value is itself a recursion.
        discard(value);
        return Err(QueryError::runtime(format!("The result is nested deeper than {MAX_DEPTH} levels.")));
    }
    Ok(value)
}

/// Drops a value without recursion.
fn discard(value: Value) {
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(items) => pending.extend(items),
            Value::Object(fields) => pending.extend(fields.into_iter().map(|(_, value)| value)),
            _ => {}
        }
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
    }

    impl World {
        pub fn of(input: Value) -> Self {
            Self { input, context: serde_json::json!({"Execution": {"Name": "run"}}), variables: Map::new() }
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
            }
        }
    }
}
