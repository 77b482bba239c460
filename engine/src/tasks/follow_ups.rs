//! Delivers the events that follow from changes whose own transactions had no room for them: the end of an execution
//! that thousands wait for, the stop of a map run of a thousand children.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::AGAIN;
use crate::{
    clock::{from_millis, millis},
    engine::Engine,
    protocol::Fault,
    store::{StorageError, Transaction, follow_ups},
};

/// Follow-ups delivered at once; other changes get in between.
const BATCH: i64 = 64;
/// A follow-up that cannot be delivered is put off by this much, in milliseconds, so that it does not hold up others.
const PUT_OFF: i64 = 60_000;

/// Delivers follow-ups as they come, and those that an earlier run of the engine has left.
pub(crate) async fn deliver_follow_ups(engine: Arc<Engine>) {
    loop {
        match deliver_due(&engine).await {
            Ok(None) => engine.reactions.follow_ups.notified().await,
            Ok(Some(next)) if next <= millis(engine.clock.now()) => {}
            Ok(Some(next)) => tokio::select! {
                () = engine.reactions.follow_ups.notified() => {}
                () = engine.clock.sleep_until(from_millis(next)) => {}
            },
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Delivers what is due, and says when the next is.
async fn deliver_due(engine: &Arc<Engine>) -> Result<Option<i64>, Fault> {
    let now = millis(engine.clock.now());
    let due = engine.store.read(move |connection| Ok(follow_ups::due(connection, now, BATCH)?)).await?;
    let mut delivering = JoinSet::new();
    for id in due {
        let engine = engine.clone();
        delivering.spawn(async move { deliver(&engine, id).await });
    }
    while let Some(delivered) = delivering.join_next().await {
        delivered.map_err(|_| StorageError::Internal)??;
    }
    engine.store.read(|connection| Ok(follow_ups::next(connection)?)).await
}

async fn deliver(engine: &Engine, id: i64) -> Result<(), Fault> {
    let deliver = move |transaction: &mut Transaction<'_>| {
        if let Some((execution, event)) = follow_ups::take(transaction.connection, id)? {
            // One that waits no more is no fault of the event.
            let _ = transaction.deliver(execution, event)?;
        }
        Ok(())
    };
    let put_off = move |transaction: &mut Transaction<'_>| {
        Ok(follow_ups::put_off(transaction.connection, id, millis(transaction.now) + PUT_OFF)?)
    };
    match engine.store.write(deliver).await {
        // The fault is in the log.
        Err(Fault::Storage(StorageError::Internal | StorageError::Damaged)) => engine.store.write(put_off).await,
        delivered => delivered,
    }
}
