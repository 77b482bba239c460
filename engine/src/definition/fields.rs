//! Reads a JSON object field by field. Fields that nothing has read are reported as unsupported.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::{
    QueryLanguage,
    diagnostics::{Code, Diagnostic, Diagnostics},
};
use crate::query::jsonata::{ExpressionError, Refusal};

/// Collects the problems of a definition.
#[derive(Debug, Default)]
pub(super) struct Problems {
    all: RefCell<Vec<Diagnostic>>,
    /// The first field of the current state that was omitted because it can't be read.
    unreadable: RefCell<Option<String>>,
}

impl Problems {
    pub fn report(&self, code: Code, message: impl Into<String>, location: impl Into<String>) {
        let mut problems = self.all.borrow_mut();
        if problems.len() < Diagnostics::MAX {
            problems.push(Diagnostic { code, message: message.into(), location: location.into() });
        }
    }

    /// Records that the current state can't be used, because a part of it was omitted.
    fn leave_out(&self, what: impl FnOnce() -> String) {
        self.unreadable.borrow_mut().get_or_insert_with(what);
    }

    /// Returns what was omitted since the last call, if anything, and replaces it with `before`.
    pub fn take_left_out(&self, before: Option<String>) -> Option<String> {
        self.unreadable.replace(before)
    }

    pub fn into_inner(self) -> Vec<Diagnostic> {
        self.all.into_inner()
    }
}

/// A JSON object of the definition, which records the fields that have been read.
pub(super) struct Fields<'d> {
    object: &'d Map<String, Value>,
    location: String,
    known: Vec<&'static str>,
    problems: &'d Problems,
    /// Whether this is a Catcher, which can read the error output.
    catches: bool,
}

impl<'d> Fields<'d> {
    /// Returns `None` and reports a problem if the value is not an object.
    pub fn of(value: &'d Value, location: String, problems: &'d Problems) -> Option<Self> {
        if let Value::Object(object) = value {
            Some(Self { object, location, known: Vec::new(), problems, catches: false })
        } else {
            problems.report(Code::SchemaValidationFailed, "Expected value of type Object", location);
            None
        }
    }

    pub fn of_catcher(self) -> Self {
        Self { catches: true, ..self }
    }

    pub fn location(&self) -> &str {
        &self.location
    }

    pub fn location_of(&self, field: &str) -> String {
        format!("{}/{field}", self.location)
    }

    pub fn problems(&self) -> &'d Problems {
        self.problems
    }

    /// Reports a problem with a field.
    pub fn wrong(&self, field: &str, message: impl Into<String>) {
        self.problems.report(Code::SchemaValidationFailed, message, self.location_of(field));
    }

    /// Reports a field whose query can't be parsed.
    pub fn unreadable(&self, field: &str, message: impl Into<String>) {
        let message = message.into();
        self.problems.leave_out(|| format!("{}: {message}", self.location_of(field)));
        self.wrong(field, message);
    }

    /// Reports a problem with a JSONata expression in a field.
    pub fn wrong_expression(&self, field: &str, error: &ExpressionError) {
        let code = match error.kind {
            Refusal::Invalid => Code::InvalidJsonataExpression,
            Refusal::Unsupported => Code::UnsupportedJsonataExpression,
        };
        self.problems.leave_out(|| format!("{}: {}", self.location_of(field), error.reason));
        self.problems.report(code, error.reason.as_str(), self.location_of(field) + &error.place);
    }

    /// Reports a field that reads `$states.errorOutput` where that is not available.
    pub fn refuse_error_output(&self, field: &str, place: &str) {
        if !self.catches {
            let message = "Field '$states.errorOutput' does not exist.";
            self.problems.report(Code::UnsupportedJsonataExpression, message, self.location_of(field) + place);
        }
    }

    /// Reports a problem with the whole object.
    pub fn wrong_here(&self, message: impl Into<String>) {
        let location = if self.location.is_empty() { "/" } else { &self.location };
        self.problems.report(Code::SchemaValidationFailed, message, location);
    }

    /// Reports that the whole object can't be read.
    pub fn unreadable_here(&self, message: impl Into<String>) {
        let message = message.into();
        self.problems.leave_out(|| format!("{}: {message}", self.location));
        self.wrong_here(message);
    }

    pub fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    pub fn get(&mut self, field: &'static str) -> Option<&'d Value> {
        self.known.push(field);
        self.object.get(field)
    }

    pub fn require(&mut self, field: &'static str) -> Option<&'d Value> {
        let value = self.get(field);
        if value.is_none() {
            self.wrong_here(format!("These fields are required: [{field}]"));
        }
        value
    }

    pub fn text(&mut self, field: &'static str) -> Option<&'d str> {
        let value = self.get(field)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong(field, "Expected value of type String");
        }
        text
    }

    pub fn require_text(&mut self, field: &'static str) -> Option<&'d str> {
        self.require(field)?;
        self.text(field)
    }

    pub fn list(&mut self, field: &'static str) -> Option<&'d [Value]> {
        match self.get(field)? {
            Value::Array(items) => Some(items),
            _ => {
                self.wrong(field, "Expected value of type Array");
                None
            }
        }
    }

    pub fn boolean(&mut self, field: &'static str) -> Option<bool> {
        let value = self.get(field)?;
        let boolean = value.as_bool();
        if boolean.is_none() {
            self.wrong(field, "Expected value of type Boolean");
        }
        boolean
    }

    /// An integer. A value outside `least..=most` is reported, and returned nevertheless.
    pub fn integer(&mut self, field: &'static str, least: i64, most: i64) -> Option<i64> {
        let number = self.get(field)?;
        let whole = number.as_i64().or_else(|| {
            // 5.0 is also an integer.
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15)?;
            #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is small enough")]
            Some(float as i64)
        });
        match whole {
            None => self.wrong(field, "Expected value of type Integer"),
            Some(value) if value < least => {
                self.wrong(field, format!("Expected value to be greater than or equal to {least}"));
            }
            Some(value) if value > most => {
                self.wrong(field, format!("Expected value to be less than or equal to {most}"));
            }
            Some(_) => {}
        }
        whole
    }

    pub fn number(&mut self, field: &'static str) -> Option<f64> {
        let value = self.get(field)?;
        let number = value.as_f64();
        if number.is_none() {
            self.wrong(field, "Expected value of type Number");
        }
        number
    }

    /// Reports a problem if both fields are set.
    pub fn exclusive(&self, first: &str, second: &str) {
        if self.has(first) && self.has(second) {
            self.wrong_here(format!("The fields [{first}, {second}] can't both be set"));
        }
    }

    /// Reports the fields that have not been read.
    pub fn finish(self) {
        for field in self.unknown() {
            self.wrong_here(format!("Field '{field}' is not supported"));
        }
    }

    /// Like [`Self::finish`], but reports a field of the other query language as such.
    pub fn finish_in(self, language: QueryLanguage) {
        for field in self.unknown() {
            self.wrong_here(match language.of_other(field) {
                Some(other) => format!(
                    "The QueryLanguage is set to '{language}', but field '{field}' is only supported for the '{other}' \
                     QueryLanguage"
                ),
                None => format!("Field '{field}' is not supported"),
            });
        }
    }

    fn unknown(&self) -> impl Iterator<Item = &'d str> {
        // Any object can have a comment.
        let is_known = |field: &str| field == "Comment" || self.known.contains(&field);
        self.object.keys().map(String::as_str).filter(move |field| !is_known(field))
    }
}
