//! Calls to functions and services. They are made after the commit that requests them, and repeated after a crash.

mod limits;
mod make;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tokio::{
    sync::mpsc,
    task::{Id, JoinSet},
};

use self::limits::Limits;
pub(super) use self::make::until_stored;
use super::RETRY_DELAY;
use crate::{
    engine::Engine,
    integrations::{Cancellation, Canceller},
    interpreter::{Nonce, TaskId, Work},
    protocol::Fault,
    store::{Call, CallEffect, ExecutionId, StorageError, calls},
};

/// The maximum number of concurrent calls of one function or service. One that hangs only blocks its own calls.
const MAX_CONCURRENT: usize = 256;
/// The maximum number of concurrent reads of items and writes of results, each of which can have a whole object in memory.
const MAX_CONCURRENT_DATA: usize = 2;
/// The number of calls that are read at once when the database is opened.
const PAGE: i64 = 256;
/// The maximum length of a target in bytes. Longer names are truncated, so they may share a limit. Names of Lambda
/// functions have at most 170 characters.
const MAX_TARGET: usize = 256;

/// Identifies a call.
type CallKey = (ExecutionId, TaskId);

/// Makes the calls that are requested, and those that were left unanswered when the database was closed.
pub(crate) async fn make_calls(engine: Arc<Engine>, mut effects: mpsc::UnboundedReceiver<CallEffect>) {
    // Aborted together with this task, like the calls.
    let mut left = JoinSet::new();
    left.spawn(hand_in_left_calls(engine.clone()));
    let mut calls = CallsInProgress {
        engine,
        limits: Limits::default(),
        tasks: JoinSet::new(),
        running: HashMap::new(),
        cancellers: BTreeMap::new(),
    };
    loop {
        tokio::select! {
            effect = effects.recv() => match effect {
                Some(CallEffect::Make(call)) => calls.take(call),
                Some(CallEffect::Cancel { execution, task }) => calls.cancel(execution, task),
                None => return,
            },
            Some(ended) = calls.tasks.join_next_with_id() => {
                calls.ended(ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
        }
    }
}

/// The calls that are being made or wait for their turn.
struct CallsInProgress {
    engine: Arc<Engine>,
    limits: Limits<CallKey>,
    tasks: JoinSet<()>,
    /// The call that each task makes, and its target.
    running: HashMap<Id, (CallKey, String)>,
    cancellers: BTreeMap<CallKey, (Id, Canceller)>,
}

impl CallsInProgress {
    fn take(&mut self, call: Call) {
        let (key, target) = ((call.execution, call.task), target(&call.work));
        if self.limits.admit(&target, limit(&call.work), key) {
            self.spawn(key, target, Some(call));
        }
    }

    /// Starts a call. One that has waited for its turn is read from the database (`None`).
    fn spawn(&mut self, key: CallKey, target: String, call: Option<Call>) {
        let (engine, (canceller, cancellation)) = (self.engine.clone(), Cancellation::new());
        let making = self.tasks.spawn(async move {
            let call = match call {
                Some(call) => Some(call),
                // `None` if its task has timed out in the meantime.
                None => until_read(&engine, key).await,
            };
            if let Some(call) = call {
                make::make(&engine, call, cancellation).await;
            }
        });
        self.running.insert(making.id(), (key, target));
        self.cancellers.insert(key, (making.id(), canceller));
    }

    /// Cancels calls that no execution waits for any more. Those that wait for their turn are skipped when it comes.
    fn cancel(&mut self, execution: ExecutionId, task: Option<TaskId>) {
        match task {
            Some(task) => drop(self.cancellers.remove(&(execution, task))),
            None => {
                let first = TaskId { event: i64::MIN, nonce: Nonce(i64::MIN) };
                let last = TaskId { event: i64::MAX, nonce: Nonce(i64::MAX) };
                let of_execution = (execution, first)..=(execution, last);
                let keys: Vec<CallKey> = self.cancellers.range(of_execution).map(|(key, _)| *key).collect();
                keys.iter().for_each(|key| drop(self.cancellers.remove(key)));
            }
        }
    }

    /// Starts waiting calls after a call has ended.
    fn ended(&mut self, id: Id) {
        let Some((key, target)) = self.running.remove(&id) else { return };
        // After its execution has restarted, a later call may have the same key.
        if self.cancellers.get(&key).is_some_and(|(own, _)| *own == id) {
            self.cancellers.remove(&key);
        }
        self.limits.release(&target);
        while let Some((target, key)) = self.limits.next() {
            self.spawn(key, target, None);
        }
    }
}

/// The maximum number of concurrent calls of this kind to one target.
fn limit(work: &Work) -> usize {
    match work {
        Work::ReadItems(_) | Work::WriteResults { .. } => MAX_CONCURRENT_DATA,
        _ => MAX_CONCURRENT,
    }
}

/// The function or service that is called.
fn target(work: &Work) -> String {
    let target = match work {
        Work::Function { function, .. } => function,
        Work::Service { service, parameters, .. } if service == "lambda" => {
            parameters.value()["FunctionName"].as_str().unwrap_or(service)
        }
        Work::Service { service, .. } => service,
        Work::Activity { activity_arn, .. } => activity_arn,
        Work::ReadItems(_) => "arn:aws:states:::s3:getObject",
        Work::WriteResults { .. } => "arn:aws:states:::s3:putObject",
    };
    target[..target.floor_char_boundary(MAX_TARGET)].to_owned()
}

async fn hand_in_left_calls(engine: Arc<Engine>) {
    let opening = engine.store.opening();
    let mut after = (ExecutionId(0), TaskId { event: 0, nonce: Nonce::NONE });
    loop {
        match engine.store.read(move |connection| Ok(calls::left(connection, opening, after, PAGE)?)).await {
            Ok(page) => {
                let Some(last) = page.last() else { return };
                after = (last.execution, last.task);
                for stored in page {
                    match stored.call {
                        Some(call) => engine.reactions.calls.send(CallEffect::Make(call)),
                        None => make::give_up(&engine, (stored.execution, stored.task)).await,
                    }
                }
            }
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => tokio::time::sleep(RETRY_DELAY).await,
        }
    }
}

/// Reads a stored call. Returns `None` if no execution waits for it any more, or the engine closes.
async fn until_read(engine: &Engine, (execution, task): CallKey) -> Option<Call> {
    loop {
        match engine.store.read(move |connection| Ok(calls::find(connection, execution, task)?)).await {
            Ok(None) => return None,
            Ok(Some(calls::Stored { call: Some(call), .. })) => return Some(call),
            Ok(Some(_)) => {
                make::give_up(engine, (execution, task)).await;
                return None;
            }
            Err(Fault::Storage(StorageError::Closed)) => return None,
            Err(_) => tokio::time::sleep(RETRY_DELAY).await,
        }
    }
}
