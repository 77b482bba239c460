//! Delivers the events that follow from changes whose own transactions had no room for them: the end of an execution
//! that thousands wait for, the stop of a map run of a thousand children.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{AGAIN, long_changes::LongChanges};
use crate::{
    clock::{from_millis, millis},
    engine::Engine,
    protocol::Fault,
    store::{Begun, Result, StorageError, Transaction, follow_ups},
};

/// Follow-ups delivered at once; other changes get in between.
const BATCH: usize = 64;
/// A follow-up that cannot be delivered is put off by this much, in milliseconds, so that it does not hold up others.
const PUT_OFF: i64 = 60_000;

/// Delivers follow-ups as they come, and those that an earlier run of the engine has left.
pub(crate) async fn deliver_follow_ups(engine: Arc<Engine>) {
    let mut long = LongChanges::default();
    loop {
        let next = match deliver_due(&engine, &mut long).await {
            Ok(Some(next)) if next <= millis(engine.clock.now()) => continue,
            Ok(next) => next,
            Err(Fault::Storage(StorageError::Closed)) => return,
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
        tokio::select! {
            () = engine.reactions.follow_ups.notified() => {}
            () = due => {}
            () = long.one_done() => {}
        }
    }
}

/// Delivers what is due, and says when the next is.
async fn deliver_due(engine: &Arc<Engine>, long: &mut LongChanges<i64>) -> Result<Option<i64>, Fault> {
    let now = millis(engine.clock.now());
    let under_way = long.keys().clone();
    let due = engine.store.read(move |connection| Ok(follow_ups::due(connection, now, &under_way, BATCH)?)).await?;
    let mut delivering = JoinSet::new();
    for id in due {
        let engine = engine.clone();
        delivering.spawn(async move { (id, engine.store.begin(deliver(id)).await) });
    }
    while let Some(delivered) = delivering.join_next().await {
        match delivered.map_err(|_| StorageError::Internal)? {
            (id, Begun::Settled(delivered)) => put_off_if_failed(engine, id, delivered).await?,
            (id, Begun::TooLong(unfinished)) => {
                let engine = engine.clone();
                long.spawn(id, async move {
                    let delivered = engine.store.finish(unfinished).await;
                    // If this fails, it is still due and is found again.
                    let _ = put_off_if_failed(&engine, id, delivered).await;
                });
            }
        }
    }
    let under_way = long.keys().clone();
    engine.store.read(move |connection| Ok(follow_ups::next(connection, &under_way)?)).await
}

fn deliver(id: i64) -> impl Fn(&mut Transaction<'_>) -> Result<()> + Send + 'static {
    move |transaction| {
        if let Some((execution, event)) = follow_ups::take(transaction.connection, id)? {
            // The execution may no longer wait for the event, which is not an error.
            let _ = transaction.deliver(execution, event)?;
        }
        Ok(())
    }
}

async fn put_off_if_failed(engine: &Engine, id: i64, delivered: Result<(), Fault>) -> Result<(), Fault> {
    let put_off = move |transaction: &mut Transaction<'_>| {
        Ok(follow_ups::put_off(transaction.connection, id, millis(transaction.now) + PUT_OFF)?)
    };
    match delivered {
        // The fault is in the log.
        Err(Fault::Storage(StorageError::Internal | StorageError::Damaged)) => engine.store.write(put_off).await,
        delivered => delivered,
    }
}
