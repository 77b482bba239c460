//! What a commit sets off: each part of it wakes whoever waits for it.

mod alarm;
mod endings;
mod workers;

use tokio::sync::{Notify, mpsc};

pub(crate) use self::{alarm::Alarm, endings::Endings, workers::Workers};
use crate::store::{AfterCommit, CallEffect, Effects};

/// Where calls to make and calls to cancel come in.
pub(crate) struct Calls {
    sender: mpsc::UnboundedSender<CallEffect>,
}

impl Calls {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<CallEffect>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender }, receiver)
    }

    pub fn send(&self, effect: CallEffect) {
        // Nobody receives it while the engine closes: the call is in the database and is made after the next opening.
        let _ = self.sender.send(effect);
    }
}

/// What wakes when something has been committed.
pub(crate) struct Reactions {
    pub alarm: Alarm,
    pub calls: Calls,
    pub workers: Workers,
    pub endings: Endings,
    /// Wakes the task that carries out deletions.
    pub deletions: Notify,
    /// Wakes the task that starts the children of map runs.
    pub map_runs: Notify,
    /// Wakes the task that delivers follow-ups.
    pub follow_ups: Notify,
}

impl AfterCommit for Reactions {
    fn perform(&self, effects: Effects) {
        if let Some(due) = effects.earliest_timer {
            self.alarm.set(due);
        }
        effects.calls.into_iter().for_each(|call| self.calls.send(call));
        effects.offers.iter().for_each(|activity| self.workers.wake_one(activity));
        effects.ended.into_iter().for_each(|ended| self.endings.tell(ended));
        if effects.deleting {
            self.deletions.notify_one();
        }
        if effects.map_runs {
            self.map_runs.notify_one();
        }
        if effects.follow_ups {
            self.follow_ups.notify_one();
        }
    }
}

impl Reactions {
    /// Also gives where the calls to make and to cancel come out.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<CallEffect>) {
        let (calls, queue) = Calls::new();
        let reactions = Self {
            alarm: Alarm::default(),
            calls,
            workers: Workers::default(),
            endings: Endings::default(),
            deletions: Notify::new(),
            map_runs: Notify::new(),
            follow_ups: Notify::new(),
        };
        (reactions, queue)
    }
}
