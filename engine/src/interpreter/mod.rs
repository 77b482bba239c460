//! The pure interpreter: (definition, state, event) in, (history events, commands) out.
//!
//! It does no I/O: the time, and the seed of jitter and ids, come in from outside, so that a test can play any execution
//! without sleeping and the same inputs give the same history. What is random or reads the clock by definition asks the
//! system all the same (`States.UUID`, `$now` and their like, see [`query`](crate::query)), and so does JSONata's limit
//! on time.

mod commands;
mod context;
mod data;
mod failure;
mod items;
mod kept;
mod line;
mod map;
mod map_run;
mod parallel;
mod redrive;
mod run;
mod simple;
mod state;
mod task;
mod telling;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

pub use crate::{definition::Pattern, payload::Payload};
use crate::{
    definition::{Definition, MachineId, State},
    history::HistoryEvent,
    query::Budget,
};
pub(crate) use context::timestamp;
pub use items::{Destination, ItemReading, Portions, ResultWriting};
pub use kept::{Kept, KeptChanges, NothingKept, Part};
pub use map_run::{Children, MapRunOutcome, MapRunPlan, child_input, more_children};
pub use state::ExecutionState;

/// Takes one event to an execution and lets it go as far as it can: a whole run of Pass and Choice states is one step,
/// bounded so that an endless one leaves room for others and continues with its next timer.
///
/// # Errors
/// [`NotPending`], and nothing has changed, when nothing waits for the event: a late answer, a timer that was cleared
/// meanwhile.
///
/// # Examples
/// ```
/// use asl_engine::{
///     definition::Definition,
///     interpreter::{Command, Event, ExecutionFacts, ExecutionState, NothingKept, Nonce, Outcome, Payload, advance},
/// };
/// use time::macros::datetime;
///
/// let definition = Definition::parse(
///     r#"{"StartAt": "Greet", "States": {"Greet": {
///         "Type": "Pass", "Parameters": {"text.$": "States.Format('Hello {}', $.name)"}, "End": true
///     }}}"#,
/// )?;
/// let facts = ExecutionFacts {
///     execution_arn: "arn:aws:states:eu-west-2:000000000000:execution:greeting:first",
///     execution_name: "first",
///     machine: definition.root(),
///     timeout_seconds: definition.timeout_seconds(),
///     state_machine_arn: "arn:aws:states:eu-west-2:000000000000:stateMachine:greeting",
///     state_machine_name: "greeting",
///     state_machine_version_arn: None,
///     state_machine_alias_arn: None,
///     role_arn: "arn:aws:iam::000000000000:role/greeting",
///     started: datetime!(2026-11-22 10:00 UTC),
///     input: &Payload::from_text(r#"{"name": "Ada"}"#),
///     redrive_count: 0,
///     redriven: None,
///     seed: 1,
///     nonce: &|| Nonce(1),
///     token: &|task| format!("token of {task:?}"),
///     has_activity: &|_| true,
///     is_late: &|| false,
///     kept: &NothingKept,
///     probe: None,
/// };
/// let mut state = ExecutionState::new();
/// let step = advance(&definition, &facts, &mut state, Event::Start, facts.started)?;
/// assert_eq!(step.events.len(), 4);
/// let output = Payload::from_text(r#"{"text":"Hello Ada"}"#);
/// assert_eq!(step.commands, [Command::Finish(Outcome::Succeeded { output })]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn advance(
    definition: &Definition,
    facts: &ExecutionFacts<'_>,
    state: &mut ExecutionState,
    event: Event,
    now: OffsetDateTime,
) -> Result<Step, NotPending> {
    run::advance(definition, facts, state, event, now)
}

/// What an execution is, as far as it never changes while it runs.
///
/// Jitter and the ids of map runs are drawn from here too: the same facts and events give the same history, but for the
/// functions that are random by definition.
pub struct ExecutionFacts<'a> {
    pub execution_arn: &'a str,
    pub execution_name: &'a str,
    /// What it runs: the definition's root or, where it is a child of a map run, the Map's processor.
    pub machine: MachineId,
    /// How long it may take: the state machine's own TimeoutSeconds, or what its type allows.
    pub timeout_seconds: Option<i64>,
    pub state_machine_arn: &'a str,
    /// `<state machine>/<label>` where it is a child of a map run; so in the ARN.
    pub state_machine_name: &'a str,
    pub state_machine_version_arn: Option<&'a str>,
    pub state_machine_alias_arn: Option<&'a str>,
    pub role_arn: &'a str,
    pub started: OffsetDateTime,
    /// As StartExecution got it, letter by letter.
    pub input: &'a Payload,
    /// How often the execution has been redriven.
    pub redrive_count: u32,
    /// Of the last redrive.
    pub redriven: Option<OffsetDateTime>,
    /// Differs from execution to execution: jitter and the ids of map runs are drawn from it.
    pub seed: u64,
    /// Draws the nonce of a task that is about to be scheduled: at random, and never [`Nonce::NONE`].
    pub nonce: &'a dyn Fn() -> Nonce,
    /// The token that answers a task: the same token whenever asked for the same task, and unguessable.
    pub token: &'a dyn Fn(TaskId) -> String,
    /// Whether there is an activity of this ARN, for workers to poll.
    pub has_activity: &'a dyn Fn(&str) -> bool,
    /// Whether the step has taken its time: it then ends, and the rest of it is the next one. Asked after each move.
    pub is_late: &'a dyn Fn() -> bool,
    /// What earlier steps have kept, see [`ExecutionState::take_kept`].
    pub kept: &'a dyn Kept,
    /// None but where a single state is tested.
    pub probe: Option<&'a Probe<'a>>,
}

/// What a test of a single state looks at, and what it makes the state see.
pub struct Probe<'a> {
    /// Told how the data goes through a state, by the names that InspectionData has for it.
    pub inspect: &'a dyn Fn(&State, &'static str, &Payload),
    /// Members of the context object, in place of the execution's own.
    pub context: &'a Map<String, Value>,
    /// What all steps of the test together may compute. Without a probe, each step has a budget of its own.
    pub budget: Arc<Budget>,
}

impl ExecutionFacts<'_> {
    fn region(&self) -> &str {
        self.state_machine_arn.split(':').nth(3).unwrap_or_default()
    }

    fn account(&self) -> &str {
        self.state_machine_arn.split(':').nth(4).unwrap_or_default()
    }
}

/// What an event led to. Write the events and the state before doing what the commands say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    pub events: Vec<HistoryEvent>,
    pub commands: Vec<Command>,
}

/// One attempt at a task of one execution. A retried task is a new one.
///
/// The event alone does not tell attempts apart: an execution that begins anew counts its events from 1 again, and so
/// does one that is restored from a backup count on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(i64, Nonce)", into = "(i64, Nonce)")]
pub struct TaskId {
    /// The id of its TaskScheduled event; of a map run that of its MapRunStarted.
    pub event: i64,
    /// Differs from attempt to attempt.
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

/// A number drawn at random for one attempt at a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(pub i64);

impl Nonce {
    /// Of tasks that were scheduled by releases up to schema 3, which drew none.
    pub const NONE: Self = Self(0);
}

/// A timer of one execution, numbered by the interpreter; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimerId(pub i64);

/// What happens to an execution from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Start,
    /// An activity worker took the task.
    ActivityStarted {
        task: TaskId,
        worker_name: Option<String>,
    },
    /// What a [`Command::Perform`] of a request-response task, an activity worker or a task token's holder answered.
    TaskSucceeded {
        task: TaskId,
        output: Payload,
    },
    TaskFailed {
        task: TaskId,
        error: Option<String>,
        cause: Option<String>,
    },
    /// The call behind a `.waitForTaskToken` or `.sync` task returned; from now on it is paused on its answer.
    TaskSubmitted {
        task: TaskId,
        output: Payload,
    },
    /// Resets the heartbeat clock, never the timeout; adds no history event.
    TaskHeartbeat {
        task: TaskId,
    },
    /// The map run of a distributed Map is over.
    #[serde(skip)]
    MapRunEnded {
        run: TaskId,
        outcome: MapRunOutcome,
    },
    TimerFired {
        timer: TimerId,
    },
    /// RedriveExecution: an execution that has failed, timed out or been stopped goes on where it stood. The facts count
    /// this redrive already.
    Redrive,
    /// StopExecution.
    Stop {
        error: Option<String>,
        cause: Option<String>,
    },
}

impl Event {
    /// Whether it can be stored, to be delivered later.
    pub(crate) fn can_wait(&self) -> bool {
        !matches!(self, Self::MapRunEnded { .. })
    }
}

/// What the outside must do after the step has been committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make the call of a task, at least once; answer with TaskSucceeded, TaskSubmitted or TaskFailed.
    Perform {
        task: TaskId,
        /// 1 for the state's first attempt, and one more for each Retry.
        attempt: u32,
        /// When the task times out.
        due: Option<OffsetDateTime>,
        work: Work,
    },
    SetTimer {
        timer: TimerId,
        due: OffsetDateTime,
    },
    ClearTimer {
        timer: TimerId,
    },
    /// Start a map run, and its children as its limits allow, having read the items if need be; write what they gave
    /// where that is wanted, and answer with MapRunEnded.
    StartMapRun {
        run: TaskId,
        plan: MapRunPlan,
    },
    /// Go on with the children of a map run that have not succeeded; answer with MapRunEnded.
    RedriveMapRun {
        run: TaskId,
    },
    /// Nobody waits for this task's answer or this map run's end any more: it timed out, or its branch was aborted.
    Abandon {
        task: TaskId,
        /// The ARN of the activity whose workers have not taken it yet.
        offered_to: Option<String>,
    },
    /// The execution is over.
    Finish(Outcome),
}

/// The call behind a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// A Lambda ARN as the state's Resource: payload in, the function's bare answer out.
    Function { function: String, payload: Value },
    /// An integrated service's action, say `lambda` and `invoke` or `dynamodb` and `putItem`.
    Service { service: String, action: String, pattern: Pattern, parameters: Value },
    /// Offer the task to the workers that poll this activity.
    Activity { activity_arn: String, input: Value },
    /// Read the items of a map run.
    ReadItems(ItemReading),
    /// Write the results of a map run that is over; `failed` when too many children have failed.
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
    /// The state machine's own TimeoutSeconds.
    TimedOut {
        error: Option<String>,
        cause: Option<String>,
    },
    Aborted {
        error: Option<String>,
        cause: Option<String>,
    },
}

/// The event does not concern this execution any more: the task was answered, timed out or abandoned, the timer was
/// cleared, or the execution is over. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing of this execution waits for that")]
pub struct NotPending;
