//! JSON as it travels between states: its text, shared.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::query::{MAX_DEPTH, deeper_than};

/// A JSON document, as text and as a tree; each is made from the other when it is first asked for.
///
/// An untouched input keeps its text letter by letter, spaces included, as AWS hands it on. Cheap to clone.
#[derive(Clone)]
pub struct Payload(Arc<Document>);

/// At least one of the two is there.
struct Document {
    text: OnceLock<Box<str>>,
    value: OnceLock<Value>,
}

impl Payload {
    /// Takes text that is known to be JSON, say an input that was checked when it came in.
    #[must_use]
    pub fn from_text(text: impl Into<Box<str>>) -> Self {
        Self(Arc::new(Document { text: OnceLock::from(text.into()), value: OnceLock::new() }))
    }

    /// The text, and only if it is JSON of at most [`MAX_DEPTH`] levels.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, serde_json::Error> {
        let text = text.into();
        // The parser stops at 128 levels, and says of its own limit only that it was reached.
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

    /// The document as a tree. Text that turns out to be no JSON is taken for a string, so that nothing is lost.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.0.value.get_or_init(|| {
            let text = self.0.text.get().map_or("null", AsRef::as_ref);
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        })
    }

    /// Whether it nests deeper than [`MAX_DEPTH`] levels: stored along with others, it could not be read back.
    #[must_use]
    pub fn is_too_deep(&self) -> bool {
        deeper_than(self.value(), MAX_DEPTH)
    }

    /// Bytes of UTF-8: what AWS's 262,144-byte limit counts.
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

/// The size alone: a payload may hold a task token, and a Debug ends up in logs.
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
