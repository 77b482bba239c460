//! What a change sees: the open transaction, the time, and where to say what must follow its commit.

use std::{any::Any, sync::Arc};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    ExecutionId, Stop,
    computation::{Computed, Rows},
    definitions::Definitions,
    executions::{End, Status},
    revisions::Revisions,
    state_machines::Runnable,
};
use crate::{
    Options,
    clock::Clock,
    interpreter::{TaskId, Work},
    token::Signer,
};

/// What stays the same from transaction to transaction.
pub(super) struct OwnedScope {
    pub options: Options,
    pub signer: Signer,
    pub clock: Arc<dyn Clock>,
    /// When the engine was opened.
    pub opened: OffsetDateTime,
    pub run: i64,
    pub definitions: Arc<Definitions>,
}

/// What the writer remembers between transactions, all of it also in the database.
#[derive(Default)]
pub(super) struct Memory {
    pub revisions: Revisions,
}

impl Memory {
    /// After a roll-back: what was read may never have been.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The open transaction.
pub(crate) struct Transaction<'a> {
    pub connection: &'a Connection,
    pub options: &'a Options,
    pub signer: &'a Signer,
    pub now: OffsetDateTime,
    pub clock: &'a dyn Clock,
    /// When the engine was opened.
    pub opened: OffsetDateTime,
    pub run: i64,
    pub revisions: &'a mut Revisions,
    definitions: &'a Definitions,
    /// What was computed for this change when it ran before.
    computed: &'a [Computed],
    /// Whether the change has written a step of an execution.
    pub has_stepped: bool,
    pub effects: Effects,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        world: &'a OwnedScope,
        memory: &'a mut Memory,
        computed: &'a [Computed],
    ) -> Self {
        Self {
            connection,
            options: &world.options,
            signer: &world.signer,
            now: world.clock.now(),
            clock: &*world.clock,
            opened: world.opened,
            run: world.run,
            revisions: &mut memory.revisions,
            definitions: &world.definitions,
            computed,
            has_stepped: false,
            effects: Effects::default(),
        }
    }

    /// The latest result of this type that was computed for this change and is wanted.
    pub fn computed<T: Any + Send + Sync>(&self, is_wanted: impl Fn(&T) -> bool) -> Option<&'a T> {
        let results = self.computed.iter().rev().filter_map(|computed| computed.downcast_ref());
        results.into_iter().find(|result| is_wanted(result))
    }

    pub(super) fn into_effects(self) -> Effects {
        self.effects
    }
}

impl Rows for Transaction<'_> {
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        query(self.connection)
    }

    fn runnable(&mut self, revision: i64) -> Result<Arc<Runnable>, Stop> {
        self.revisions.get(self.connection, revision, self.definitions, self.computed)
    }

    fn options(&self) -> &Options {
        self.options
    }

    fn signer(&self) -> &Signer {
        self.signer
    }
}

/// What must be done once the transaction is on disk.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// In the order in which they were asked for.
    pub calls: Vec<CallEffect>,
    /// When the earliest of the timers that were set is due, in milliseconds.
    pub earliest_timer: Option<i64>,
    /// The names of the activities that were offered a task, once a task.
    pub offers: Vec<String>,
    /// EXPRESS executions that ended.
    pub ended: Vec<Ended>,
    /// Whether the deletion of a state machine or an activity began.
    pub deleting: bool,
    /// Map runs that can start children.
    pub map_runs: bool,
    /// Whether events follow that the transaction had no room for.
    pub follow_ups: bool,
}

impl Effects {
    /// Adds what another change of the same transaction leads to.
    pub(super) fn add(&mut self, other: Self) {
        let Self { calls, earliest_timer, offers, ended, deleting, map_runs, follow_ups } = other;
        self.calls.extend(calls);
        self.earliest_timer = self.earliest_timer.into_iter().chain(earliest_timer).min();
        self.offers.extend(offers);
        self.ended.extend(ended);
        self.deleting |= deleting;
        self.map_runs |= map_runs;
        self.follow_ups |= follow_ups;
    }
}

/// How an EXPRESS execution ended: its rows are gone.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// The row's name.
    pub name: String,
    pub status: Status,
    pub stopped: i64,
    pub output: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
}

impl Ended {
    pub fn new(name: &str, end: &End<'_>) -> Self {
        Self {
            name: name.to_owned(),
            status: end.status,
            stopped: end.stopped,
            output: end.output.map(str::to_owned),
            error: end.error.map(str::to_owned),
            cause: end.cause.map(str::to_owned),
        }
    }
}

/// A call to make.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub execution: ExecutionId,
    pub task: TaskId,
    pub work: Work,
    pub context: CallContext,
}

/// The attempt that a call is made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallContext {
    /// None where an older release has asked for the call.
    #[serde(rename = "arn")]
    pub execution_arn: Option<String>,
    /// 1 for the state's first attempt, and one more for each Retry.
    #[serde(rename = "n")]
    pub attempt: u32,
    /// When the task times out, in milliseconds since 1970.
    pub due: Option<i64>,
    /// The same whenever the call is made, and drawn at random: no other call has it.
    pub key: String,
}

impl CallContext {
    /// A first attempt without a timeout.
    pub fn of(execution_arn: Option<String>) -> Self {
        Self { execution_arn, attempt: 1, due: None, key: uuid::Uuid::new_v4().to_string() }
    }
}

/// What happens to a call.
#[derive(Debug, Clone)]
pub(crate) enum CallEffect {
    Make(Call),
    /// Nobody waits any more for the call of a task or, without one, for any call of the execution.
    Cancel {
        execution: ExecutionId,
        task: Option<TaskId>,
    },
}

/// Does what must follow a commit. Called on the writer's thread: it only hands on.
pub(crate) trait AfterCommit: Send + Sync + 'static {
    fn perform(&self, effects: Effects);
}
