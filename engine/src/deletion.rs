//! Deleting a state machine: its executions are stopped and removed in batches, then the state machine itself.

use crate::{
    activation,
    interpreter::Event,
    store::{
        Result, Transaction,
        executions::{self, Status},
        removal, state_machines, tags,
    },
};

/// The maximum number of executions that one change stops or removes.
const SOME: i64 = 100;
/// The progress of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deleted {
    Wholly,
    /// More batches are needed.
    InPart,
}

/// Deletes the next batch of a state machine.
pub(crate) fn delete_some_of(transaction: &mut Transaction<'_>, machine: i64, name: &str) -> Result<Deleted> {
    let connection = transaction.connection;
    let running = executions::some_of(connection, machine, Some(Status::Running), SOME)?;
    if !running.is_empty() {
        for execution in running {
            let _ = activation::deliver(transaction, execution, Event::Stop { error: None, cause: None })?;
        }
        return Ok(Deleted::InPart);
    }
    let closed = executions::some_of(connection, machine, None, SOME)?;
    for execution in &closed {
        removal::begin(connection, *execution)?;
    }
    if closed.len() == SOME as usize {
        return Ok(Deleted::InPart);
    }
    tags::remove_all(connection, &transaction.options.state_machine_arn(name))?;
    state_machines::remove(connection, machine)?;
    transaction.revisions.clear();
    Ok(Deleted::Wholly)
}
