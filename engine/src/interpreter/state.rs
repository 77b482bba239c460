//! The state of an execution between two events: where each of its branches is.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Payload, TaskId, TimerId,
    branches::Branches,
    stored::{Awaited, PartChanges, StoredState},
};
use crate::{definition::Definition, history::MAX_EVENTS};

/// A sequence of states: the execution itself, a branch of a Parallel or an iteration of a Map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct BranchId(pub u32);

/// The state of an execution. It is small: it contains neither the definition, nor the execution's input, nor the
/// branches within Parallel and inline Map states.
///
/// Store it in serialized form together with [its changes](ExecutionState::take_changes), and use it only with the same
/// definition and facts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExecutionState {
    #[serde(rename = "e")]
    pub(super) next_event: i64,
    #[serde(rename = "t")]
    pub(super) next_timer: i64,
    #[serde(rename = "n")]
    pub(super) next_branch: u32,
    /// The timer for TimeoutSeconds of the state machine.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<TimerId>,
    #[serde(rename = "b", default, skip_serializing_if = "Branches::is_empty")]
    pub(super) branches: Branches,
    /// Branches that can run immediately, if a step ended before it had run them.
    #[serde(rename = "r", default, skip_serializing_if = "VecDeque::is_empty")]
    pub(super) ready: VecDeque<BranchId>,
    /// The timer that resumes the ready branches.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub(super) resumption: Option<TimerId>,
    #[serde(rename = "o", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) over: bool,
    /// What has changed since the last call of [`take_changes`](Self::take_changes).
    #[serde(skip)]
    pub(super) parts: PartChanges,
}

impl ExecutionState {
    /// The state of an execution that has not been started. Its first event is [`Event::Start`](super::Event::Start).
    #[must_use]
    pub fn new() -> Self {
        Self {
            next_event: 1,
            next_timer: 1,
            next_branch: 0,
            deadline: None,
            branches: Branches::default(),
            ready: VecDeque::new(),
            resumption: None,
            over: false,
            parts: PartChanges::default(),
        }
    }

    /// Whether the definition has the state that the execution is in. [`advance`](super::advance) panics otherwise.
    #[must_use]
    pub fn fits(&self, definition: &Definition) -> bool {
        self.branches.iter().all(|(_, branch)| branch.fits(definition))
    }

    /// The interval in seconds of the heartbeat that the timer belongs to. Returns `None` if it is not a heartbeat
    /// timer.
    pub(crate) fn heartbeat_interval(&mut self, timer: TimerId, stored: &dyn StoredState) -> Option<i64> {
        let id = self.branches.awaiting(Awaited::Timer(timer), stored)?;
        match &self.branches.get(id)?.phase {
            Phase::Task(pending) => {
                pending.heartbeat.as_ref().filter(|beat| beat.timer == timer).map(|beat| beat.seconds)
            }
            _ => None,
        }
    }

    /// Whether [`Event::Redrive`](super::Event::Redrive) can resume the execution: it has ended without success, and
    /// its history has room.
    #[must_use]
    pub fn is_redrivable(&self) -> bool {
        self.over && !self.branches.is_empty() && self.next_event < MAX_EVENTS
    }
}

impl Default for ExecutionState {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a branch is. It is opaque outside of the interpreter, except for what rows of branches are looked up by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Branch {
    /// The branch that encloses this one. `None` for the execution itself.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<BranchId>,
    /// The index of the branch of a Parallel, or of the item of a Map.
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    pub(super) index: usize,
    /// The name of its current state.
    #[serde(rename = "s")]
    pub(super) state: String,
    /// The raw input of the state, or `None` if it is the input of the execution.
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<Payload>,
    /// The id of the StateEntered event.
    #[serde(rename = "e")]
    pub(super) entered: i64,
    /// When the state was entered, in milliseconds since 1970.
    #[serde(rename = "at")]
    pub(super) entered_at: i64,
    /// The last event of this branch, which its next event names as the previous one.
    #[serde(rename = "l")]
    pub(super) previous: i64,
    /// The event before StateEntered.
    #[serde(rename = "c")]
    pub(super) before_entry: i64,
    /// The variables assigned within this branch. It can also read those of the branches that enclose it.
    #[serde(rename = "v", default, skip_serializing_if = "Map::is_empty")]
    pub(super) variables: Map<String, Value>,
    /// How often each Retrier of the state has been used.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attempts: Vec<u32>,
    #[serde(rename = "ph", default, skip_serializing_if = "Phase::is_ready")]
    pub(super) phase: Phase,
}

impl Branch {
    /// The branch that encloses this one. `None` for the execution itself.
    pub fn parent(&self) -> Option<u32> {
        self.parent.map(|parent| parent.0)
    }

    /// The task or map run that the branch waits for.
    pub fn awaited_task(&self) -> Option<TaskId> {
        match &self.phase {
            Phase::Task(pending) => Some(pending.task),
            Phase::MapRun { run, .. } => Some(*run),
            Phase::Ready
            | Phase::Settled
            | Phase::Waiting { .. }
            | Phase::BackingOff { .. }
            | Phase::Parallel { .. }
            | Phase::Map(_) => None,
        }
    }

    /// The timer that the branch waits for, and the heartbeat timer of its task.
    pub fn awaited_timers(&self) -> (Option<TimerId>, Option<TimerId>) {
        match &self.phase {
            Phase::Waiting { timer } | Phase::BackingOff { timer } => (Some(*timer), None),
            Phase::Task(pending) => (pending.timeout, pending.heartbeat.as_ref().map(|heartbeat| heartbeat.timer)),
            Phase::Ready | Phase::Settled | Phase::Parallel { .. } | Phase::Map(_) | Phase::MapRun { .. } => {
                (None, None)
            }
        }
    }

    pub(super) fn awaits(&self, awaited: Awaited) -> bool {
        match awaited {
            Awaited::Task(task) => self.awaited_task() == Some(task),
            Awaited::Timer(timer) => {
                let (first, second) = self.awaited_timers();
                first == Some(timer) || second == Some(timer)
            }
        }
    }

    /// Whether the definition has the state that the branch is in.
    pub(crate) fn fits(&self, definition: &Definition) -> bool {
        definition.state_named(&self.state).is_some()
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn is_none_yet(number: &u32) -> bool {
    *number == 0
}

/// What a branch is doing in its current state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) enum Phase {
    /// The state has just been entered.
    #[default]
    #[serde(rename = "r")]
    Ready,
    /// The branch no longer waits: its answer has arrived, or it is time for the next attempt.
    #[serde(rename = "s")]
    Settled,
    #[serde(rename = "w")]
    Waiting { timer: TimerId },
    #[serde(rename = "t")]
    Task(Pending),
    /// Waiting for the next attempt after a failure.
    #[serde(rename = "b")]
    BackingOff { timer: TimerId },
    #[serde(rename = "p")]
    Parallel {
        /// The number of branches that are still running.
        running: usize,
    },
    #[serde(rename = "m")]
    Map(Box<Mapping>),
    /// In a distributed Map, whose items are executions of their own. The branch stays in this phase if the run has
    /// failed, so that it can be redriven.
    #[serde(rename = "d")]
    MapRun {
        #[serde(rename = "k")]
        run: TaskId,
        #[serde(rename = "n", default, skip_serializing_if = "is_none_yet")]
        redrives: u32,
    },
}

impl Phase {
    fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

/// A task that has been scheduled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    #[serde(rename = "k")]
    pub task: TaskId,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimerId>,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
    /// Whether the call has returned, or an activity worker has taken the task.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    pub acknowledged: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Heartbeat {
    #[serde(rename = "s")]
    pub seconds: i64,
    #[serde(rename = "t")]
    pub timer: TimerId,
}

/// The progress of an inline Map.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mapping {
    /// Whether the items are stored, because they are not the state's input.
    #[serde(rename = "v", default, skip_serializing_if = "std::ops::Not::not")]
    pub stores_items: bool,
    #[serde(rename = "n")]
    pub total: usize,
    /// The number of iterations started so far.
    #[serde(rename = "s")]
    pub started: usize,
    #[serde(rename = "r")]
    pub running: usize,
    /// 0 means no limit.
    #[serde(rename = "c", default, skip_serializing_if = "is_zero")]
    pub concurrency: usize,
}
