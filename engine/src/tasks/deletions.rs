//! Deleting a state machine: its executions are stopped and forgotten, some at a time, and then it is. Deleting an
//! activity: what it offered is forgotten, some at a time.

use std::sync::Arc;

use tokio::sync::Notify;

use super::AGAIN;
use crate::{
    engine::Engine,
    interpreter::Event,
    protocol::Fault,
    store::{
        StorageError, Transaction, activities,
        executions::{self, Status},
        state_machines, tags,
    },
};

/// Executions that one change stops or forgets.
const SOME: i64 = 100;
/// Offers to workers that one change forgets.
const OFFERS: i64 = 1_000;

/// Wakes the task that carries out deletions.
#[derive(Default)]
pub(crate) struct Deletions {
    begun: Notify,
}

impl Deletions {
    pub fn wake(&self) {
        self.begun.notify_one();
    }
}

/// Carries out deletions as they come, and those that an earlier run has left.
pub(crate) async fn carry_out_deletions(engine: Arc<Engine>) {
    loop {
        match engine.store.write(|transaction| Ok(delete_some(transaction)?)).await {
            Ok(true) => {}
            Ok(false) => engine.reactions.deletions.begun.notified().await,
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

/// How far a deletion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deleted {
    Wholly,
    /// There is more to do.
    InPart,
}

/// Takes a step towards having deleted the state machine.
pub(crate) fn delete_some_of(transaction: &mut Transaction<'_>, machine: i64, name: &str) -> rusqlite::Result<Deleted> {
    let connection = transaction.connection;
    let running = executions::some_of(connection, machine, Some(Status::Running), SOME)?;
    if !running.is_empty() {
        for execution in running {
            let _ = transaction.deliver(execution, Event::Stop { error: None, cause: None })?;
        }
        return Ok(Deleted::InPart);
    }
    let closed = executions::some_of(connection, machine, None, SOME)?;
    for execution in &closed {
        executions::remove(connection, *execution)?;
    }
    if closed.len() == SOME as usize {
        return Ok(Deleted::InPart);
    }
    tags::remove_all(connection, &transaction.options.state_machine_arn(name))?;
    state_machines::remove(connection, machine)?;
    transaction.revisions.clear();
    Ok(Deleted::Wholly)
}
