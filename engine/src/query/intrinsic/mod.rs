//! Intrinsic functions: `States.Format('Hello, {}', $.name)`.

mod arguments;
mod functions;
mod syntax;

use serde_json::Value;

pub use syntax::CallError;

use super::path::{Miss, Path};
use super::{Allowance, QueryError, Scope, bounded};
use arguments::Arguments;
use functions::Function;
pub(super) use functions::{JavaRandom, hash, range};

/// A call of an intrinsic function, with its arguments parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    source: String,
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone, PartialEq)]
enum Argument {
    /// A string without its quotes but with its escapes, which `States.Format` interprets differently from other
    /// functions.
    Text(String),
    /// A number, `true`, `false` or `null`.
    Literal(Value),
    Path(Path),
    Call(Call),
}

impl Call {
    /// Parses a call.
    ///
    /// # Errors
    /// When the text is not a call of a known function with the right number of arguments.
    pub fn parse(text: &str) -> Result<Self, CallError> {
        syntax::parse(text)
    }

    /// Whether `text` looks like a call, valid or not.
    pub fn looks_like(text: &str) -> bool {
        text.trim_start().starts_with("States.")
    }

    /// The text that the call was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Calls the function.
    ///
    /// # Errors
    /// Always `States.Runtime`: AWS reserves `States.IntrinsicFailure` for future use. The cause contains the call as
    /// it is written in the definition.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, QueryError> {
        self.evaluate_within(scope, &Allowance::within(scope.budget))
    }

    pub(super) fn evaluate_within(&self, scope: &Scope, allowance: &Allowance) -> Result<Value, QueryError> {
        self.call(scope, &self.source, allowance).and_then(bounded)
    }

    /// `whole` is the outermost call, which messages show.
    fn call(&self, scope: &Scope, whole: &str, allowance: &Allowance) -> Result<Value, QueryError> {
        let fail = |why: String| QueryError::runtime(format!("The function '{whole}' had the following error: {why}"));
        let mut values = Vec::with_capacity(self.arguments.len());
        for (at, argument) in self.arguments.iter().enumerate() {
            values.push(match argument {
                Argument::Text(text) if at == 0 && self.function == Function::Format => Value::String(text.clone()),
                Argument::Text(text) => Value::String(syntax::unescape(text)),
                Argument::Literal(value) => value.clone(),
                Argument::Path(path) => path.find(scope, allowance).map_err(|miss| match miss {
                    Miss::TooMuch(error) => error,
                    Miss::NotFound(_) | Miss::NoItem(_) => fail(format!(
                        "The JsonPath argument for the field '{}' could not be found in the input '{}'",
                        path.source(),
                        scope.input
                    )),
                })?,
                Argument::Call(call) => call.call(scope, whole, allowance)?,
            });
        }
        self.function.apply(Arguments::new(values)).map_err(fail)
    }
}

#[cfg(test)]
mod tests;
