//! Reactions to a commit: wakes the tasks and callers that wait for what was committed.

mod alarm;
mod endings;
mod workers;

use tokio::sync::{Notify, mpsc};

pub(crate) use self::{alarm::Alarm, endings::Endings, workers::Workers};
use crate::store::{AfterCommit, CallEffect, Effects};

/// The sending end of the queue of calls to make and to cancel.
pub(crate) struct Calls {
    sender: mpsc::UnboundedSender<CallEffect>,
}

impl Calls {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<CallEffect>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender }, receiver)
    }

    pub fn send(&self, effect: CallEffect) {
        // The receiver is gone while the engine closes. The call is in the database and is made after the next start.
        let _ = self.sender.send(effect);
    }
}

/// What is woken after a commit.
pub(crate) struct Reactions {
    /// Wakes the task that fires timers.
    pub timers: Alarm,
    /// Wakes the task that delivers follow-ups.
    pub follow_ups: Alarm,
    pub calls: Calls,
    pub workers: Workers,
    pub endings: Endings,
    /// Wakes the task that carries out deletions.
    pub deletions: Notify,
    /// Wakes the task that starts the children of map runs.
    pub map_runs: Notify,
}

impl AfterCommit for Reactions {
    fn perform(&self, effects: Effects) {
        if let Some(due) = effects.earliest_timer {
            self.timers.set(due);
        }
        effects.calls.into_iter().for_each(|call| self.calls.send(call));
        effects.offers.iter().for_each(|activity| self.workers.wake_one(activity));
        effects.ended.into_iter().for_each(|ended| self.endings.notify(ended));
        if effects.deleting {
            self.deletions.notify_one();
        }
        if effects.map_runs {
            self.map_runs.notify_one();
        }
        if effects.follow_ups {
            // Follow-ups are due at once.
            self.follow_ups.set(i64::MIN);
        }
    }
}

impl Reactions {
    /// Also returns the receiving end of the queue of calls.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<CallEffect>) {
        let (calls, queue) = Calls::new();
        let reactions = Self {
            timers: Alarm::default(),
            calls,
            workers: Workers::default(),
            endings: Endings::default(),
            deletions: Notify::new(),
            map_runs: Notify::new(),
            follow_ups: Alarm::default(),
        };
        (reactions, queue)
    }
}
