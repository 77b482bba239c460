//! Timers: one task sleeps until the next timer is due. Timers are rows, not kept in memory.

use std::{collections::HashSet, sync::Arc};

use tokio::task::JoinSet;

use super::{AGAIN, long_changes::LongChanges};
use crate::{
    clock::{from_millis, millis},
    engine::Engine,
    interpreter::{Event, TimerId},
    protocol::Fault,
    store::{Begun, ExecutionId, Result, StorageError, Transaction, timers},
};

/// How many timers are fired at once, so that other changes get their turn.
const BATCH: usize = 128;

type Timer = (ExecutionId, TimerId);

/// Fires timers as they become due, until the engine closes. Begins with those that became due while it was down.
pub(crate) async fn fire_timers(engine: Arc<Engine>) {
    let alarm = &engine.reactions.alarm;
    let mut long = LongChanges::default();
    loop {
        // A timer that is set after the next one was read and before this sleeps must wake it. Until the wake-up time is
        // known, every timer does.
        alarm.sleep_until(i64::MAX);
        let next = match fire_due(&engine, &mut long).await {
            Ok(next) => next,
            Err(Fault::Storage(StorageError::Closed)) => return,
            // The store has logged it.
            Err(_) => {
                tokio::time::sleep(AGAIN).await;
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

/// Fires the timers that are due. Returns when the next one is due.
async fn fire_due(engine: &Arc<Engine>, long: &mut LongChanges<Timer>) -> Result<Option<i64>, Fault> {
    let now = millis(engine.clock.now());
    let under_way = long.keys().clone();
    let due = engine.store.read(move |connection| Ok(timers::due(connection, now, &under_way, BATCH)?)).await?;
    // Each timer is a change of its own, so that one that fails does not affect the others.
    let mut firing = JoinSet::new();
    for timer in due {
        let engine = engine.clone();
        firing.spawn(async move { (timer, engine.store.begin(fire(timer)).await) });
    }
    while let Some(fired) = firing.join_next().await {
        match fired.map_err(|_| StorageError::Internal)? {
            (timer, Begun::Settled(fired)) => put_off_if_failed(engine, timer, fired).await?,
            (timer, Begun::TooLong(unfinished)) => {
                let engine = engine.clone();
                long.spawn(timer, async move {
                    let fired = engine.store.finish(unfinished).await;
                    // If this fails, it is still due and is found again.
                    let _ = put_off_if_failed(&engine, timer, fired).await;
                });
            }
        }
    }
    let under_way: HashSet<Timer> = long.keys().clone();
    engine.store.read(move |connection| Ok(timers::next(connection, &under_way)?)).await
}

fn fire((execution, timer): Timer) -> impl Fn(&mut Transaction<'_>) -> Result<()> + Send + 'static {
    move |transaction| {
        // It may have been cleared or put off meanwhile.
        if timers::take_due(transaction.connection, execution, timer, millis(transaction.now))? {
            let _ = transaction.deliver(execution, Event::TimerFired { timer })?;
        }
        Ok(())
    }
}

/// How far a timer is postponed when its activation fails, in milliseconds, so that it does not hold up the others.
const PUT_OFF: i64 = 60_000;

async fn put_off_if_failed(engine: &Engine, (execution, timer): Timer, fired: Result<(), Fault>) -> Result<(), Fault> {
    let put_off = move |transaction: &mut Transaction<'_>| {
        Ok(timers::set(transaction.connection, execution, timer, millis(transaction.now) + PUT_OFF)?)
    };
    match fired {
        Err(Fault::Storage(StorageError::Internal | StorageError::Damaged)) => engine.store.write(put_off).await,
        fired => fired,
    }
}
