//! Deletes in the background and in small steps: state machines and activities that a request has deleted, executions
//! whose retention has ended, and the free pages that they leave in the database.

use std::{sync::Arc, time::Duration};

use super::RETRY_DELAY;
use crate::{
    clock::{from_millis, millis},
    deletion::delete_some_of,
    engine::Engine,
    protocol::Fault,
    store::{Result, StorageError, Transaction, activities, removal, state_machines, vacuum},
};

/// The maximum number of executions that one change deletes.
const MAX_EXECUTIONS: usize = 100;
/// The maximum number of offers to workers that one change deletes.
const MAX_OFFERS: i64 = 1_000;
/// The number of rows of one execution that are deleted before the time is checked again.
const ROWS: usize = 32;
/// The maximum number of free pages that one change returns to the file system: 1 MB.
const MAX_PAGES: i64 = 256;
/// The maximum time for which one change deletes rows of executions.
const MAX_STEP: Duration = Duration::from_millis(5);
/// The pause between two changes, so that deletions take little of the writer's time.
const PAUSE: Duration = Duration::from_millis(20);
/// The maximum interval at which executions are checked for the end of their retention.
const MAX_INTERVAL: Duration = Duration::from_secs(60 * 60);
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Carries out deletions as they are requested, starting with those that were unfinished when the database was closed.
pub(crate) async fn carry_out_deletions(engine: Arc<Engine>) {
    loop {
        match step(&engine).await {
            Ok(true) => tokio::time::sleep(PAUSE).await,
            Ok(false) => wait(&engine).await,
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => tokio::time::sleep(RETRY_DELAY).await,
        }
    }
}

/// Carries out a step. Returns whether there may be more to do.
async fn step(engine: &Engine) -> Result<bool, Fault> {
    let is_deleting = engine.store.write(delete_some).await?;
    Ok(is_deleting
        || engine.store.write(|transaction| Ok(vacuum::release_pages(transaction.connection, MAX_PAGES)?)).await?)
}

/// Waits until a request deletes something, or the retention of an execution may have ended.
async fn wait(engine: &Engine) {
    let begun = engine.reactions.deletions.notified();
    let Some(retention) = engine.options.retention else { return begun.await };
    // Taken before the read: an execution that ends after it must be found no later than one retention from now.
    let now = engine.clock.now();
    // If this fails, the next step fails as well and logs why.
    let earliest = engine.store.read(|connection| Ok(removal::earliest_end(connection)?)).await.ok().flatten();
    let retention_left = retention.try_into().unwrap_or(time::Duration::MAX);
    let expires = earliest.and_then(|stopped| from_millis(stopped + 1).checked_add(retention_left));
    if expires.is_some_and(|expires| expires <= now) {
        return;
    }
    // An execution that ends from now on is found by the next check.
    let check = now + retention.clamp(MIN_INTERVAL, MAX_INTERVAL);
    tokio::select! {
        () = begun => {}
        () = engine.clock.sleep_until(expires.map_or(check, |expires| expires.min(check))) => {}
    }
}

fn delete_some(transaction: &mut Transaction<'_>) -> Result<bool> {
    let connection = transaction.connection;
    let begun = transaction.clock.monotonic();
    while removal::step(connection, ROWS)? {
        if transaction.clock.monotonic().saturating_sub(begun) > MAX_STEP {
            return Ok(true);
        }
    }
    let deleting = state_machines::deleting(connection)?;
    for machine in &deleting {
        let _ = delete_some_of(transaction, machine.id, &machine.name)?;
    }
    let has_offers = activities::sweep(connection, MAX_OFFERS)?;
    let is_expiring = delete_expired(transaction)?;
    Ok(has_offers || is_expiring || !deleting.is_empty() || removal::is_pending(connection)?)
}

/// Deletes some executions whose retention has ended. Returns whether there were any.
fn delete_expired(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    let Some(retention) = transaction.options.retention else { return Ok(false) };
    let Some(before) = transaction.now.checked_sub(retention.try_into().unwrap_or(time::Duration::MAX)) else {
        return Ok(false);
    };
    let expired = removal::ended_before(transaction.connection, millis(before), MAX_EXECUTIONS)?;
    for execution in &expired {
        removal::begin(transaction.connection, *execution)?;
    }
    Ok(!expired.is_empty())
}
