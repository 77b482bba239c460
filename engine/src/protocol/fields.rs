//! The members of a request, checked against the constraints of AWS's service model before anything else happens.

use std::{fmt::Display, ops::RangeInclusive};

use serde_json::{Map, Value};

use super::Fault;

/// A request's members. Each is read with its constraints. Violations are collected, and [`Fields::check`] reports all of
/// them at once, as AWS does.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    violations: Vec<String>,
}

/// A string's constraint.
#[derive(Debug, Clone)]
pub struct Text {
    length: RangeInclusive<usize>,
    /// Its value is not repeated in an error.
    secret: bool,
}

impl Text {
    pub const fn length(length: RangeInclusive<usize>) -> Self {
        Self { length, secret: false }
    }

    pub const fn secret(length: RangeInclusive<usize>) -> Self {
        Self { length, secret: true }
    }
}

pub const ARN: Text = Text::length(1..=256);
pub const LONG_ARN: Text = Text::length(1..=2000);
pub const NAME: Text = Text::length(1..=80);
pub const DEFINITION: Text = Text::secret(1..=1_048_576);
pub const DATA: Text = Text::secret(0..=262_144);
pub const TASK_TOKEN: Text = Text::secret(1..=2048);
pub const ERROR: Text = Text::secret(0..=256);
pub const CAUSE: Text = Text::secret(0..=32_768);
pub const DESCRIPTION: Text = Text::secret(0..=256);

impl Fields {
    pub fn parse(body: &[u8]) -> Result<Self, Fault> {
        // An empty body is an empty request: some clients send nothing for operations without members.
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::of(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self::of(members)),
            Ok(_) => Err(Fault::Serialization("The request's body must be a JSON object".into())),
            Err(error) => Err(Fault::Serialization(format!("The request's body is not JSON: {error}"))),
        }
    }

    pub fn of(members: Map<String, Value>) -> Self {
        Self { members, violations: Vec::new() }
    }

    /// Removes and returns a member. `null` counts as absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.get_mut(name).map(Value::take).filter(|value| !value.is_null())
    }

    fn violated(&mut self, value: Option<&dyn Display>, name: &str, constraint: impl Display) {
        let value = value.map_or_else(|| "Value".to_owned(), |value| format!("Value '{value}'"));
        self.violations.push(format!("{value} at '{name}' failed to satisfy constraint: {constraint}"));
    }

    fn missing(&mut self, name: &str) {
        self.violations.push(format!("Value null at '{name}' failed to satisfy constraint: Member must not be null"));
    }

    pub fn optional_text(&mut self, name: &str, text: Text) -> Result<Option<String>, Fault> {
        let value = match self.take(name) {
            None => return Ok(None),
            Some(Value::String(value)) => value,
            Some(other) => return Err(wrong_type(name, "a string", &other)),
        };
        // AWS counts UTF-16 units, but for one of its limits that differs only beyond what the byte count allows.
        let length = if value.len() <= *text.length.end() { value.len() } else { value.encode_utf16().count() };
        let shown: Option<&dyn Display> = if text.secret { None } else { Some(&value) };
        if value.is_empty() && *text.length.start() > 0 {
            self.violated(
                shown,
                name,
                format_args!("Member must have length greater than or equal to {}", text.length.start()),
            );
        } else if length > *text.length.end() {
            self.violated(
                shown,
                name,
                format_args!("Member must have length less than or equal to {}", text.length.end()),
            );
        }
        Ok(Some(value))
    }

    /// A required string. Returns an empty one if it is missing, which [`Fields::check`] then refuses.
    pub fn text(&mut self, name: &str, text: Text) -> Result<String, Fault> {
        let value = self.optional_text(name, text)?;
        if value.is_none() {
            self.missing(name);
        }
        Ok(value.unwrap_or_default())
    }

    pub fn optional_bool(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(wrong_type(name, "a boolean", &other)),
        }
    }

    pub fn optional_int(&mut self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Fault> {
        let value = match self.take(name) {
            None => return Ok(None),
            Some(value) => value.as_i64().ok_or_else(|| wrong_type(name, "an integer", &value))?,
        };
        if value < *range.start() {
            self.violated(
                Some(&value),
                name,
                format_args!("Member must have value greater than or equal to {}", range.start()),
            );
        } else if value > *range.end() {
            self.violated(
                Some(&value),
                name,
                format_args!("Member must have value less than or equal to {}", range.end()),
            );
        }
        Ok(Some(value))
    }

    pub fn optional_number(&mut self, name: &str, least: f64, most: f64) -> Result<Option<f64>, Fault> {
        let value = match self.take(name) {
            None => return Ok(None),
            Some(value) => value.as_f64().ok_or_else(|| wrong_type(name, "a number", &value))?,
        };
        if value < least {
            self.violated(Some(&value), name, format_args!("Member must have value greater than or equal to {least}"));
        } else if value > most {
            self.violated(Some(&value), name, format_args!("Member must have value less than or equal to {most}"));
        }
        Ok(Some(value))
    }

    /// A value of an enum.
    pub fn optional_word(&mut self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Fault> {
        let Some(value) = self.optional_text(name, Text::length(0..=usize::MAX))? else { return Ok(None) };
        let known = words.iter().find(|word| **word == value).copied();
        if known.is_none() {
            self.violated(
                Some(&value),
                name,
                format_args!("Member must satisfy enum value set: [{}]", words.join(", ")),
            );
        }
        Ok(known)
    }

    pub fn optional_list(&mut self, name: &str) -> Result<Option<Vec<Value>>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(wrong_type(name, "a list", &other)),
        }
    }

    pub fn list(&mut self, name: &str) -> Result<Vec<Value>, Fault> {
        let items = self.optional_list(name)?;
        if items.is_none() {
            self.missing(name);
        }
        Ok(items.unwrap_or_default())
    }

    pub fn optional_object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(other) => Err(wrong_type(name, "an object", &other)),
        }
    }

    /// Adds a violation that the caller found in a nested member.
    pub fn refuse(&mut self, value: &dyn Display, name: &str, constraint: impl Display) {
        self.violated(Some(value), name, constraint);
    }

    /// Refuses the request if any constraint was violated.
    pub fn check(&mut self) -> Result<(), Fault> {
        let many = match self.violations.len() {
            0 => return Ok(()),
            1 => "1 validation error".to_owned(),
            many => format!("{many} validation errors"),
        };
        Err(Fault::Validation(format!("{many} detected: {}", self.violations.join("; "))))
    }
}

fn wrong_type(name: &str, wanted: &str, got: &Value) -> Fault {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Fault::Serialization(format!("'{name}' must be {wanted}, not {got}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str, read: impl Fn(&mut Fields) -> Result<(), Fault>) -> String {
        let mut fields = Fields::parse(body.as_bytes()).unwrap();
        read(&mut fields).unwrap();
        fields.check().unwrap_err().to_string()
    }

    #[test]
    fn a_missing_member_is_named() {
        assert_eq!(
            refusal("{}", |f| f.text("name", NAME).map(drop)),
            "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
        );
    }

    #[test]
    fn all_violations_are_reported_at_once() {
        assert_eq!(
            refusal(r#"{"name": "", "maxResults": 1001}"#, |f| {
                f.text("name", NAME)?;
                f.optional_int("maxResults", 0..=1000).map(drop)
            }),
            "2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length \
             greater than or equal to 1; Value '1001' at 'maxResults' failed to satisfy constraint: Member must have \
             value less than or equal to 1000"
        );
    }

    #[test]
    fn a_secret_is_not_repeated_in_an_error() {
        let long = format!(r#"{{"taskToken": "{}"}}"#, "x".repeat(2049));
        assert_eq!(
            refusal(&long, |f| f.text("taskToken", TASK_TOKEN).map(drop)),
            "1 validation error detected: Value at 'taskToken' failed to satisfy constraint: Member must have length \
             less than or equal to 2048"
        );
    }

    #[test]
    fn an_unknown_enum_value_is_refused_with_the_list_of_values() {
        assert_eq!(
            refusal(r#"{"type": "FAST"}"#, |f| f.optional_word("type", &["STANDARD", "EXPRESS"]).map(drop)),
            "1 validation error detected: Value 'FAST' at 'type' failed to satisfy constraint: Member must satisfy \
             enum value set: [STANDARD, EXPRESS]"
        );
    }

    #[test]
    fn a_member_of_the_wrong_type_is_a_serialization_fault() {
        let mut fields = Fields::parse(br#"{"name": 7}"#).unwrap();
        let fault = fields.text("name", NAME).unwrap_err();
        assert_eq!(fault.code(), "SerializationException");
        assert_eq!(fault.to_string(), "'name' must be a string, not a number");
    }
}
