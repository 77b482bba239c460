//! Reference paths, which refer to a single value. ResultPath is one.

use serde_json::{Map, Value};

use super::super::{MAX_DEPTH, QueryError, bounded};
use super::syntax::Step;
use super::{Path, PathError};

/// A path that consists of names and indexes, for example `$.a.b[0]`. Values can be read and inserted at it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferencePath(Path);

impl ReferencePath {
    /// Parses a reference path.
    ///
    /// # Errors
    /// When the text is not a path, can match several values, or is deeper than values may be nested.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let path = Path::parse(text)?;
        let error = |reason: &str| PathError { path: path.source.clone(), reason: reason.to_owned() };
        let one = |step: &Step| match step {
            Step::Properties(names) => names.len() == 1,
            Step::Indexes(indexes) => matches!(indexes[..], [index] if index >= 0),
            _ => false,
        };
        if !path.steps.functions.is_empty() || !path.steps.steps.iter().all(one) {
            return Err(error("a Reference Path must name a single place: it can only contain names and indexes"));
        }
        if path.steps.steps.len() > MAX_DEPTH {
            return Err(error("it is deeper than values can be nested"));
        }
        Ok(Self(path))
    }

    /// The text that the path was parsed from.
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// The path for reading.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Inserts `value` into `into` at this path, and creates missing objects on the way.
    ///
    /// # Errors
    /// `States.ReferencePathConflict` if a value on the way can't have the next step.
    pub fn put(&self, mut into: Value, value: Value) -> Result<Value, QueryError> {
        if !self.fits(&into) {
            return Err(QueryError {
                error: "States.ReferencePathConflict",
                cause: format!("Unable to apply ReferencePath {} to input {into}", self.source()),
                location: None,
            });
        }
        let mut place = &mut into;
        for key in self.keys() {
            place = match key {
                Key::Name(name) => {
                    if !place.is_object() {
                        *place = Value::Object(Map::new());
                    }
                    &mut place[name]
                }
                Key::Index(index) => &mut place[index],
            };
        }
        *place = value;
        bounded(into)
    }

    /// Whether each step finds its object or array, or nothing where an object can be created.
    fn fits(&self, into: &Value) -> bool {
        let nothing = Value::Null;
        let mut place = into;
        for key in self.keys() {
            place = match (key, place) {
                (Key::Name(name), Value::Object(fields)) => fields.get(name).unwrap_or(&nothing),
                (Key::Name(_), Value::Null) => &nothing,
                (Key::Index(index), Value::Array(items)) if index < items.len() => &items[index],
                _ => return false,
            };
        }
        true
    }

    fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        self.0.steps.steps.iter().filter_map(|step| match step {
            Step::Properties(names) => names.first().map(|name| Key::Name(name)),
            Step::Indexes(indexes) => usize::try_from(*indexes.first()?).ok().map(Key::Index),
            // Parsing excludes all other steps.
            _ => None,
        })
    }
}

enum Key<'a> {
    Name(&'a str),
    Index(usize),
}
