//! Makes one call and delivers the answer to its execution.

use std::sync::Arc;

use super::super::{
    RETRY_DELAY,
    map_runs::{item_reader, result_writer},
    nested, services,
};
use crate::{
    Attempt, Cancellation, activation,
    clock::from_millis,
    engine::Engine,
    interpreter::{Event, Pattern, TaskId, Work},
    protocol::Fault,
    store::{Call, CallContext, ExecutionId, StorageError, calls},
};

pub(super) async fn make(engine: &Arc<Engine>, call: Call, cancellation: Cancellation) {
    let Call { execution, task, work, context } = call;
    let whose = (execution, task);
    if let Work::Service { service, action, pattern, parameters } = &work
        && service == "states"
        && action == "startExecution"
    {
        let start = nested::Start { parent: execution, task, pattern: *pattern, parameters: parameters.clone() };
        until_stored(|| nested::start(engine, start.clone())).await;
        return;
    }
    let attempt = attempt(engine, context, cancellation.clone());
    let callback = matches!(work, Work::Service { pattern: Pattern::WaitForTaskToken, .. });
    let answer = async {
        match work {
            Work::ReadItems(reading) => item_reader::read(engine, whose, reading, attempt).await,
            Work::WriteResults { failed } => result_writer::write(engine, whose, failed, attempt).await,
            work => return Some(services::perform_alone(engine, work, attempt).await),
        }
        None
    };
    let Some(Some(answer)) = unless_cancelled(&cancellation, answer).await else { return };
    let event = match answer {
        Ok(output) if callback => Event::TaskSubmitted { task, output },
        Ok(output) => Event::TaskSucceeded { task, output },
        Err(failure) => Event::TaskFailed { task, error: Some(failure.error), cause: Some(failure.cause) },
    };
    until_stored(|| {
        let event = event.clone();
        engine.store.write(move |transaction| {
            calls::remove(transaction.connection, execution, task)?;
            // In the meantime, the task may have been answered by its token, or have timed out.
            let _ = activation::deliver(transaction, execution, event.clone())?;
            Ok(())
        })
    })
    .await;
}

/// Fails a task whose stored call can't be read.
pub(super) async fn give_up(engine: &Engine, (execution, task): (ExecutionId, TaskId)) {
    until_stored(|| {
        engine.store.write(move |transaction| {
            calls::remove(transaction.connection, execution, task)?;
            let cause = "The call of the task cannot be read by this version of the engine".to_owned();
            let event = Event::TaskFailed { task, error: Some("States.Runtime".to_owned()), cause: Some(cause) };
            let _ = activation::deliver(transaction, execution, event)?;
            Ok(())
        })
    })
    .await;
}

fn attempt(engine: &Engine, context: CallContext, cancellation: Cancellation) -> Attempt {
    let CallContext { execution_arn, attempt, due, key } = context;
    let longest = engine.clock.now() + Attempt::LONGEST;
    let deadline = due.map_or(longest, |due| from_millis(due).min(longest));
    Attempt { execution_arn, number: attempt, deadline, idempotency_key: key, cancellation }
}

/// Drops a call that has not returned within [`Cancellation::GRACE`] after it was cancelled. Returns `None` then.
async fn unless_cancelled<T>(cancellation: &Cancellation, call: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        answer = call => Some(answer),
        () = async {
            cancellation.cancelled().await;
            tokio::time::sleep(Cancellation::GRACE).await;
        } => None,
    }
}

/// Repeats a write until it succeeds, because the answer of a call must not be lost when the disk is full. Returns `None`
/// when the engine closes.
pub(in super::super) async fn until_stored<T, F: Future<Output = Result<T, Fault>>>(
    store: impl Fn() -> F,
) -> Option<T> {
    let mut pause = RETRY_DELAY;
    loop {
        match store().await {
            Ok(stored) => return Some(stored),
            Err(Fault::Storage(StorageError::Full | StorageError::Internal)) => {}
            Err(_) => return None,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(60 * RETRY_DELAY);
    }
}
