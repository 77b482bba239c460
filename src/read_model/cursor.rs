//! The end of a page of a list, as opaque text.
//!
//! It contains the value that the list is sorted by, as it was on that page. So the next page continues there even if the
//! last row has moved or is gone since.

use app::desk::Sort;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// The last row of a page of applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The order of the list, as it stands in a query string.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    /// The value of the column; `None` if it had none, or if the list is sorted by age.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    #[serde(rename = "i")]
    pub id: i64,
    /// The number of rows up to here.
    #[serde(rename = "n", default)]
    pub rows: usize,
}

/// The value of a column. All values of a column are of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    Number(i64),
    Text(String),
}

/// The text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not where a page ended; leave `after` out to see the first page")]
pub struct BadCursor;

impl Cursor {
    pub fn new(sort: Sort, key: Option<Key>, id: i64, rows: usize) -> Self {
        Self { order: sort.key(), key, id, rows }
    }

    /// Whether it is from a list in this order.
    pub fn is_of(&self, sort: Sort) -> bool {
        self.order == sort.key()
    }

    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub fn decode(text: &str) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        serde_json::from_slice(&bytes).map_err(|_| BadCursor)
    }
}

impl rusqlite::ToSql for Key {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Number(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

impl rusqlite::types::FromSql for Key {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        i64::column_result(value).map(Self::Number).or_else(|_| String::column_result(value).map(Self::Text))
    }
}

#[cfg(test)]
mod tests {
    use app::desk::{Column, Direction};

    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let sort = Sort::By(Column::Amount, Direction::Descending);
        for key in [None, Some(Key::Number(-1)), Some(Key::Text("Ada".into()))] {
            let cursor = Cursor::new(sort, key, 7, 50);
            assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor.clone()));
            assert!(cursor.is_of(sort) && !cursor.is_of(Sort::Newest));
        }
        assert!(Cursor::new(Sort::Newest, None, 7, 50).is_of(Sort::Newest));
        for wrong in ["", "x", "e30", "bnVsbA"] {
            assert_eq!(Cursor::decode(wrong), Err(BadCursor), "{wrong}");
        }
    }
}
