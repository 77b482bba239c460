//! JSON as it travels between states: its text, shared.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A JSON document as text, and as a tree from when one is first asked for.
///
/// The text comes first, because that is what is stored and shown, and because AWS hands an untouched input on letter
/// by letter, spaces included. Cheap to clone.
#[derive(Clone)]
pub struct Payload {
    text: Arc<str>,
    value: OnceLock<Arc<Value>>,
}

impl Payload {
    /// Takes text that is known to be JSON, say an input that was checked when it came in.
    #[must_use]
    pub fn from_text(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), value: OnceLock::new() }
    }

    /// The text, and only if it is JSON that [`Self::value`] can read: at most 128 levels deep.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, serde_json::Error> {
        let text = text.into();
        let value = serde_json::from_str::<Value>(&text)?;
        Ok(Self { text, value: OnceLock::from(Arc::new(value)) })
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The document as a tree. Text that turns out to be no JSON is taken for a string, so that nothing is lost.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| {
            Arc::new(serde_json::from_str(&self.text).unwrap_or_else(|_| Value::String(self.text.to_string())))
        })
    }

    /// Bytes of UTF-8: what AWS's 262,144-byte limit counts.
    #[must_use]
    pub fn size(&self) -> usize {
        self.text.len()
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self { text: value.to_string().into(), value: OnceLock::from(Arc::new(value)) }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Payload {}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The size alone: a payload may hold a task token, and a Debug ends up in logs.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.text.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from_text)
    }
}
