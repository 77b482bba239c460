//! Migrates a database to the current schema, one schema at a time.
//!
//! A step depends on nothing that can change later: it reads and writes rows and JSON as they were in its schemas, and
//! does not use the engine's own types. It may decompress rows, because all rows that were ever written must stay
//! readable. Every change of the schema appends a step, and adds a golden database of the previous schema (see
//! `tests/golden.rs`).

mod branches;
mod calls;
mod state;
mod tables;

use rusqlite::{Connection, Error, Result, Transaction, types::Type};

pub(super) use self::tables::difference;

type Step = fn(&Transaction<'_>) -> Result<()>;

/// Each step migrates from one schema to the next. The first one starts from the oldest schema that can be opened.
const STEPS: [Step; 4] = [from_2_to_3, from_3_to_4, from_4_to_5, from_5_to_6];

/// The oldest schema that can be migrated.
pub(super) const OLDEST: i32 = 2;
/// The current schema.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "there are a few steps")]
pub(super) const CURRENT: i32 = OLDEST + STEPS.len() as i32;

/// The number of rows per batch: enough to be fast, few enough to fit into memory.
const PAGE: i64 = 256;

/// Runs the missing steps in one transaction.
pub(super) fn migrate(connection: &mut Connection, from: i32) -> Result<()> {
    let transaction = connection.transaction()?;
    for (schema, step) in steps(from, CURRENT) {
        tracing::info!(from = schema, to = schema + 1, "migrating the database to a newer schema");
        step(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", CURRENT)?;
    transaction.commit()
}

/// The steps between two schemas, each with the schema that it starts from.
fn steps(from: i32, to: i32) -> impl Iterator<Item = (i32, Step)> {
    (OLDEST..to).zip(STEPS).skip_while(move |(schema, _)| *schema < from)
}

fn from_2_to_3(transaction: &Transaction<'_>) -> Result<()> {
    transaction.execute_batch(
        "ALTER TABLE map_run ADD COLUMN result_writing TEXT;
         ALTER TABLE engine ADD COLUMN account_id TEXT;
         ALTER TABLE engine ADD COLUMN region TEXT",
    )
}

fn from_3_to_4(transaction: &Transaction<'_>) -> Result<()> {
    transaction.execute_batch(include_str!("3_to_4.sql"))?;
    state::name_states(transaction)?;
    state::name_processors(transaction)
}

/// Schema 5 compresses histories and states. Existing rows stay as they are, because the first byte of a row tells
/// whether it is compressed.
fn from_4_to_5(_: &Transaction<'_>) -> Result<()> {
    Ok(())
}

/// Schema 6 also compresses calls. Existing rows stay uncompressed.
fn from_5_to_6(transaction: &Transaction<'_>) -> Result<()> {
    transaction.execute_batch(include_str!("5_to_6.sql"))?;
    branches::separate(transaction)?;
    calls::write_payloads_as_text(transaction)
}

/// The error for a row that is not as its schema has it.
fn unreadable(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::FromSqlConversionFailure(0, Type::Text, error)
}
