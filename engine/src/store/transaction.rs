//! What a change can access: the open transaction, the time, and the effects of its commit.

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

/// What stays the same across transactions.
pub(super) struct Environment {
    pub options: Options,
    pub signer: Signer,
    pub clock: Arc<dyn Clock>,
    /// When the engine was opened.
    pub opened: OffsetDateTime,
    /// The number of this opening.
    pub opening: i64,
    pub definitions: Arc<Definitions>,
}

/// Caches of the writer, whose contents are also in the database.
#[derive(Default)]
pub(super) struct Memory {
    pub revisions: Revisions,
}

impl Memory {
    /// Must be called after a rollback, because what was read may never have existed.
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
    /// The number of this opening.
    pub opening: i64,
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
        environment: &'a Environment,
        memory: &'a mut Memory,
        computed: &'a [Computed],
    ) -> Self {
        Self {
            connection,
            options: &environment.options,
            signer: &environment.signer,
            now: environment.clock.now(),
            clock: &*environment.clock,
            opened: environment.opened,
            opening: environment.opening,
            revisions: &mut memory.revisions,
            definitions: &environment.definitions,
            computed,
            has_stepped: false,
            effects: Effects::default(),
        }
    }

    /// The latest result of this type that was computed for this change and satisfies `is_wanted`.
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

/// What must happen once the transaction is on disk.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// In the order of the requests.
    pub calls: Vec<CallEffect>,
    /// The earliest due time of the timers that were set, in milliseconds.
    pub earliest_timer: Option<i64>,
    /// The names of the activities that were offered a task, once per task.
    pub offers: Vec<String>,
    /// EXPRESS executions that ended.
    pub ended: Vec<Ended>,
    /// Whether the deletion of a state machine or an activity has begun.
    pub deleting: bool,
    /// Whether map runs can start children.
    pub map_runs: bool,
    /// Whether follow-ups were stored.
    pub follow_ups: bool,
}

impl Effects {
    /// Adds the effects of another change in the same transaction.
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

/// The end of an EXPRESS execution, whose rows have been deleted.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// The row name.
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

/// The attempt that a call belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallContext {
    /// `None` if an older release requested the call.
    #[serde(rename = "arn")]
    pub execution_arn: Option<String>,
    /// 1 for the first attempt at the state, and one more for each retry.
    #[serde(rename = "n")]
    pub attempt: u32,
    /// When the task times out, in milliseconds since 1970.
    pub due: Option<i64>,
    /// A random key that is the same whenever the call is made, and that no other call has.
    pub key: String,
}

impl CallContext {
    /// A first attempt without a timeout.
    pub fn of(execution_arn: Option<String>) -> Self {
        Self { execution_arn, attempt: 1, due: None, key: uuid::Uuid::new_v4().to_string() }
    }
}

/// An effect on a call.
#[derive(Debug, Clone)]
pub(crate) enum CallEffect {
    Make(Call),
    /// Cancels the call of a task or, without a task, all calls of the execution.
    Cancel {
        execution: ExecutionId,
        task: Option<TaskId>,
    },
}

/// Reacts to a commit. It is called on the writer's thread, so it only notifies others.
pub(crate) trait AfterCommit: Send + Sync + 'static {
    fn perform(&self, effects: Effects);
}
