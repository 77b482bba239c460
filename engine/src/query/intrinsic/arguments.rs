//! The arguments of a function, converted to the types that it requires.

use serde_json::Value;

/// The maximum length of a string that is encoded, decoded or hashed, in characters.
pub(super) const MAX_TEXT: usize = 10_000;

pub(super) struct Arguments {
    values: std::vec::IntoIter<Value>,
    /// The position of the next argument, from 1.
    position: usize,
}

impl Arguments {
    pub fn new(values: Vec<Value>) -> Self {
        Self { values: values.into_iter(), position: 0 }
    }

    /// The next argument. The number of arguments is checked during parsing.
    pub fn value(&mut self) -> Value {
        self.position += 1;
        self.values.next().unwrap_or(Value::Null)
    }

    /// Whether there are no more arguments.
    pub fn is_empty(&self) -> bool {
        self.values.len() == 0
    }

    pub fn rest(self) -> impl ExactSizeIterator<Item = Value> {
        self.values
    }

    fn wrong(&self, expected: &str, value: &Value) -> String {
        let _ = value;
        format!("Invalid argument type at position {}: expected {expected}", self.position)
    }

    pub fn array(&mut self) -> Result<Vec<Value>, String> {
        match self.value() {
            Value::Array(items) => Ok(items),
            other => Err(self.wrong("an array", &other)),
        }
    }

    pub fn object(&mut self) -> Result<serde_json::Map<String, Value>, String> {
        match self.value() {
            Value::Object(fields) => Ok(fields),
            other => Err(self.wrong("an object", &other)),
        }
    }

    pub fn text(&mut self) -> Result<String, String> {
        match self.value() {
            Value::String(text) => Ok(text),
            other => Err(self.wrong("a string", &other)),
        }
    }

    /// A string of at most [`MAX_TEXT`] characters.
    pub fn short_text(&mut self) -> Result<String, String> {
        let text = self.text()?;
        if text.chars().count() > MAX_TEXT {
            return Err(format!("The length of the string is over {MAX_TEXT} characters"));
        }
        Ok(text)
    }

    pub fn boolean(&mut self) -> Result<bool, String> {
        match self.value() {
            Value::Bool(value) => Ok(value),
            other => Err(self.wrong("a boolean", &other)),
        }
    }

    /// An integer. Other numbers are rounded to the nearest integer, and halves up (-1.5 becomes -1), like Java's
    /// `Math.round`.
    pub fn integer(&mut self) -> Result<i64, String> {
        let value = self.value();
        if let Some(integer) = value.as_i64() {
            return Ok(integer);
        }
        match value.as_f64() {
            Some(number) => Ok((number + 0.5).floor() as i64),
            None => Err(self.wrong("a number", &value)),
        }
    }
}
