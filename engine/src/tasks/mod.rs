//! Background tasks: delivering timers and follow-ups, making calls, deleting, and starting the children of map runs.

mod calls;
mod deletions;
mod envelope;
mod long_changes;
mod map_runs;
mod nested;
mod queue;
mod services;

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

pub(crate) use self::services::call_once;
use crate::{engine::Engine, store::CallEffect};

/// The delay before a failed database operation is retried.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Spawns the background tasks. They end when the engine closes.
pub(crate) fn spawn(engine: &Arc<Engine>, calls: mpsc::UnboundedReceiver<CallEffect>) {
    engine.keep([
        tokio::spawn(queue::deliver_rows::<queue::Timers>(engine.clone())),
        tokio::spawn(calls::make_calls(engine.clone(), calls)),
        tokio::spawn(deletions::carry_out_deletions(engine.clone())),
        tokio::spawn(map_runs::start_children(engine.clone())),
        tokio::spawn(queue::deliver_rows::<queue::FollowUps>(engine.clone())),
    ]);
}
