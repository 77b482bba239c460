//! Evaluates the steps of a path.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::super::QueryError;
use super::super::limits::Allowance;
use super::syntax::{Step, Steps, render};

/// Why a path has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Miss {
    /// Nothing was found. The sentence is Jayway's.
    NotFound(String),
    /// The path ends with an index, and the array has no such item.
    NoItem(String),
    /// A limit was exceeded.
    TooMuch(QueryError),
}

type Walked = Result<(), Miss>;

/// Evaluates `path` on `model`. `document` is the value of `$` in filters. `root` is the name of the path's root in
/// messages, or `None` to skip building messages, which filters don't need.
pub(super) fn evaluate(
    path: &Steps,
    model: &Value,
    document: &Value,
    root: Option<&str>,
    allowance: &Allowance,
) -> Result<Value, Miss> {
    let mut walk = Walk { path: &path.steps, document, root, allowance, found: Vec::new(), past_end: false };
    let walked = walk.step(0, model, true);
    let mut found = std::mem::take(&mut walk.found);
    allowance.check().map_err(Miss::TooMuch)?;
    let copy = |found: Cow<Value>| match found {
        Cow::Borrowed(value) => allowance.copy(value).cloned().map_err(Miss::TooMuch),
        Cow::Owned(value) => Ok(value),
    };
    let value = if path.definite {
        walked?;
        let missing = || {
            let why = root.map(|root| format!("No results for path: {root}{}", render(&path.steps)));
            let why = why.unwrap_or_default();
            if walk.past_end && path.functions.is_empty() { Miss::NoItem(why) } else { Miss::NotFound(why) }
        };
        copy(found.pop().ok_or_else(missing)?)?
    } else {
        // An indefinite path without a match is an empty array, wherever the search ended.
        found.into_iter().map(copy).collect::<Result<_, _>>()?
    };
    path.functions.iter().try_fold(value, |value, function| function.apply(&value).map_err(Miss::NotFound))
}

struct Walk<'a, 'v> {
    path: &'a [Step],
    document: &'a Value,
    root: Option<&'a str>,
    allowance: &'a Allowance<'a>,
    found: Vec<Cow<'v, Value>>,
    /// Whether the last step was an index past the end of an array.
    past_end: bool,
}

impl<'v> Walk<'_, 'v> {
    /// Evaluates the step at `at` on `model`. Only if all previous steps were definite is a missing value an error;
    /// otherwise it is skipped.
    fn step(&mut self, at: usize, model: &'v Value, definite: bool) -> Walked {
        if !self.allowance.visit() {
            return Ok(());
        }
        let Some(step) = self.path.get(at) else {
            self.found.push(Cow::Borrowed(model));
            return Ok(());
        };
        match step {
            Step::Properties(names) => self.properties(at, names, model, definite),
            Step::Wildcard => match model {
                Value::Array(items) => items.iter().try_for_each(|item| self.step(at + 1, item, false)),
                Value::Object(fields) => fields.values().try_for_each(|field| self.step(at + 1, field, false)),
                _ => Ok(()),
            },
            Step::Indexes(indexes) => {
                let Some(items) = self.array(at, model, definite)? else { return Ok(()) };
                let definite = definite && indexes.len() == 1;
                indexes.iter().try_for_each(|&index| self.item(at, items, index, definite))
            }
            Step::Slice(from, to) => {
                let Some(items) = self.array(at, model, definite)? else { return Ok(()) };
                let length = items.len() as i64;
                let counted = |bound: i64| if bound < 0 { length + bound } else { bound };
                let (from, to) = match (*from, *to) {
                    (Some(from), None) => (counted(from).max(0), length),
                    (None, Some(to)) => (0, counted(to).min(length)),
                    // Clamp the bounds only here: each index in between counts separately, negative ones from the end.
                    (Some(from), Some(to)) => (from.max(-length), to.min(length)),
                    (None, None) => (0, length),
                };
                (from..to).try_for_each(|index| self.item(at, items, index, false))
            }
            Step::Filter(filter) => match model {
                Value::Array(items) => {
                    for item in items {
                        if filter.accepts(item, self.document, self.allowance) {
                            self.step(at + 1, item, false)?;
                        }
                    }
                    Ok(())
                }
                Value::Object(_) if filter.accepts(model, self.document, self.allowance) => {
                    self.step(at + 1, model, false)
                }
                Value::Object(_) => Ok(()),
                _ if definite => self.not_found(|_| {
                    let filter = render(&self.path[at..=at]);
                    format!("Filter: {filter} can not be applied to primitives. Current context is: {model}")
                }),
                _ => Ok(()),
            },
            Step::Scan => self.scan(at + 1, model),
        }
    }

    /// Evaluates the step at `at` on `model` and all its descendants, parents first.
    fn scan(&mut self, at: usize, model: &'v Value) -> Walked {
        let applies = match (&self.path[at], model) {
            (Step::Properties(names), Value::Object(fields)) => {
                names.len() > 1 || names.iter().all(|name| fields.contains_key(name))
            }
            (Step::Properties(_), _) => false,
            (Step::Indexes(_) | Step::Slice(..), model) => model.is_array(),
            // A filter sees each object. If it also took arrays, it would find their items twice.
            (Step::Filter(_), model) => model.is_object(),
            (_, model) => model.is_array() || model.is_object(),
        };
        if !self.allowance.visit() {
            return Ok(());
        }
        if applies {
            self.step(at, model, false)?;
        }
        match model {
            Value::Array(items) => items.iter().try_for_each(|item| self.scan(at, item)),
            Value::Object(fields) => fields.values().try_for_each(|field| self.scan(at, field)),
            _ => Ok(()),
        }
    }

    fn properties(&mut self, at: usize, names: &[String], model: &'v Value, definite: bool) -> Walked {
        let Value::Object(fields) = model else {
            return if definite {
                self.not_found(|root| {
                    format!(
                        "Expected to find an object with property {} in path {root}{} but found '{}'. This is not a \
                         json object according to the JsonProvider: \
                         'com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider'.",
                        render(&self.path[at..=at]),
                        render(&self.path[..at]),
                        jackson_class(model),
                    )
                })
            } else {
                Ok(())
            };
        };
        let last = at + 1 == self.path.len();
        match names {
            [name] => match fields.get(name) {
                Some(value) => self.step(at + 1, value, definite),
                // "No results for path" is reported at the end.
                None if last || !definite => Ok(()),
                None => self.not_found(|root| format!("Missing property in path {root}{}", render(&self.path[..=at]))),
            },
            _ if last => {
                let mut picked = Map::new();
                for (name, value) in names.iter().filter_map(|name| fields.get_key_value(name)) {
                    picked.insert(name.clone(), self.allowance.copy(value).map_err(Miss::TooMuch)?.clone());
                }
                self.found.push(Cow::Owned(Value::Object(picked)));
                Ok(())
            }
            _ => names.iter().filter_map(|name| fields.get(name)).try_for_each(|field| self.step(at + 1, field, false)),
        }
    }

    /// The items of `model`, if it is an array.
    fn array(&self, at: usize, model: &'v Value, definite: bool) -> Result<Option<&'v [Value]>, Miss> {
        match model {
            Value::Array(items) => Ok(Some(items)),
            _ if !definite => Ok(None),
            Value::Null => self.not_found(|root| format!("The path {root}{} is null", render(&self.path[..at]))),
            _ => self.not_found(|_| {
                let filter = render(&self.path[at..]);
                format!("Filter: {filter} can only be applied to arrays. Current context is: {model}")
            }),
        }
    }

    /// Continues from the array item at `index`, if it exists. Negative indexes count from the end.
    fn item(&mut self, at: usize, items: &'v [Value], index: i64, definite: bool) -> Walked {
        let index = if index < 0 { index.saturating_add(items.len() as i64) } else { index };
        match usize::try_from(index).ok().and_then(|index| items.get(index)) {
            Some(item) => self.step(at + 1, item, definite),
            None => {
                self.past_end = at + 1 == self.path.len();
                Ok(())
            }
        }
    }

    /// Fails because nothing was found. `why` receives the name of the path's root.
    fn not_found<T>(&self, why: impl FnOnce(&str) -> String) -> Result<T, Miss> {
        Err(Miss::NotFound(self.root.map(why).unwrap_or_default()))
    }
}

/// The class that AWS's JSON library has for a value that is not an object, as its messages show it.
fn jackson_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "com.fasterxml.jackson.databind.node.BooleanNode",
        Value::Number(number) if number.is_f64() => "com.fasterxml.jackson.databind.node.DoubleNode",
        Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_err()) => {
            "com.fasterxml.jackson.databind.node.LongNode"
        }
        Value::Number(_) => "com.fasterxml.jackson.databind.node.IntNode",
        Value::String(_) => "com.fasterxml.jackson.databind.node.TextNode",
        Value::Array(_) => "com.fasterxml.jackson.databind.node.ArrayNode",
        Value::Object(_) => "com.fasterxml.jackson.databind.node.ObjectNode",
    }
}
