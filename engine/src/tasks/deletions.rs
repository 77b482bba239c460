//! What is deleted in the background, in small steps: state machines and activities that a request deletes, executions
//! whose retention is over, and the free pages that they leave in the database.

use std::{sync::Arc, time::Duration};

use super::AGAIN;
use crate::{
    clock::{from_millis, millis},
    deletion::delete_some_of,
    engine::Engine,
    protocol::Fault,
    store::{Result, StorageError, Transaction, activities, removal, state_machines, vacuum},
};

/// Executions that one change deletes.
const SOME: usize = 100;
/// Offers to workers that one change deletes.
const OFFERS: i64 = 1_000;
/// Rows of one execution that are deleted between two looks at the time.
const ROWS: usize = 32;
/// Free pages that one change gives back: 1 MB.
const PAGES: i64 = 256;
/// How long one change may delete what executions have left.
const STEP: Duration = Duration::from_millis(5);
/// Between two changes, so that deleting takes a small part of the writer's time.
const PAUSE: Duration = Duration::from_millis(20);
/// How often to look for executions whose retention is over.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Carries out deletions as they come, and those that an earlier run of the engine has left.
pub(crate) async fn carry_out_deletions(engine: Arc<Engine>) {
    loop {
        match step(&engine).await {
            Ok(true) => tokio::time::sleep(PAUSE).await,
            Ok(false) => wait(&engine).await,
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Goes a step on; whether there may be more to do.
async fn step(engine: &Engine) -> Result<bool, Fault> {
    let is_deleting = engine.store.write(delete_some).await?;
    Ok(is_deleting || engine.store.write(|transaction| Ok(vacuum::give_back(transaction.connection, PAGES)?)).await?)
}

/// Waits until a request deletes something or the retention of an execution may be over.
async fn wait(engine: &Engine) {
    let begun = engine.reactions.deletions.notified();
    let Some(retention) = engine.options.retention else { return begun.await };
    // Failing here means failing in the next step, which logs it.
    let earliest = engine.store.read(|connection| Ok(removal::earliest_end(connection)?)).await.ok().flatten();
    let now = engine.clock.now();
    let retention_left = retention.try_into().unwrap_or(time::Duration::MAX);
    let expires = earliest.and_then(|stopped| from_millis(stopped + 1).checked_add(retention_left));
    if expires.is_some_and(|expires| expires <= now) {
        return;
    }
    // An execution that ends from now on is found at the next look.
    let look = now + retention.clamp(SHORTEST_INTERVAL, INTERVAL);
    tokio::select! {
        () = begun => {}
        () = engine.clock.sleep_until(expires.map_or(look, |expires| expires.min(look))) => {}
    }
}

fn delete_some(transaction: &mut Transaction<'_>) -> Result<bool> {
    let connection = transaction.connection;
    let begun = transaction.clock.monotonic();
    while removal::step(connection, ROWS)? {
        if transaction.clock.monotonic().saturating_sub(begun) > STEP {
            return Ok(true);
        }
    }
    let deleting = state_machines::deleting(connection)?;
    for machine in &deleting {
        let _ = delete_some_of(transaction, machine.id, &machine.name)?;
    }
    let has_offers = activities::sweep(connection, OFFERS)?;
    let is_expiring = delete_expired(transaction)?;
    Ok(has_offers || is_expiring || !deleting.is_empty() || removal::is_pending(connection)?)
}

/// Deletes some executions whose retention is over; whether there were any.
fn delete_expired(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    let Some(retention) = transaction.options.retention else { return Ok(false) };
    let Some(before) = transaction.now.checked_sub(retention.try_into().unwrap_or(time::Duration::MAX)) else {
        return Ok(false);
    };
    let expired = removal::ended_before(transaction.connection, millis(before), SOME)?;
    for execution in &expired {
        removal::begin(transaction.connection, *execution)?;
    }
    Ok(!expired.is_empty())
}
