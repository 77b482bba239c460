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
    /// `States.ReferencePathConflict` where the way leads through a value that has no such place.
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

    /// Whether each step finds its object or array, or nothing at all where an object can be made.
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
            // Parsing has let nothing else in.
            _ => None,
        })
    }
}

enum Key<'a> {
    Name(&'a str),
    Index(usize),
}
