//! Bringing a database up to the current schema, one released schema after the other.
//!
//! A step depends on nothing that may change later: it reads and writes rows and JSON as they were at its time, and never
//! the engine's own types. A change of the schema appends a step, and adds the golden database of the schema before it
//! (see `tests/golden.rs`).

mod state;

use rusqlite::{Connection, Result, Transaction};

/// Each brings a database from one schema to the next; the first begins with the oldest that can be opened.
const STEPS: [fn(&Transaction<'_>) -> Result<()>; 3] = [from_2_to_3, from_3_to_4, from_4_to_5];

/// The oldest schema that can be brought up to the current one.
pub(super) const OLDEST: i32 = 2;
/// The current schema.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "there are a few steps")]
pub(super) const CURRENT: i32 = OLDEST + STEPS.len() as i32;

/// Runs the steps that the database lacks, all of them in one transaction.
pub(super) fn migrate(connection: &mut Connection, from: i32) -> Result<()> {
    let transaction = connection.transaction()?;
    for (schema, step) in (OLDEST..).zip(STEPS).skip_while(|(schema, _)| *schema < from) {
        tracing::info!(from = schema, to = schema + 1, "bringing the database up to a newer schema");
        step(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", CURRENT)?;
    transaction.commit()
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

/// Schema 5 compresses histories and states. Those that are there stay as they are: the first byte tells them apart.
fn from_4_to_5(_: &Transaction<'_>) -> Result<()> {
    Ok(())
}
