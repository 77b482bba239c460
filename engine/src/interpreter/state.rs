//! What an execution remembers between two events: where each of its branches is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Part, Payload, TaskId, TimerId};
use crate::{definition::Definition, history::MAX_EVENTS};

/// A line of states: the execution itself, a branch of a Parallel or an iteration of a Map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct BranchId(pub u32);

/// Where an execution is. Small: neither the definition nor the execution's input is in it.
///
/// Meant to be stored as it serialises, and to be read by the same definition and facts only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExecutionState {
    #[serde(rename = "e")]
    pub(super) next_event: i64,
    #[serde(rename = "t")]
    pub(super) next_timer: i64,
    #[serde(rename = "n")]
    pub(super) next_branch: u32,
    /// Of the state machine's own TimeoutSeconds.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<TimerId>,
    #[serde(rename = "b", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) branches: BTreeMap<BranchId, Branch>,
    /// Branches that can go on at once, when a step has ended early.
    #[serde(rename = "r", default, skip_serializing_if = "VecDeque::is_empty")]
    pub(super) ready: VecDeque<BranchId>,
    /// Wakes the ready branches up.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub(super) resumption: Option<TimerId>,
    #[serde(rename = "o", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) over: bool,
    /// What was kept apart since it was last taken, and the branches of which nothing is kept any more.
    #[serde(skip)]
    pub(super) kept: BTreeMap<(BranchId, Part), Payload>,
    #[serde(skip)]
    pub(super) dropped: BTreeSet<BranchId>,
}

impl ExecutionState {
    /// Of an execution that has not been started: its first event is [`Event::Start`](super::Event::Start).
    #[must_use]
    pub fn new() -> Self {
        Self {
            next_event: 1,
            next_timer: 1,
            next_branch: 0,
            deadline: None,
            branches: BTreeMap::new(),
            ready: VecDeque::new(),
            resumption: None,
            over: false,
            kept: BTreeMap::new(),
            dropped: BTreeSet::new(),
        }
    }

    /// Whether all states that it is in are in the definition, so that [`advance`](super::advance) can be called with it.
    #[must_use]
    pub fn fits(&self, definition: &Definition) -> bool {
        self.branches.values().all(|branch| definition.state_named(&branch.state).is_some())
    }

    /// Whether it has succeeded, failed, timed out or been stopped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether [`Event::Redrive`](super::Event::Redrive) can make it go on: it has ended without success, and its
    /// history has room.
    #[must_use]
    /// The seconds between two heartbeats, where the timer is that of a task's heartbeat.
    pub(crate) fn heartbeat_interval(&self, timer: TimerId) -> Option<i64> {
        self.branches.values().find_map(|branch| match &branch.phase {
            Phase::Task(pending) => {
                pending.heartbeat.as_ref().filter(|beat| beat.timer == timer).map(|beat| beat.seconds)
            }
            _ => None,
        })
    }

    pub fn is_redrivable(&self) -> bool {
        self.over && !self.branches.is_empty() && self.next_event < MAX_EVENTS
    }
}

impl Default for ExecutionState {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Branch {
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<BranchId>,
    /// Which branch of the Parallel, which item of the Map.
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    pub index: usize,
    /// The name of the state it is in.
    #[serde(rename = "s")]
    pub state: String,
    /// The state's raw input; none where it is the execution's.
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Payload>,
    /// The id of the StateEntered event.
    #[serde(rename = "e")]
    pub entered: i64,
    /// Milliseconds since 1970.
    #[serde(rename = "at")]
    pub entered_at: i64,
    /// The last event of this branch: what its next event names as the previous one.
    #[serde(rename = "l")]
    pub previous: i64,
    /// The event before StateEntered.
    #[serde(rename = "c")]
    pub came_from: i64,
    /// Those assigned within this branch; it sees those of the branches around it too.
    #[serde(rename = "v", default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// How often each Retrier of the state has been used.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<u32>,
    #[serde(rename = "ph", default, skip_serializing_if = "Phase::is_ready")]
    pub phase: Phase,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn is_none_yet(number: &u32) -> bool {
    *number == 0
}

/// What a branch is doing in its state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Just entered.
    #[default]
    #[serde(rename = "r")]
    Ready,
    /// What it waited for has come, or the time to try again.
    #[serde(rename = "s")]
    Settled,
    #[serde(rename = "w")]
    Waiting { timer: TimerId },
    #[serde(rename = "t")]
    Task(Pending),
    /// Between a failure and the next try.
    #[serde(rename = "b")]
    BackingOff { timer: TimerId },
    #[serde(rename = "p")]
    Parallel {
        /// How many branches are still running.
        running: usize,
    },
    #[serde(rename = "m")]
    Map(Box<Mapping>),
    /// A distributed Map: its items are executions of their own. Stays when the run has failed, for a redrive.
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
    pub under_way: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Heartbeat {
    #[serde(rename = "s")]
    pub seconds: i64,
    #[serde(rename = "t")]
    pub timer: TimerId,
}

/// An inline Map's progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mapping {
    /// Whether the iterations run over something else than the state's input, which is kept then.
    #[serde(rename = "v", default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_items: bool,
    #[serde(rename = "n")]
    pub total: usize,
    /// How many iterations have been started.
    #[serde(rename = "s")]
    pub started: usize,
    #[serde(rename = "r")]
    pub running: usize,
    /// 0 means no limit.
    #[serde(rename = "c", default, skip_serializing_if = "is_zero")]
    pub concurrency: usize,
}

impl Pending {
    /// Whether a timer is one of this task's: its timeout, or (`true`) its heartbeat.
    pub fn is_due(&self, timer: TimerId) -> Option<bool> {
        if self.timeout == Some(timer) {
            return Some(false);
        }
        self.heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.timer == timer).then_some(true)
    }
}
