//! Timers: one task sleeps until the next is due. All of them are rows; none is in memory.

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

/// Timers fired at once; other changes get in between.
const BATCH: i64 = 128;

/// Fires every timer when it is due, for as long as the engine runs. After a start that is all that came due
/// meanwhile.
pub(crate) async fn fire_timers(engine: Arc<Engine>) {
    let alarm = &engine.reactions.alarm;
    loop {
        // A timer that is set between reading the next one and sleeping must wake the sleeper: until it is known
        // what to sleep for, every timer does.
        alarm.sleep_until(i64::MAX);
        let next = match fire_due(&engine).await {
            Ok(Some(next)) => next,
            Ok(None) => {
                alarm.earlier().await;
                continue;
            }
            Err(Fault::Storage(StorageError::Closed)) => return,
            // It is in the log already.
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

/// Fires what is due, and says when the next is.
async fn fire_due(engine: &Arc<Engine>) -> Result<Option<i64>, Fault> {
    let now = millis(engine.clock.now());
    let due = engine.store.read(move |connection| Ok(timers::due(connection, now, BATCH)?)).await?;
    // Each is a change of its own, which the writer commits together: one that breaks spoils no other.
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

/// A timer whose activation breaks is put off by this much, in milliseconds: the fault is in the log, and the others
/// must not wait for it.
const PUT_OFF: i64 = 60_000;

async fn fire(engine: &Engine, execution: ExecutionId, timer: TimerId) -> Result<(), Fault> {
    let fire = move |transaction: &mut Transaction<'_>| {
        timers::clear(transaction.connection, execution, timer)?;
        // One that nothing waits for has only been cleared late.
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
