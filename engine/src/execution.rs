//! Loading a running execution, and the facts about it that the interpreter needs.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    arn::Arn,
    clock::from_millis,
    definition::MachineId,
    interpreter::{Event, ExecutionFacts, ExecutionState, TaskId},
    payload::Payload,
    query::Budget,
    store::{
        Call, CallEffect, ExecutionId, Result, Rows, Transaction,
        activities::{self, Activity},
        branches, calls,
        executions::{self, Execution, Status},
        map_runs,
        state_machines::Runnable,
    },
    token::Signer,
};

/// How long one step may take while other executions wait for the writer. The rest of a longer step runs later.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

/// The time limit for computing a step within the transaction. Longer steps are computed outside of it: see
/// [`Computation`](crate::store::Computation).
const IN_TRANSACTION: Duration = Duration::from_millis(10);

/// The budget for computing within the transaction. If it is exhausted, the results are void.
pub(crate) fn budget_in_transaction() -> Arc<Budget> {
    Arc::new(Budget::part(IN_TRANSACTION))
}

/// Returns whether a step that begins now is out of time. Its first state always runs.
pub(crate) fn out_of_time() -> impl Fn() -> bool {
    let (begun, has_moved) = (Instant::now(), Cell::new(false));
    move || has_moved.replace(true) && begun.elapsed() > PATIENCE
}

/// Events for other executions, or for the same one, that an activation leads to. The oldest is delivered first.
pub(crate) type FollowUps = VecDeque<(ExecutionId, Event)>;

/// A running execution, with what an activation needs.
pub(crate) struct Loaded {
    pub execution: Execution,
    pub input: Payload,
    pub runnable: Arc<Runnable>,
    /// The part of the definition that the execution runs.
    machine: MachineId,
    pub express: bool,
    stored_state: Option<Vec<u8>>,
}

/// The version of an execution's state. Every event except heartbeats changes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Version {
    execution: ExecutionId,
    redrive_count: u32,
    state: Option<Vec<u8>>,
}

/// AWS's limit on EXPRESS executions, in seconds.
const EXPRESS_TIMEOUT: i64 = 300;

impl Loaded {
    /// Calls `look` with the facts that the interpreter needs about the execution. `out_of_time` is checked before each
    /// state.
    pub fn with_facts<T, R: Rows>(
        &self,
        rows: &R,
        budget: &Arc<Budget>,
        out_of_time: &dyn Fn() -> bool,
        look: impl FnOnce(&ExecutionFacts<'_>) -> T,
    ) -> Result<T> {
        let Self { execution, input, runnable, machine, .. } = self;
        let (options, signer) = (rows.options(), rows.signer());
        let id = execution.id;
        let state_machine = &runnable.state_machine_name;
        let name = execution.machine_name(state_machine);
        let version = execution.version.map(|number| options.qualified_arn(state_machine, number));
        let alias = execution.alias.as_ref().map(|name| options.qualified_arn(state_machine, name));
        let token = |task: TaskId| signer.task_token(id, task).as_str().to_owned();
        // If the activity can't be read now, offering the task reports the error.
        let has_activity = |arn: &str| activity(rows, arn).map_or(true, |activity| activity.is_some());
        let stored = branches::Reader::new(rows, id, &runnable.definition);
        let seen = look(&ExecutionFacts {
            execution_arn: &options.arn_of(execution, state_machine),
            execution_name: execution.shown_name(),
            machine: *machine,
            timeout_seconds: self.timeout_seconds(),
            state_machine_arn: &options.state_machine_arn(&name),
            state_machine_name: &name,
            state_machine_version_arn: version.as_deref(),
            state_machine_alias_arn: alias.as_deref(),
            role_arn: &runnable.role_arn,
            started: from_millis(execution.started),
            input,
            redrive_count: execution.redrive_count,
            redriven: execution.redriven.map(from_millis),
            seed: signer.seed(id),
            nonce: &Signer::nonce,
            token: &token,
            has_activity: &has_activity,
            out_of_time,
            stored: &stored,
            budget: budget.clone(),
            probe: None,
        });
        stored.finish()?;
        Ok(seen)
    }

    /// The stored state.
    pub fn state(&self) -> Result<ExecutionState> {
        match &self.stored_state {
            None => Ok(ExecutionState::default()),
            Some(bytes) => Ok(serde_json::from_slice(bytes).map_err(|error| damaged(error.into()))?),
        }
    }

    /// Whether the execution still has this version, so that what was computed from it is valid.
    pub fn is_at(&self, version: &Version) -> bool {
        self.execution.id == version.execution
            && self.execution.redrive_count == version.redrive_count
            && self.stored_state == version.state
    }

    pub fn version(&self) -> Version {
        let Execution { id: execution, redrive_count, .. } = self.execution;
        Version { execution, redrive_count, state: self.stored_state.clone() }
    }

    /// A child of a map run has no timeout of its own, because it ends with its parent.
    fn timeout_seconds(&self) -> Option<i64> {
        let own = if self.execution.child.is_some() { None } else { self.runnable.definition.timeout_seconds() };
        if self.express { Some(own.map_or(EXPRESS_TIMEOUT, |own| own.min(EXPRESS_TIMEOUT))) } else { own }
    }
}

/// Loads a running execution. Returns `None` if it does not exist or is not running.
pub(crate) fn load<R: Rows>(rows: &mut R, id: ExecutionId) -> Result<Option<(Loaded, ExecutionState)>> {
    let stored = rows.read(|connection| {
        let Some((execution, input)) = executions::with_input(connection, id)? else { return Ok(None) };
        if execution.status != Status::Running {
            return Ok(None);
        }
        let run = execution.child.map(|child| map_runs::get(connection, child.map_run)).transpose()?;
        Ok(Some((execution, input, executions::state(connection, id)?, run)))
    })?;
    let Some((execution, input, stored_state, run)) = stored else { return Ok(None) };
    let runnable = rows.runnable(execution.revision)?;
    let (machine, express) = match run {
        None => (runnable.definition.root(), runnable.express),
        Some(run) => {
            let processor = runnable.definition.processor_of(&run.processor);
            let processor = processor.ok_or_else(|| damaged("the map run's Map state can't be read".into()))?;
            (processor, run.express)
        }
    };
    let loaded = Loaded { execution, input: Payload::from_text(input), runnable, machine, express, stored_state };
    let state = loaded.state()?;
    if !state.fits(&loaded.runnable.definition) {
        return Err(damaged("the execution is in a state that its definition does not have".into()).into());
    }
    Ok(Some((loaded, state)))
}

fn damaged(error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, error)
}

/// Stores a call. It is made after the commit, and again after a crash until it is answered.
pub(crate) fn request_call(transaction: &mut Transaction<'_>, call: Call) -> Result<()> {
    calls::insert(transaction.connection, transaction.opening, &call)?;
    transaction.effects.calls.push(CallEffect::Make(call));
    Ok(())
}

/// The activity with this ARN, if it exists.
pub(crate) fn activity(rows: &impl Rows, arn: &str) -> Result<Option<Activity>> {
    match Arn::parse(arn, rows.options()) {
        Ok(Arn::Activity { name }) => Ok(rows.read(|connection| activities::by_name(connection, name))?),
        _ => Ok(None),
    }
}
