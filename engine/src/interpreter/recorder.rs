//! Recording history events.

use super::{TaskId, advance::Interpreter, state::BranchId};
use crate::history::{EventKind, HistoryEvent, MAX_EVENTS};

impl Interpreter<'_> {
    /// Records an event of a branch, after the branch's previous event.
    pub fn record(&mut self, id: BranchId, kind: EventKind) -> i64 {
        let event = self.record_after(self.branch(id).previous, kind);
        self.change(id, |branch| branch.previous = event);
        event
    }

    /// The id of a task whose TaskScheduled event is recorded next.
    pub fn next_task(&self) -> TaskId {
        TaskId { event: self.state.next_event, nonce: (self.facts.nonce)() }
    }

    /// Records an event after `previous`, without making it the previous event of a branch.
    pub fn record_after(&mut self, previous: i64, kind: EventKind) -> i64 {
        let id = self.state.next_event;
        if id >= MAX_EVENTS {
            // The last id is reserved for the event that ends the execution.
            self.history_is_full = true;
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

    /// Records the event that ends the execution.
    pub fn record_end(&mut self, previous: i64, kind: EventKind) {
        self.push(previous, kind);
    }
}
