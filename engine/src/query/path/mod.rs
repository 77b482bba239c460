//! JSONPath as AWS evaluates it, which is as the Java library Jayway does, and reference paths.

mod evaluate;
mod filter;
mod function;
mod reference;
mod syntax;

use serde_json::Value;

pub use reference::ReferencePath;
pub use syntax::PathError;
pub(super) use syntax::shortened;

use super::{Allowance, QueryError, Scope};
pub(super) use evaluate::Miss;
use syntax::{MAX_LENGTH, Reader, Steps};

/// AWS's maximum length of a variable name, in characters.
pub const MAX_VARIABLE_NAME: usize = 80;

/// A path, for example `$.a.b`, `$$.Execution.Id` or `$variable[0]`.
///
/// A path that can match several values (with wildcards, slices, filters or `..`) evaluates to the array of its
/// matches, which can be empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    source: String,
    root: Root,
    steps: Steps,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    Input,
    Context,
    Variable(String),
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// When the text is not a path. `reason` says why and where.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let source = text.trim();
        let mut reader = Reader::new(source);
        if source.len() > MAX_LENGTH {
            return Err(reader.error(format_args!("the path is longer than {MAX_LENGTH} bytes")));
        }
        reader.expect("$")?;
        let root = if reader.take("$") {
            Root::Context
        } else {
            match reader.take_while(|c| c.is_alphanumeric() || c == '_') {
                "" => Root::Input,
                name if name.chars().count() > MAX_VARIABLE_NAME => {
                    return Err(reader
                        .error(format_args!("the name of the variable has more than {MAX_VARIABLE_NAME} characters")));
                }
                name if name.starts_with(|c: char| c.is_numeric()) => {
                    return Err(reader.error("the name of a variable can't begin with a digit"));
                }
                name => Root::Variable(name.to_owned()),
            }
        };
        let steps = reader.steps(false)?;
        if !reader.at_end() {
            return Err(reader.error("the path does not end here"));
        }
        Ok(Self { source: source.to_owned(), root, steps })
    }

    /// The text that the path was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variable that the path begins with, if it begins with one.
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            Root::Input | Root::Context => None,
        }
    }

    /// Whether the path begins with the context object.
    pub fn is_context(&self) -> bool {
        self.root == Root::Context
    }

    /// Whether the path evaluates to a single value rather than to an array of its matches.
    pub fn is_definite(&self) -> bool {
        self.steps.is_definite()
    }

    /// Evaluates the path.
    ///
    /// # Errors
    /// `States.Runtime` with "Invalid path '$.a' : No results for path: $['a']", which is the text for InputPath,
    /// OutputPath and similar fields.
    pub fn get(&self, scope: &Scope) -> Result<Value, QueryError> {
        self.find(scope, &Allowance::within(scope.budget)).map_err(|miss| match miss {
            Miss::NotFound(why) | Miss::NoItem(why) => {
                QueryError::runtime(format!("Invalid path '{}' : {why}", self.source))
            }
            Miss::TooMuch(error) => error,
        })
    }

    /// Evaluates the path for fields that require a reference path, such as ItemsPath and SecondsPath.
    ///
    /// # Errors
    /// `States.ReferencePathConflict` with AWS's "Unable to apply step" if a step has no match. Otherwise as for
    /// [`Self::get`].
    pub fn get_by_reference(&self, scope: &Scope) -> Result<Value, QueryError> {
        self.get(scope).map_err(|error| {
            let document = match &self.root {
                Root::Input => scope.input,
                Root::Context => scope.context,
                Root::Variable(_) => return error,
            };
            match self.steps.first_missing(document) {
                None => error,
                Some(step) => QueryError {
                    error: "States.ReferencePathConflict",
                    cause: format!("Unable to apply step \"{step}\" to input {document}"),
                    location: None,
                },
            }
        })
    }

    /// Whether the path has a value, which can be null. Returns `false` if the search exceeds a limit.
    pub fn is_present(&self, scope: &Scope) -> bool {
        self.is_found(scope).unwrap_or(false)
    }

    /// Whether the path has a value, which can be null.
    ///
    /// # Errors
    /// When the search exceeds a limit.
    pub(super) fn is_found(&self, scope: &Scope) -> Result<bool, QueryError> {
        match self.find(scope, &Allowance::within(scope.budget)) {
            Ok(Value::Array(found)) if !self.is_definite() => Ok(!found.is_empty()),
            Ok(_) => Ok(true),
            Err(Miss::NotFound(_) | Miss::NoItem(_)) => Ok(false),
            Err(Miss::TooMuch(error)) => Err(error),
        }
    }

    /// Evaluates the path within an allowance. The caller words the error for a missing value.
    pub(super) fn find(&self, scope: &Scope, allowance: &Allowance) -> Result<Value, Miss> {
        let document = match &self.root {
            Root::Input => scope.input,
            Root::Context => scope.context,
            Root::Variable(name) => match scope.variables.get(name) {
                Some(value) => value,
                None => return Err(Miss::NotFound(format!("The variable '{name}' is not defined"))),
            },
        };
        evaluate::evaluate(&self.steps, document, document, Some("$"), allowance)
    }
}

#[cfg(test)]
mod tests;
