//! Where a page of a list ended, as opaque text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// The last application of a page: enough to find the next one in either index that lists are read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(rename = "s")]
    pub submitted_at: String,
    #[serde(rename = "r")]
    pub reference: String,
}

/// Not the text of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not where a page ended; leave `after` out to see the first page")]
pub struct BadCursor;

impl Cursor {
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub fn decode(text: &str) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| BadCursor)?;
        if cursor.submitted_at.is_empty() || cursor.reference.is_empty() { Err(BadCursor) } else { Ok(cursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = Cursor { submitted_at: "2026-11-22T10:20:30.123Z".into(), reference: "LN-1".into() };
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        for wrong in ["", "x", "e30", "bnVsbA"] {
            assert_eq!(Cursor::decode(wrong), Err(BadCursor), "{wrong}");
        }
    }
}
