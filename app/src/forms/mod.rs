//! Validation of forms: pure functions from typed text to domain types, or to the errors of all fields at once.

mod manual_valuation;
mod new_application;

use std::fmt::Display;

use serde::{Deserialize, Serialize};

pub use manual_valuation::{Intent, LATE_ANSWER_COMMENT, ManualValuationForm, Outcome};
pub use new_application::{DRAFT as NEW_APPLICATION, NewApplicationForm};

/// An error of one field. The message says what would be valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The `name` and `id` of the input.
    pub field: String,
    pub message: String,
}

/// A rejected form: its fields as typed, to be shown again, and its errors.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Draft<F> {
    pub typed: F,
    pub errors: Vec<FieldError>,
}

impl<F> Draft<F> {
    /// A form that nobody has sent yet.
    pub fn of(typed: F) -> Self {
        Self { typed, errors: Vec::new() }
    }

    pub fn error(&self, field: &str) -> Option<String> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.clone())
    }
}

/// Reads fields one by one and collects their errors in the order of the form.
#[derive(Debug, Default)]
struct Reader {
    errors: Vec<FieldError>,
}

impl Reader {
    /// Reads a required field. `missing` is the error if it is blank.
    fn required<T, E: Display>(
        &mut self,
        field: &str,
        typed: &str,
        missing: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match typed.trim() {
            "" => self.wrong(field, missing),
            text => read(text).map_err(|error| self.wrong::<T>(field, error)).ok(),
        }
    }

    /// Reads a field that may be blank.
    fn optional<T, E: Display>(
        &mut self,
        field: &str,
        typed: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match typed.trim() {
            "" => None,
            text => read(text).map_err(|error| self.wrong::<T>(field, error)).ok(),
        }
    }

    fn wrong<T>(&mut self, field: &str, message: impl Display) -> Option<T> {
        self.errors.push(FieldError { field: field.to_owned(), message: sentence(&message.to_string()) });
        None
    }
}

/// Puts the label of the field before messages that several fields share, so that the links of the error summary differ.
fn tell_apart(errors: &mut [FieldError], label: impl Fn(&str) -> &'static str) {
    let messages: Vec<String> = errors.iter().map(|error| error.message.clone()).collect();
    for error in errors {
        if messages.iter().filter(|message| **message == error.message).count() > 1 {
            error.message = format!("{}: {}", label(&error.field), uncapitalized(&error.message));
        }
    }
}

fn uncapitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Capitalizes an error message for a page. The messages themselves start in lower case, as is usual in Rust.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Accepts text of at most `limit` characters.
fn short_text(limit: usize) -> impl FnOnce(&str) -> Result<String, String> {
    move |text| match text.chars().count() {
        length if length > limit => Err(format!("use {limit} characters or fewer; this has {length}")),
        _ => Ok(text.to_owned()),
    }
}
