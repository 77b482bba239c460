//! JSON documents that are passed between states.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::query::{MAX_DEPTH, deeper_than};

/// A JSON document, as text and as a tree. Each is computed from the other when it is first needed.
///
/// An unchanged document keeps its text, including whitespace, as on AWS. Cheap to clone.
#[derive(Clone)]
pub struct Payload(Arc<Document>);

/// At least one of the two is set.
struct Document {
    text: OnceLock<Box<str>>,
    value: OnceLock<Value>,
}

impl Payload {
    /// Takes text that is known to be JSON, for example an input that has been checked.
    #[must_use]
    pub fn from_text(text: impl Into<Box<str>>) -> Self {
        Self(Arc::new(Document { text: OnceLock::from(text.into()), value: OnceLock::new() }))
    }

    /// Takes text if it is JSON of at most [`MAX_DEPTH`] levels.
    ///
    /// # Errors
    /// Describes what is wrong with the text, and where.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, serde_json::Error> {
        let text = text.into();
        // The parser stops at 128 levels and reports only that its own limit was reached.
        let too_deep = || serde::de::Error::custom(format!("the JSON is nested deeper than {MAX_DEPTH} levels"));
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| if error.to_string().starts_with("recursion limit") { too_deep() } else { error })?;
        if deeper_than(&value, MAX_DEPTH) {
            return Err(too_deep());
        }
        Ok(Self(Arc::new(Document { text: OnceLock::from(text), value: OnceLock::from(value) })))
    }

    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text.get_or_init(|| self.0.value.get().unwrap_or(&Value::Null).to_string().into())
    }

    /// The document as a tree. If the text is not JSON after all, it becomes a string, so that nothing is lost.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.0.value.get_or_init(|| {
            let text = self.0.text.get().map_or("null", AsRef::as_ref);
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        })
    }

    /// The document as a tree, without a copy if this is its only owner.
    #[must_use]
    pub fn into_value(self) -> Value {
        let _ = self.value();
        match Arc::try_unwrap(self.0) {
            Ok(mut document) => document.value.take().unwrap_or_default(),
            Err(shared) => shared.value.get().cloned().unwrap_or_default(),
        }
    }

    /// Whether the document is nested deeper than [`MAX_DEPTH`] levels. It could not be read back after it was stored
    /// within another document.
    #[must_use]
    pub fn is_too_deep(&self) -> bool {
        deeper_than(self.value(), MAX_DEPTH)
    }

    /// The length in bytes of UTF-8, to which AWS's limit of 262,144 bytes applies.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text().len()
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self(Arc::new(Document { text: OnceLock::new(), value: OnceLock::from(value) }))
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.text() == other.text()
    }
}

impl Eq for Payload {}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Only shows the size, because a payload can contain a task token and Debug output ends up in logs.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.text().len())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from_text)
    }
}
