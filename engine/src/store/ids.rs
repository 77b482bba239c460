//! How ids are stored.

use rusqlite::{Result, ToSql, types::FromSql};

use super::ExecutionId;
use crate::interpreter::Nonce;

impl ToSql for ExecutionId {
    fn to_sql(&self) -> Result<rusqlite::types::ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl ToSql for Nonce {
    fn to_sql(&self) -> Result<rusqlite::types::ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for Nonce {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        value.as_i64().map(Nonce)
    }
}

impl FromSql for ExecutionId {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        value.as_i64().map(ExecutionId)
    }
}
