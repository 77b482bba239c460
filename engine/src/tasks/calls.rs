//! Calls to functions and services: made after the commit that asked for them, and again after a crash.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::Arc,
};

use tokio::{sync::mpsc, task::JoinSet};

use super::{AGAIN, item_reader, nested, result_writer, services};
use crate::{
    engine::Engine,
    interpreter::{Event, Pattern, TaskId, Work},
    protocol::Fault,
    store::{Call, ExecutionId, StorageError, calls},
};

/// Calls of one function or service that are under way at once: one that hangs holds up nobody but itself.
const AT_ONCE: usize = 256;
/// Items and results of map runs that are under way at once: each may have a whole object in memory.
const DATA_AT_ONCE: usize = 2;
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

/// Makes every call that comes in, and those that an earlier run has left unanswered.
pub(crate) async fn make_calls(engine: Arc<Engine>, mut line: mpsc::UnboundedReceiver<Call>) {
    // Dropped with this task, as the calls under way are.
    let mut left = JoinSet::new();
    left.spawn(hand_in_left_calls(engine.clone()));
    let mut lanes = Lanes { engine, lanes: HashMap::new(), under_way: JoinSet::new() };
    loop {
        tokio::select! {
            call = line.recv() => match call {
                Some(call) => lanes.take(call),
                None => return,
            },
            Some(target) = lanes.under_way.join_next() => {
                // What a call does can't panic outside a task of its own; if it did, its place would stay taken.
                if let Ok(target) = target {
                    lanes.one_is_done(target);
                }
            }
        }
    }
}

/// What is called, and how many of its calls are under way.
struct Lanes {
    engine: Arc<Engine>,
    lanes: HashMap<String, Lane>,
    under_way: JoinSet<String>,
}

#[derive(Default)]
struct Lane {
    under_way: usize,
    /// Only what finds them again: calls that wait behind a function that hangs must not fill the memory.
    waiting: VecDeque<(ExecutionId, TaskId)>,
}

impl Lanes {
    fn take(&mut self, call: Call) {
        let target = target(&call.work).to_owned();
        let lane = self.lanes.entry(target.clone()).or_default();
        if lane.under_way == at_once(&call.work) {
            lane.waiting.push_back((call.execution, call.task));
            return;
        }
        lane.under_way += 1;
        let engine = self.engine.clone();
        self.under_way.spawn(async move {
            make(&engine, call).await;
            target
        });
    }

    fn one_is_done(&mut self, target: String) {
        let Entry::Occupied(mut lane) = self.lanes.entry(target) else { return };
        if let Some((execution, task)) = lane.get_mut().waiting.pop_front() {
            let (engine, target) = (self.engine.clone(), lane.key().clone());
            self.under_way.spawn(async move {
                // By now its task may have timed out: then nobody wants the call any more.
                if let Some(call) = until_read(&engine, execution, task).await {
                    make(&engine, call).await;
                }
                target
            });
            return;
        }
        lane.get_mut().under_way -= 1;
        if lane.get().under_way == 0 {
            lane.remove();
        }
    }
}

/// How many calls like this one may be under way.
fn at_once(work: &Work) -> usize {
    match work {
        Work::ReadItems(_) | Work::WriteResults { .. } => DATA_AT_ONCE,
        _ => AT_ONCE,
    }
}

/// The function or service that is called.
fn target(work: &Work) -> &str {
    match work {
        Work::Function { function, .. } => function,
        Work::Service { service, parameters, .. } if service == "lambda" => {
            parameters["FunctionName"].as_str().unwrap_or(service)
        }
        Work::Service { service, .. } => service,
        Work::Activity { activity_arn, .. } => activity_arn,
        Work::ReadItems(_) => "arn:aws:states:::s3:getObject",
        Work::WriteResults { .. } => "arn:aws:states:::s3:putObject",
    }
}

async fn hand_in_left_calls(engine: Arc<Engine>) {
    let run = engine.store.run();
    let mut after = (ExecutionId(0), TaskId(0));
    loop {
        match engine.store.read(move |connection| Ok(calls::left(connection, run, after, PAGE)?)).await {
            Ok(page) => {
                let Some(last) = page.last() else { return };
                after = (last.execution, last.task);
                page.into_iter().for_each(|call| engine.reactions.calls.make(call));
            }
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// None when nobody waits for it any more, or the engine goes down.
async fn until_read(engine: &Engine, execution: ExecutionId, task: TaskId) -> Option<Call> {
    loop {
        match engine.store.read(move |connection| Ok(calls::find(connection, execution, task)?)).await {
            Ok(call) => return call,
            Err(Fault::Storage(StorageError::Closed)) => return None,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Makes one call and brings the answer to its execution.
async fn make(engine: &Arc<Engine>, call: Call) {
    let Call { execution, task, work } = call;
    if let Work::Service { service, action, pattern, parameters } = &work
        && service == "states"
        && action == "startExecution"
    {
        let start = nested::Start { parent: execution, task, pattern: *pattern, parameters: parameters.clone() };
        until_stored(|| nested::start(engine, start.clone())).await;
        return;
    }
    match work {
        Work::ReadItems(reading) => return item_reader::read(engine, (execution, task), reading).await,
        Work::WriteResults { failed } => return result_writer::write(engine, (execution, task), failed).await,
        _ => {}
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

/// Tries until the database has it. The call has been made: its answer must not be lost to a disk that is full. None
/// when the engine goes down.
pub(super) async fn until_stored<T, F: Future<Output = Result<T, Fault>>>(store: impl Fn() -> F) -> Option<T> {
    let mut pause = AGAIN;
    loop {
        match store().await {
            Ok(stored) => return Some(stored),
            Err(Fault::Storage(StorageError::Full | StorageError::Internal)) => {}
            Err(_) => return None,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(60 * AGAIN);
    }
}

/// The panic hook has logged what it was.
fn panicked(_: tokio::task::JoinError) -> services::Failure {
    services::Failure { error: "States.TaskFailed".into(), cause: "The call failed unexpectedly".into() }
}
