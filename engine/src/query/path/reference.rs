//! Reference paths: those that name one place, such as ResultPath's.

use serde_json::{Map, Value};

use super::super::{MAX_DEPTH, QueryError, Scope, bounded};
use super::syntax::Step;
use super::{Path, PathError};

/// A path of names and indexes only: `$.a.b[0]`. It can be read, and written to.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferencePath(Path);

impl ReferencePath {
    /// Parses a reference path.
    ///
    /// # Errors
    /// Where the text is no path, can mean several places, or leads deeper than values may nest.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let path = Path::parse(text)?;
        let error = |reason: &str| PathError { path: path.source.clone(), reason: reason.to_owned() };
        let one = |step: &Step| match step {
            Step::Properties(names) => names.len() == 1,
            Step::Indexes(indexes) => matches!(indexes[..], [index] if index >= 0),
            _ => false,
        };
        if !path.steps.functions.is_empty() || !path.steps.steps.iter().all(one) {
            return Err(error("a Reference Path must name a single place: only names and indexes may stand in it"));
        }
        if path.steps.steps.len() > MAX_DEPTH {
            return Err(error("it leads deeper than values may nest"));
        }
        Ok(Self(path))
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// The path, to read from.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The value it means; see [`Path::get`].
    pub fn get(&self, scope: &Scope) -> Result<Value, QueryError> {
        self.0.get(scope)
    }

    /// `into` with `value` at this place; objects on the way are made where there are none.
    ///
    /// # Errors
    /// `States.ResultPathMatchFailure` where the way leads through a value that has no such place.
    pub fn put(&self, into: Value, value: Value) -> Result<Value, QueryError> {
        let mut into = into;
        let mut place = &mut into;
        for step in &self.0.steps.steps {
            place = match step {
                Step::Properties(names) => {
                    // An empty path step is never parsed, so there is a first name.
                    let name = names.first().map(String::as_str).unwrap_or_default();
                    if place.is_null() {
                        *place = Value::Object(Map::new());
                    }
                    match place {
                        Value::Object(fields) => fields.entry(name).or_insert(Value::Null),
                        _ => return Err(self.mismatch()),
                    }
                }
                Step::Indexes(indexes) => {
                    let index = indexes.first().copied().and_then(|index| usize::try_from(index).ok());
                    match (place, index) {
                        (Value::Array(items), Some(index)) if index < items.len() => &mut items[index],
                        _ => return Err(self.mismatch()),
                    }
                }
                // Parsing has let nothing else in.
                _ => return Err(self.mismatch()),
            };
        }
        *place = value;
        bounded(into)
    }

    fn mismatch(&self) -> QueryError {
        QueryError {
            error: "States.ResultPathMatchFailure",
            cause: format!("Unable to apply Reference Path {} to input", self.source()),
            location: None,
        }
    }
}
