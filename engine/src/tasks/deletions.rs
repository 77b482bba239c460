//! Deleting a state machine: its executions are stopped and forgotten, some at a time, and then it is. Deleting an
//! activity: what it offered is forgotten, some at a time.

use std::sync::Arc;

use super::AGAIN;
use crate::{
    deletion::delete_some_of,
    engine::Engine,
    protocol::Fault,
    store::{StorageError, Transaction, activities, state_machines},
};

/// Offers to workers that one change forgets.
const OFFERS: i64 = 1_000;

/// Carries out deletions as they come, and those that an earlier run has left.
pub(crate) async fn carry_out_deletions(engine: Arc<Engine>) {
    loop {
        match engine.store.write(|transaction| Ok(delete_some(transaction)?)).await {
            Ok(true) => {}
            Ok(false) => engine.reactions.deletions.notified().await,
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Goes a step on; whether there may be more to do.
fn delete_some(transaction: &mut Transaction<'_>) -> rusqlite::Result<bool> {
    let deleting = state_machines::deleting(transaction.connection)?;
    for machine in &deleting {
        let _ = delete_some_of(transaction, machine.id, &machine.name)?;
    }
    Ok(activities::sweep(transaction.connection, OFFERS)? || !deleting.is_empty())
}
