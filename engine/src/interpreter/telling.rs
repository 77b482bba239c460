//! Writing the history.

use super::{TaskId, run::Run, state::BranchId};
use crate::history::{EventKind, HistoryEvent, MAX_EVENTS};

/// Ids of tasks that no history shows start here, far above those of events.
const FIRST_HIDDEN_TASK: i64 = 1 << 40;

impl Run<'_> {
    /// Writes an event of a branch, the next after its previous one.
    pub fn tell(&mut self, id: BranchId, kind: EventKind) -> i64 {
        let event = self.tell_aside(id, self.branch(id).previous, kind);
        self.change(id, |branch| branch.previous = event);
        event
    }

    /// Writes an event of a branch that the branch's next event does not name.
    pub fn tell_aside(&mut self, id: BranchId, previous: i64, kind: EventKind) -> i64 {
        if let Some(holder) = self.hidden_by(id)
            && let Some(count) = self.state.branches.get_mut(&holder).and_then(|branch| branch.hidden_events.as_mut())
        {
            *count += 1;
            return *count;
        }
        self.record(previous, kind)
    }

    /// The item of a distributed Map that a branch is or belongs to: an execution of its own on AWS, whose events its
    /// parent does not show.
    fn hidden_by(&self, id: BranchId) -> Option<BranchId> {
        let mut holder = id;
        loop {
            let branch = self.state.branches.get(&holder)?;
            if branch.hidden_events.is_some() {
                return Some(holder);
            }
            holder = branch.parent?;
        }
    }

    pub fn is_hidden(&self, id: BranchId) -> bool {
        self.hidden_by(id).is_some()
    }

    pub fn hidden_history_is_full(&self, id: BranchId) -> bool {
        let count = self.hidden_by(id).and_then(|holder| self.branch(holder).hidden_events);
        count.is_some_and(|count| count >= MAX_EVENTS)
    }

    /// The id of the task that a branch is about to schedule: that of the event to come.
    pub fn next_task(&mut self, id: BranchId) -> TaskId {
        if self.is_hidden(id) {
            let task = FIRST_HIDDEN_TASK + self.state.next_timer;
            self.state.next_timer += 1;
            return TaskId(task);
        }
        TaskId(self.state.next_event)
    }

    /// Writes an event of the execution itself.
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
