//! Loading a running execution, and the facts about it that the interpreter needs.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::Result;

use crate::{
    arn::Arn,
    clock::from_millis,
    definition::MachineId,
    interpreter::{Event, ExecutionFacts, ExecutionState, TaskId},
    payload::Payload,
    store::{
        Call, CallEffect, ExecutionId, Transaction,
        activities::{self, Activity},
        calls,
        executions::{self, Execution, Status},
        kept, map_runs,
        state_machines::Runnable,
    },
    token::Signer,
};

/// How long one step may take while other executions wait for the writer. The rest of a longer step runs later.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

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
}

/// AWS's limit on EXPRESS executions, in seconds.
const EXPRESS_TIMEOUT: i64 = 300;

impl Loaded {
    /// Calls `look` with the facts that the interpreter needs about the execution.
    pub fn with_facts<T>(
        &self,
        transaction: &Transaction<'_>,
        look: impl FnOnce(&ExecutionFacts<'_>) -> T,
    ) -> Result<T> {
        let begun = Instant::now();
        let Self { execution, input, runnable, machine, .. } = self;
        let id = execution.id;
        let state_machine = &runnable.state_machine_name;
        let name = execution.machine_name(state_machine);
        let version = execution.version.map(|number| transaction.options.qualified_arn(state_machine, number));
        let alias = execution.alias.as_ref().map(|name| transaction.options.qualified_arn(state_machine, name));
        let token = |task: TaskId| transaction.signer.task_token(id, task).as_str().to_owned();
        // If the activity can't be read now, offering the task reports the error.
        let has_activity = |arn: &str| activity(transaction, arn).map_or(true, |activity| activity.is_some());
        let kept = kept::Reader::new(transaction.connection, id);
        let seen = look(&ExecutionFacts {
            execution_arn: &transaction.options.arn_of(execution, state_machine),
            execution_name: execution.shown_name(),
            machine: *machine,
            timeout_seconds: self.timeout_seconds(),
            state_machine_arn: &transaction.options.state_machine_arn(&name),
            state_machine_name: &name,
            state_machine_version_arn: version.as_deref(),
            state_machine_alias_arn: alias.as_deref(),
            role_arn: &runnable.role_arn,
            started: from_millis(execution.started),
            input,
            redrive_count: execution.redrive_count,
            redriven: execution.redriven.map(from_millis),
            seed: transaction.signer.seed(id),
            nonce: &Signer::nonce,
            token: &token,
            has_activity: &has_activity,
            out_of_time: &|| begun.elapsed() > PATIENCE,
            kept: &kept,
            probe: None,
        });
        kept.finish().map(|()| seen)
    }

    /// A child of a map run has no timeout of its own, because it ends with its parent.
    fn timeout_seconds(&self) -> Option<i64> {
        let own = if self.execution.child.is_some() { None } else { self.runnable.definition.timeout_seconds() };
        if self.express { Some(own.map_or(EXPRESS_TIMEOUT, |own| own.min(EXPRESS_TIMEOUT))) } else { own }
    }
}

/// Loads a running execution. Returns `None` if it does not exist or is not running.
pub(crate) fn load(transaction: &mut Transaction<'_>, id: ExecutionId) -> Result<Option<(Loaded, ExecutionState)>> {
    let Some((execution, input)) = executions::with_input(transaction.connection, id)? else { return Ok(None) };
    if execution.status != Status::Running {
        return Ok(None);
    }
    let runnable = transaction.revisions.get(transaction.connection, execution.revision)?;
    let damaged = |error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, error)
    };
    let state = match executions::state(transaction.connection, id)? {
        None => ExecutionState::default(),
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| damaged(error.into()))?,
    };
    if !state.fits(&runnable.definition) {
        return Err(damaged("the execution is in a state that its definition does not have".into()));
    }
    let (machine, express) = match execution.child {
        None => (runnable.definition.root(), runnable.express),
        Some(child) => {
            let run = map_runs::get(transaction.connection, child.map_run)?;
            let processor = runnable.definition.processor_of(&run.processor);
            let processor = processor.ok_or_else(|| damaged("the map run's Map state can't be read".into()))?;
            (processor, run.express)
        }
    };
    Ok(Some((Loaded { execution, input: Payload::from_text(input), runnable, machine, express }, state)))
}

/// Stores a call. It is made after the commit, and again after a crash until it is answered.
pub(crate) fn request_call(transaction: &mut Transaction<'_>, call: Call) -> Result<()> {
    calls::insert(transaction.connection, transaction.run, &call)?;
    transaction.effects.calls.push(CallEffect::Make(call));
    Ok(())
}

/// The activity with this ARN, if it exists.
pub(crate) fn activity(transaction: &Transaction<'_>, arn: &str) -> Result<Option<Activity>> {
    match Arn::parse(arn, transaction.options) {
        Ok(Arn::Activity { name }) => activities::by_name(transaction.connection, name),
        _ => Ok(None),
    }
}
