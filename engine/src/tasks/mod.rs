//! What goes on between requests: timers that fire, calls that are made, workers and callers that wait.

mod calls;
mod deletions;
mod endings;
mod envelope;
mod item_reader;
mod map_runs;
mod nested;
mod result_writer;
mod services;
mod timers;
mod workers;

pub(crate) use calls::{Calls, make_calls};
pub(crate) use deletions::{Deleted, Deletions, carry_out_deletions, delete_some_of};
pub(crate) use endings::Endings;
pub(crate) use map_runs::{MapRuns, start_children};
pub(crate) use services::call_once;
pub(crate) use timers::{Alarm, fire_timers};
pub(crate) use workers::Workers;

use std::time::Duration;

/// How long to wait before trying again what the database could not do.
const AGAIN: Duration = Duration::from_secs(1);
