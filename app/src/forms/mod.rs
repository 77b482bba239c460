//! What people type, read into the words of the business. Pure: a form goes in, and out comes either what it means or
//! what is wrong with it, every field at once.

mod manual_valuation;
mod new_application;
mod suggested_reference;

use std::fmt::Display;

use serde::{Deserialize, Serialize};

pub use manual_valuation::{ManualValuationForm, Outcome};
pub use new_application::NewApplicationForm;
pub use suggested_reference::suggest_reference;

/// What is wrong with one field, in a sentence that says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The `name` and `id` of the input.
    pub field: String,
    pub message: String,
}

/// A form that was sent but not accepted: what was typed, to be shown again, and why.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Draft<F> {
    pub typed: F,
    pub errors: Vec<FieldError>,
}

impl<F> Draft<F> {
    pub fn error(&self, field: &str) -> Option<String> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.clone())
    }
}

/// Reads fields one by one and collects what is wrong, in the order of the form.
#[derive(Debug, Default)]
struct Reader {
    errors: Vec<FieldError>,
}

impl Reader {
    /// A field that must be there; `missing` is said when it is blank.
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

    /// A field that may be blank.
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

/// Errors begin in lower case, as Rust's do; on a page they begin with a capital.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Text of at most `limit` characters.
fn short_text(limit: usize) -> impl FnOnce(&str) -> Result<String, String> {
    move |text| match text.chars().count() {
        length if length > limit => Err(format!("use {limit} characters or fewer; this has {length}")),
        _ => Ok(text.to_owned()),
    }
}
