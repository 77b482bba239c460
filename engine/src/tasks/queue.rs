//! Queues of rows that each become due at some time: timers and follow-ups.
//!
//! One task for each queue reads the rows that are due, delivers each in a change of its own, postpones those that fail,
//! and sleeps until the next row is due. The rows are in the database only, so a crash loses none.

use std::{collections::HashSet, hash::Hash, sync::Arc, time::Duration};

use rusqlite::Connection;
use tokio::task::JoinSet;

use super::{RETRY_DELAY, long_changes::LongChanges};
use crate::{
    activation,
    clock::{from_millis, millis},
    engine::Engine,
    interpreter::{Event, TimerId},
    protocol::Fault,
    reactions::{Alarm, Reactions},
    store::{Begun, ExecutionId, Result, StorageError, Transaction, follow_ups, timers},
};

/// The maximum number of rows that are delivered at once, so that other changes get their turn.
const BATCH: usize = 128;
/// How long a row is postponed when it can't be delivered, so that it does not hold up the others.
const POSTPONEMENT: Duration = Duration::from_secs(60);

/// A table of rows that each become due at some time, in milliseconds since 1970.
pub(super) trait Queue: 'static {
    /// The key of a row.
    type Key: Copy + Eq + Hash + Send + Sync + 'static;

    /// The rows that are overdue the longest, at most `most`, except for those that are being delivered.
    fn due(
        connection: &Connection,
        now: i64,
        in_delivery: &HashSet<Self::Key>,
        most: usize,
    ) -> rusqlite::Result<Vec<Self::Key>>;

    /// When the next row becomes due, except for those that are being delivered.
    fn next(connection: &Connection, in_delivery: &HashSet<Self::Key>) -> rusqlite::Result<Option<i64>>;

    /// Removes a row and delivers its event. Does nothing if the row has been removed, or is no longer due.
    fn deliver(transaction: &mut Transaction<'_>, key: Self::Key) -> Result<()>;

    fn postpone(connection: &Connection, key: Self::Key, until: i64) -> rusqlite::Result<()>;

    /// Wakes the task of this queue when a row is added.
    fn alarm(reactions: &Reactions) -> &Alarm;
}

/// Fires timers.
pub(super) struct Timers;

impl Queue for Timers {
    type Key = (ExecutionId, TimerId);

    fn due(
        connection: &Connection,
        now: i64,
        in_delivery: &HashSet<Self::Key>,
        most: usize,
    ) -> rusqlite::Result<Vec<Self::Key>> {
        timers::due(connection, now, in_delivery, most)
    }

    fn next(connection: &Connection, in_delivery: &HashSet<Self::Key>) -> rusqlite::Result<Option<i64>> {
        timers::next(connection, in_delivery)
    }

    fn deliver(transaction: &mut Transaction<'_>, (execution, timer): Self::Key) -> Result<()> {
        // A heartbeat may have postponed the timer since it was read.
        if timers::take_due(transaction.connection, execution, timer, millis(transaction.now))? {
            let _ = activation::deliver(transaction, execution, Event::TimerFired { timer })?;
        }
        Ok(())
    }

    fn postpone(connection: &Connection, (execution, timer): Self::Key, until: i64) -> rusqlite::Result<()> {
        timers::set(connection, execution, timer, until)
    }

    fn alarm(reactions: &Reactions) -> &Alarm {
        &reactions.timers
    }
}

/// Delivers the events that follow from changes whose own transactions had no time for them, such as the end of an
/// execution that thousands of others wait for.
pub(super) struct FollowUps;

impl Queue for FollowUps {
    type Key = i64;

    fn due(connection: &Connection, now: i64, in_delivery: &HashSet<i64>, most: usize) -> rusqlite::Result<Vec<i64>> {
        follow_ups::due(connection, now, in_delivery, most)
    }

    fn next(connection: &Connection, in_delivery: &HashSet<i64>) -> rusqlite::Result<Option<i64>> {
        follow_ups::next(connection, in_delivery)
    }

    fn deliver(transaction: &mut Transaction<'_>, id: i64) -> Result<()> {
        if let Some((execution, event)) = follow_ups::take(transaction.connection, id)? {
            // The execution may no longer wait for the event, which is not an error.
            let _ = activation::deliver(transaction, execution, event)?;
        }
        Ok(())
    }

    fn postpone(connection: &Connection, id: i64, until: i64) -> rusqlite::Result<()> {
        follow_ups::postpone(connection, id, until)
    }

    fn alarm(reactions: &Reactions) -> &Alarm {
        &reactions.follow_ups
    }
}

/// Delivers the rows of a queue as they become due, until the engine closes. Begins with those that became due while
/// the engine was not running.
pub(super) async fn deliver_rows<Q: Queue>(engine: Arc<Engine>) {
    let alarm = Q::alarm(&engine.reactions);
    let mut long = LongChanges::default();
    loop {
        // A row that is added after the next one was read and before this sleeps must wake it. Until the wake-up time is
        // known, every row does.
        alarm.sleep_until(i64::MAX);
        let next = match deliver_due::<Q>(&engine, &mut long).await {
            Ok(next) => next,
            Err(Fault::Storage(StorageError::Closed)) => return,
            // The store has logged it.
            Err(_) => {
                tokio::time::sleep(RETRY_DELAY).await;
                continue;
            }
        };
        let due = async {
            match next {
                Some(next) => engine.clock.sleep_until(from_millis(next)).await,
                None => std::future::pending().await,
            }
        };
        alarm.sleep_until(next.unwrap_or(i64::MAX));
        tokio::select! {
            () = due => {}
            () = alarm.earlier() => {}
            () = long.one_done() => {}
        }
    }
}

/// Delivers the rows that are due. Returns when the next one becomes due.
async fn deliver_due<Q: Queue>(engine: &Arc<Engine>, long: &mut LongChanges<Q::Key>) -> Result<Option<i64>, Fault> {
    let now = millis(engine.clock.now());
    let in_delivery = long.keys().clone();
    let due = engine.store.read(move |connection| Ok(Q::due(connection, now, &in_delivery, BATCH)?)).await?;
    // Each row is a change of its own, so that one that fails does not affect the others.
    let mut delivering = JoinSet::new();
    for key in due {
        let engine = engine.clone();
        delivering
            .spawn(async move { (key, engine.store.begin(move |transaction| Q::deliver(transaction, key)).await) });
    }
    while let Some(delivered) = delivering.join_next().await {
        match delivered.map_err(|_| StorageError::Internal)? {
            (key, Begun::Settled(delivered)) => postpone_if_failed::<Q>(engine, key, delivered).await?,
            (key, Begun::TooLong(unfinished)) => {
                let engine = engine.clone();
                long.spawn(key, async move {
                    let delivered = engine.store.finish(unfinished).await;
                    // If this fails, the row is still due and is found again.
                    let _ = postpone_if_failed::<Q>(&engine, key, delivered).await;
                });
            }
        }
    }
    let in_delivery = long.keys().clone();
    engine.store.read(move |connection| Ok(Q::next(connection, &in_delivery)?)).await
}

async fn postpone_if_failed<Q: Queue>(engine: &Engine, key: Q::Key, delivered: Result<(), Fault>) -> Result<(), Fault> {
    match delivered {
        // The store has logged it.
        Err(Fault::Storage(StorageError::Internal | StorageError::Damaged)) => {
            let postpone = move |transaction: &mut Transaction<'_>| {
                Ok(Q::postpone(transaction.connection, key, millis(transaction.now + POSTPONEMENT))?)
            };
            engine.store.write(postpone).await
        }
        delivered => delivered,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        Options,
        operations::answer,
        test_support::{ManualClock, Nothing},
    };

    const ROLE: &str = "arn:aws:iam::000000000000:role/r";

    /// An engine without background tasks, so that the test delivers rows itself.
    async fn open(folder: &tempfile::TempDir, clock: &Arc<ManualClock>) -> Arc<Engine> {
        let options = Options::new("000000000000", "eu-west-2");
        let database = folder.path().join("db");
        let opened = Engine::open(&database, options, Arc::new(Nothing), clock.clone(), crate::tasks::call_once);
        opened.await.unwrap().0
    }

    async fn ask(engine: &Arc<Engine>, operation: &str, request: serde_json::Value) -> serde_json::Value {
        let body = answer(engine, operation, request.to_string().as_bytes()).await.unwrap();
        serde_json::from_slice(&body.0).unwrap()
    }

    #[tokio::test]
    async fn a_timer_that_was_postponed_after_it_was_found_due_does_not_fire() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new());
        let engine = open(&folder, &clock).await;
        let activity = ask(&engine, "CreateActivity", json!({"name": "work"})).await["activityArn"].clone();
        let state = json!({"Type": "Task", "Resource": activity, "HeartbeatSeconds": 10, "End": true});
        let definition = json!({"StartAt": "Work", "States": {"Work": state}}).to_string();
        let machine = json!({"name": "m", "definition": definition, "roleArn": ROLE});
        let machine = ask(&engine, "CreateStateMachine", machine).await["stateMachineArn"].clone();
        let execution = ask(&engine, "StartExecution", json!({"stateMachineArn": machine})).await;
        let task = ask(&engine, "GetActivityTask", json!({"activityArn": activity})).await["taskToken"].clone();
        let execution = json!({"executionArn": execution["executionArn"]});

        // The heartbeat arrives after the timer was found due, and before it fires.
        clock.advance(Duration::from_secs(10));
        let now = millis(engine.clock.now());
        let due = move |connection: &Connection| Ok(Timers::due(connection, now, &HashSet::new(), BATCH)?);
        let found = engine.store.read(due).await.unwrap();
        assert_eq!(found.len(), 1);
        ask(&engine, "SendTaskHeartbeat", json!({"taskToken": task})).await;
        let timer = found[0];
        engine.store.write(move |transaction| Timers::deliver(transaction, timer)).await.unwrap();
        assert_eq!(ask(&engine, "DescribeExecution", execution.clone()).await["status"], "RUNNING");

        // Without another heartbeat, it fires after its interval.
        clock.advance(Duration::from_secs(10));
        engine.store.write(move |transaction| Timers::deliver(transaction, timer)).await.unwrap();
        assert_eq!(ask(&engine, "DescribeExecution", execution).await["status"], "FAILED");
        engine.close();
    }
}
