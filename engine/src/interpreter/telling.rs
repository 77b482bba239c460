//! Writing the history.

use super::{TaskId, run::Run, state::BranchId};
use crate::history::{EventKind, HistoryEvent, MAX_EVENTS};

impl Run<'_> {
    /// Writes an event of a branch, the next after its previous one.
    pub fn tell(&mut self, id: BranchId, kind: EventKind) -> i64 {
        let event = self.record(self.branch(id).previous, kind);
        self.change(id, |branch| branch.previous = event);
        event
    }

    /// A new task, which a branch is about to schedule: the event to come says so.
    pub fn next_task(&self) -> TaskId {
        TaskId { event: self.state.next_event, nonce: (self.facts.nonce)() }
    }

    /// Writes an event that no branch's next event names, of the execution itself or of what a branch is part of.
    pub fn record(&mut self, previous: i64, kind: EventKind) -> i64 {
        let id = self.state.next_event;
        if id >= MAX_EVENTS {
            // The last place is kept for the event that ends the execution.
            self.full = true;
            return id;
        }
        self.push(previous, kind)
    }

    fn push(&mut self, previous_event_id: i64, kind: EventKind) -> i64 {
        let id = self.state.next_event;
        self.state.next_event += 1;
        self.step.events.push(HistoryEvent { id, previous_event_id, timestamp: self.now, kind });
        id
    }

    /// Writes the event that ends the execution.
    pub fn end(&mut self, previous: i64, kind: EventKind) {
        self.push(previous, kind);
    }
}
