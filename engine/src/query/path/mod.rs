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

/// The longest variable name AWS takes, in characters.
pub const MAX_VARIABLE_NAME: usize = 80;

/// A path: `$.a.b`, `$$.Execution.Id` or `$variable[0]`.
///
/// Where it can mean more than one value (wildcards, slices, filters, `..`), it means the list of what it finds, which
/// may be empty.
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
    /// Where the text is no path; `reason` says what and where.
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
                    return Err(reader.error(format_args!("the variable's name is over {MAX_VARIABLE_NAME} long")));
                }
                name if name.starts_with(|c: char| c.is_numeric()) => {
                    return Err(reader.error("a variable's name does not start with a digit"));
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

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variable it begins at, if it does at one.
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            Root::Input | Root::Context => None,
        }
    }

    /// Whether it begins at the context object.
    pub fn is_context(&self) -> bool {
        self.root == Root::Context
    }

    /// Whether it means one value at most, and not a list of all it finds.
    pub fn is_definite(&self) -> bool {
        self.steps.is_definite()
    }

    /// The value it means.
    ///
    /// # Errors
    /// `States.Runtime` with "Invalid path '$.a' : No results for path: $['a']", the text of InputPath, OutputPath and
    /// their like.
    pub fn get(&self, scope: &Scope) -> Result<Value, QueryError> {
        self.find(scope, &Allowance::within(scope.budget)).map_err(|miss| match miss {
            Miss::NotFound(why) | Miss::NoItem(why) => {
                QueryError::runtime(format!("Invalid path '{}' : {why}", self.source))
            }
            Miss::TooMuch(error) => error,
        })
    }

    /// The value it means, for the fields that take a reference path: ItemsPath, SecondsPath and their like.
    ///
    /// # Errors
    /// `States.ReferencePathConflict` with AWS's "Unable to apply step" where a step finds nothing; otherwise those of
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

    /// Whether there is a value, be it null; not where looking for it is too much.
    pub fn is_present(&self, scope: &Scope) -> bool {
        self.is_found(scope).unwrap_or(false)
    }

    /// Whether there is a value, be it null.
    ///
    /// # Errors
    /// Where looking for it is too much.
    pub(super) fn is_found(&self, scope: &Scope) -> Result<bool, QueryError> {
        match self.find(scope, &Allowance::within(scope.budget)) {
            Ok(Value::Array(found)) if !self.is_definite() => Ok(!found.is_empty()),
            Ok(_) => Ok(true),
            Err(Miss::NotFound(_) | Miss::NoItem(_)) => Ok(false),
            Err(Miss::TooMuch(error)) => Err(error),
        }
    }

    /// The value it means, within an allowance; the caller has words of its own for what is not there.
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
