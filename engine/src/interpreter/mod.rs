//! The pure interpreter: (definition, state, event) in, (history events, commands) out.
//!
//! It performs no I/O. The caller passes the time and the seed for jitter and ids, so a test can run any execution
//! without sleeping, and the same inputs produce the same history. The exceptions are functions that are random or read
//! the clock by definition, such as `States.UUID` and `$now` (see [`query`](crate::query)), and JSONata's time limit.

mod advance;
mod batches;
mod branches;
mod commands;
mod context;
mod data_flow;
mod failure;
mod items;
mod map;
mod map_limits;
mod map_run;
mod parallel;
mod recorder;
mod redrive;
mod simple;
mod state;
mod stored;
mod task;
#[cfg(test)]
mod tests;
mod transitions;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

pub use crate::{definition::Pattern, payload::Payload};
use crate::{
    definition::{MachineId, State},
    history::HistoryEvent,
    query::Budget,
};
pub use advance::advance;
pub use batches::ItemProgress;
pub(crate) use context::timestamp;
pub use items::{Destination, ItemReading, ResultWriting};
pub use map_run::{Children, MapRunOutcome, MapRunPlan, child_input, exceeds_tolerance, more_children};
pub use state::{Branch, ExecutionState};
pub use stored::{Awaited, NothingStored, Part, StateChanges, StoredState};

/// The facts about an execution that don't change during a step.
///
/// The same facts and events produce the same history, except for functions that are random by definition.
pub struct ExecutionFacts<'a> {
    pub execution_arn: &'a str,
    pub execution_name: &'a str,
    /// What the execution runs: the root of the definition or, for a child of a map run, the processor of the Map.
    pub machine: MachineId,
    /// The timeout: TimeoutSeconds of the state machine, or the limit of the execution's type.
    pub timeout_seconds: Option<i64>,
    pub state_machine_arn: &'a str,
    /// The name as in the ARN. For a child of a map run it is `<state machine>/<label>`.
    pub state_machine_name: &'a str,
    pub state_machine_version_arn: Option<&'a str>,
    pub state_machine_alias_arn: Option<&'a str>,
    pub role_arn: &'a str,
    pub started: OffsetDateTime,
    /// The input exactly as StartExecution received it.
    pub input: &'a Payload,
    /// The number of redrives so far.
    pub redrive_count: u32,
    /// The time of the last redrive.
    pub redriven: Option<OffsetDateTime>,
    /// The seed for jitter and the ids of map runs. It differs from execution to execution.
    pub seed: u64,
    /// Returns a random nonce for a task that is about to be scheduled, never [`Nonce::NONE`].
    pub nonce: &'a dyn Fn() -> Nonce,
    /// Returns the token that answers a task. It is unguessable, and always the same for the same task.
    pub token: &'a dyn Fn(TaskId) -> String,
    /// Whether an activity with this ARN exists.
    pub has_activity: &'a dyn Fn(&str) -> bool,
    /// Whether the step has used up its time. The step then ends, and a later one continues. Checked before each state.
    pub out_of_time: &'a dyn Fn() -> bool,
    /// Reads what earlier steps have stored apart from the state. See [`ExecutionState::take_changes`].
    pub stored: &'a dyn StoredState,
    /// Limits what the step may compute. If [a part of a budget](Budget::part) is exhausted after the step, the step is
    /// void and must be repeated from the same state with a whole budget.
    pub budget: Arc<Budget>,
    /// Set only when a single state is tested.
    pub probe: Option<&'a Probe<'a>>,
}

/// Observes and influences the test of a single state.
pub struct Probe<'a> {
    /// Receives the data at each stage of a state, by the stage's name in InspectionData.
    pub inspect: &'a dyn Fn(&State, &'static str, &Payload),
    /// Replaces the context object of the execution, if set.
    pub context: Option<&'a Map<String, Value>>,
}

impl ExecutionFacts<'_> {
    fn region(&self) -> &str {
        self.state_machine_arn.split(':').nth(3).unwrap_or_default()
    }

    fn account(&self) -> &str {
        self.state_machine_arn.split(':').nth(4).unwrap_or_default()
    }
}

/// The result of an event. Write the events and the state before you carry out the commands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    pub events: Vec<HistoryEvent>,
    pub commands: Vec<Command>,
}

/// One attempt at a task of an execution. Each retry is a new attempt.
///
/// The event id alone does not identify an attempt: the ids restart at 1 when an execution restarts, and repeat when
/// the database is restored from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(i64, Nonce)", into = "(i64, Nonce)")]
pub struct TaskId {
    /// The id of the TaskScheduled event or, for a map run, of MapRunStarted.
    pub event: i64,
    /// Differs for each attempt.
    pub nonce: Nonce,
}

impl From<(i64, Nonce)> for TaskId {
    fn from((event, nonce): (i64, Nonce)) -> Self {
        Self { event, nonce }
    }
}

impl From<TaskId> for (i64, Nonce) {
    fn from(task: TaskId) -> Self {
        (task.event, task.nonce)
    }
}

/// A random number for one attempt at a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(pub i64);

impl Nonce {
    /// The nonce of tasks that were scheduled by releases up to schema 3, which had no nonces.
    pub const NONE: Self = Self(0);
}

/// A timer of one execution. The interpreter numbers timers and never reuses a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimerId(pub i64);

/// An event that is delivered to an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Start,
    /// An activity worker has taken the task.
    ActivityStarted {
        task: TaskId,
        worker_name: Option<String>,
    },
    /// The answer to a [`Command::Perform`] of a request-response task, or from an activity worker or the holder of a
    /// task token.
    TaskSucceeded {
        task: TaskId,
        output: Payload,
    },
    TaskFailed {
        task: TaskId,
        error: Option<String>,
        cause: Option<String>,
    },
    /// The call of a `.waitForTaskToken` or `.sync` task has returned. The task now waits for its answer.
    TaskSubmitted {
        task: TaskId,
        output: Payload,
    },
    /// Restarts the heartbeat timer, but not the timeout. Adds no history event.
    TaskHeartbeat {
        task: TaskId,
    },
    /// The map run of a distributed Map has ended.
    MapRunEnded {
        run: TaskId,
        outcome: MapRunOutcome,
    },
    TimerFired {
        timer: TimerId,
    },
    /// RedriveExecution: an execution that failed, timed out or was stopped resumes. The facts already count this
    /// redrive.
    Redrive,
    /// StopExecution.
    Stop {
        error: Option<String>,
        cause: Option<String>,
    },
}

/// What the caller must do after it has committed the step.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make the call of a task at least once, and answer with TaskSucceeded, TaskSubmitted or TaskFailed.
    Perform {
        task: TaskId,
        /// 1 for the first attempt at the state, and one more for each retry.
        attempt: u32,
        /// When the task times out.
        due: Option<OffsetDateTime>,
        work: Work,
    },
    SetTimer {
        timer: TimerId,
        due: OffsetDateTime,
    },
    /// Postpone a timer.
    PostponeTimer {
        timer: TimerId,
        due: OffsetDateTime,
    },
    ClearTimer {
        timer: TimerId,
    },
    /// Start a map run. Read its items if necessary, start its children as its limits allow, write its results if
    /// requested, and answer with MapRunEnded.
    StartMapRun {
        run: TaskId,
        plan: MapRunPlan,
    },
    /// Redrive the children of a map run that have not succeeded, and answer with MapRunEnded.
    RedriveMapRun {
        run: TaskId,
    },
    /// Stop waiting for a task or a map run, because it timed out or its branch was aborted.
    Abandon {
        task: TaskId,
        /// The ARN of the activity, if no worker has taken the task yet.
        offered_to: Option<String>,
    },
    /// The execution has ended.
    Finish(Outcome),
}

/// The call behind a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// A Lambda ARN as the Resource. The payload is sent, and the answer is that of the function.
    Function { function: String, payload: Payload },
    /// An action of an integrated service, for example `dynamodb` and `putItem`.
    Service { service: String, action: String, pattern: Pattern, parameters: Payload },
    /// Offer the task to the workers that poll this activity.
    Activity { activity_arn: String, input: Payload },
    /// Read the items of a map run.
    ReadItems(ItemReading),
    /// Write the results of a map run that has ended. `failed` is `true` if too many items have failed.
    WriteResults { failed: bool },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Succeeded {
        output: Payload,
    },
    Failed {
        error: Option<String>,
        cause: Option<String>,
    },
    /// TimeoutSeconds of the state machine has elapsed.
    TimedOut {
        error: Option<String>,
        cause: Option<String>,
    },
    Aborted {
        error: Option<String>,
        cause: Option<String>,
    },
}

/// The execution does not wait for the event: the task was answered, timed out or abandoned, the timer was cleared, or
/// the execution has ended. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing of this execution waits for that")]
pub struct NotPending;
