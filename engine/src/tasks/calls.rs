//! Calls to functions and services: made after the commit that asked for them, and again after a crash.

use std::sync::Arc;

use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use super::{AGAIN, nested, services};
use crate::{
    engine::Engine,
    interpreter::{Event, Pattern, TaskId, Work},
    protocol::Fault,
    store::{Call, ExecutionId, StorageError, calls},
};

/// Calls that are under way at once.
const AT_ONCE: usize = 256;
/// Calls read at once of those that an earlier run has left.
const PAGE: i64 = 256;

/// Where calls that are to be made come in.
pub(crate) struct Calls {
    line: mpsc::UnboundedSender<Call>,
}

impl Calls {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Call>) {
        let (line, calls) = mpsc::unbounded_channel();
        (Self { line }, calls)
    }

    pub fn make(&self, call: Call) {
        // Nobody takes it when the engine goes down: it is in the database, for the next one.
        let _ = self.line.send(call);
    }
}

/// Makes every call that comes in, and first those that an earlier run has left unanswered.
pub(crate) async fn make_calls(engine: Arc<Engine>, mut line: mpsc::UnboundedReceiver<Call>) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    // Dropped with this task, and with it the calls under way.
    let mut under_way = JoinSet::new();
    under_way.spawn(make_left_calls(engine.clone(), permits.clone()));
    while let Some(call) = line.recv().await {
        while under_way.try_join_next().is_some() {}
        let (engine, permits) = (engine.clone(), permits.clone());
        under_way.spawn(async move {
            let Ok(_permit) = permits.acquire().await else { return };
            make(&engine, call).await;
        });
    }
}

async fn make_left_calls(engine: Arc<Engine>, permits: Arc<Semaphore>) {
    let run = engine.store.run();
    let mut after = (ExecutionId(0), TaskId(0));
    let mut under_way = JoinSet::new();
    loop {
        let page = engine.store.read(move |connection| Ok(calls::left(connection, run, after, PAGE)?)).await;
        let page = match page {
            Ok(page) if page.is_empty() => break,
            Ok(page) => page,
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => {
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        for call in page {
            after = (call.execution, call.task);
            let Ok(permit) = permits.clone().acquire_owned().await else { return };
            let engine = engine.clone();
            under_way.spawn(async move {
                make(&engine, call).await;
                drop(permit);
            });
            while under_way.try_join_next().is_some() {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Makes one call and brings the answer to its execution.
async fn make(engine: &Arc<Engine>, call: Call) {
    let Call { execution, task, work } = call;
    if let Work::Service { service, action, pattern, parameters } = &work
        && service == "states"
        && action == "startExecution"
    {
        let start = nested::Start { parent: execution, task, pattern: *pattern, parameters: parameters.clone() };
        return until_stored(|| nested::start(engine, start.clone())).await;
    }
    let answer = {
        let engine = engine.clone();
        let work = work.clone();
        // A task of its own: whatever panics in there ends that call only.
        tokio::spawn(async move { services::perform(&engine, work).await }).await
    };
    let answer = answer.unwrap_or_else(|error| Err(panicked(error)));
    let callback = matches!(work, Work::Service { pattern: Pattern::WaitForTaskToken, .. });
    let event = match answer {
        Ok(output) if callback => Event::TaskSubmitted { task, output },
        Ok(output) => Event::TaskSucceeded { task, output },
        Err(failure) => Event::TaskFailed { task, error: Some(failure.error), cause: Some(failure.cause) },
    };
    until_stored(|| {
        let event = event.clone();
        engine.store.write(move |transaction| {
            calls::remove(transaction.connection, execution, task)?;
            // The task may have been answered by its token, or timed out, while the call was under way.
            let _ = transaction.deliver(execution, event.clone())?;
            Ok(())
        })
    })
    .await;
}

/// Tries until the database has it. The call has been made: its answer must not be lost to a disk that is full.
async fn until_stored<F: Future<Output = Result<(), Fault>>>(store: impl Fn() -> F) {
    let mut pause = AGAIN;
    while let Err(Fault::Storage(StorageError::Full | StorageError::Internal)) = store().await {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(60 * AGAIN);
    }
}

/// The panic hook has logged what it was.
fn panicked(_: tokio::task::JoinError) -> services::Failure {
    services::Failure { error: "States.TaskFailed".into(), cause: "The call failed unexpectedly".into() }
}
