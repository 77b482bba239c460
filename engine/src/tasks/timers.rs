//! Timers: one task sleeps until the next timer is due. Timers are rows, not kept in memory.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::AGAIN;
use crate::{
    clock::{from_millis, millis},
    engine::Engine,
    interpreter::{Event, TimerId},
    protocol::Fault,
    store::{ExecutionId, StorageError, Transaction, timers},
};

/// How many timers are fired at once, so that other changes get their turn.
const BATCH: i64 = 128;

/// Fires timers as they become due, until the engine closes. Begins with those that became due while it was down.
pub(crate) async fn fire_timers(engine: Arc<Engine>) {
    let alarm = &engine.reactions.alarm;
    loop {
        // A timer that is set after the next one was read and before this sleeps must wake it. Until the wake-up time is
        // known, every timer does.
        alarm.sleep_until(i64::MAX);
        let next = match fire_due(&engine).await {
            Ok(Some(next)) => next,
            Ok(None) => {
                alarm.earlier().await;
                continue;
            }
            Err(Fault::Storage(StorageError::Closed)) => return,
            // The store has logged it.
            Err(_) => {
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        alarm.sleep_until(next);
        tokio::select! {
            () = engine.clock.sleep_until(from_millis(next)) => {}
            () = alarm.earlier() => {}
        }
    }
}

/// Fires the timers that are due. Returns when the next one is due.
async fn fire_due(engine: &Arc<Engine>) -> Result<Option<i64>, Fault> {
    let now = millis(engine.clock.now());
    let due = engine.store.read(move |connection| Ok(timers::due(connection, now, BATCH)?)).await?;
    // Each timer is a change of its own, so that one that fails does not affect the others.
    let mut firing = JoinSet::new();
    for (execution, timer) in due {
        let engine = engine.clone();
        firing.spawn(async move { fire(&engine, execution, timer).await });
    }
    while let Some(fired) = firing.join_next().await {
        fired.map_err(|_| StorageError::Internal)??;
    }
    engine.store.read(|connection| Ok(timers::next(connection)?)).await
}

/// How far a timer is postponed when its activation fails, in milliseconds, so that it does not hold up the others.
const PUT_OFF: i64 = 60_000;

async fn fire(engine: &Engine, execution: ExecutionId, timer: TimerId) -> Result<(), Fault> {
    let fire = move |transaction: &mut Transaction<'_>| {
        timers::clear(transaction.connection, execution, timer)?;
        // A timer that nothing waits for was cleared too late; that is harmless.
        let _ = transaction.deliver(execution, Event::TimerFired { timer })?;
        Ok(())
    };
    let put_off = move |transaction: &mut Transaction<'_>| {
        timers::set(transaction.connection, execution, timer, millis(transaction.now) + PUT_OFF)?;
        Ok(())
    };
    match engine.store.write(fire).await {
        Err(Fault::Storage(StorageError::Internal | StorageError::Damaged)) => engine.store.write(put_off).await,
        fired => fired,
    }
}
