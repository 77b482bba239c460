//! Calls to functions and services: made after the commit that asked for them, and again after a crash.

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
use super::AGAIN;
use crate::{
    engine::Engine,
    integrations::{Cancellation, Canceller},
    interpreter::{Nonce, TaskId, Work},
    protocol::Fault,
    store::{Call, CallEffect, ExecutionId, StorageError, calls},
};

/// Calls of one function or service that are under way at once: one that hangs holds up only its own.
const AT_ONCE: usize = 256;
/// Reads of items and writes of results that are under way at once: each may have a whole object in memory.
const DATA_AT_ONCE: usize = 2;
/// Unanswered calls of an earlier opening that are read at once.
const PAGE: i64 = 256;
/// The longest name of a function or service that is told apart, in bytes. Lambda's have 170 characters at most.
const LONGEST_TARGET: usize = 256;

/// Whose call it is.
type CallKey = (ExecutionId, TaskId);

/// Makes every call that comes in, and those that an earlier opening has left unanswered.
pub(crate) async fn make_calls(engine: Arc<Engine>, mut effects: mpsc::UnboundedReceiver<CallEffect>) {
    // Dropped with this task, as the calls under way are.
    let mut left = JoinSet::new();
    left.spawn(hand_in_left_calls(engine.clone()));
    let mut calls = UnderWay {
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

/// The calls under way.
struct UnderWay {
    engine: Arc<Engine>,
    limits: Limits<CallKey>,
    tasks: JoinSet<()>,
    /// Which call each of the tasks makes, and what it calls.
    running: HashMap<Id, (CallKey, String)>,
    cancellers: BTreeMap<CallKey, (Id, Canceller)>,
}

impl UnderWay {
    fn take(&mut self, call: Call) {
        let (key, target) = ((call.execution, call.task), target(&call.work));
        if self.limits.admit(&target, at_once(&call.work), key) {
            self.spawn(key, target, Some(call));
        }
    }

    /// Starts a call; one that has waited is read from the database.
    fn spawn(&mut self, key: CallKey, target: String, call: Option<Call>) {
        let (engine, (canceller, cancellation)) = (self.engine.clone(), Cancellation::new());
        let making = self.tasks.spawn(async move {
            let call = match call {
                Some(call) => Some(call),
                // None when its task has timed out meanwhile: nobody wants the call any more.
                None => until_read(&engine, key).await,
            };
            if let Some(call) = call {
                make::make(&engine, call, cancellation).await;
            }
        });
        self.running.insert(making.id(), (key, target));
        self.cancellers.insert(key, (making.id(), canceller));
    }

    /// Tells calls that nobody waits for them any more. Those that have not begun find that out when their turn comes.
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

    /// A call has ended: those that wait get its place.
    fn ended(&mut self, id: Id) {
        let Some((key, target)) = self.running.remove(&id) else { return };
        // A later call may have the same key, when its execution has begun anew.
        if self.cancellers.get(&key).is_some_and(|(own, _)| *own == id) {
            self.cancellers.remove(&key);
        }
        self.limits.release(&target);
        while let Some((target, key)) = self.limits.next() {
            self.spawn(key, target, None);
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
    target[..target.floor_char_boundary(LONGEST_TARGET)].to_owned()
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
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// None when nobody waits for it any more, or the engine closes.
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
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}
