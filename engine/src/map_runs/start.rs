//! Starting and redriving map runs and their children.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    MAX_INPUT_BYTES, input_too_large,
    reconcile::{check_progress, end, reconcile_children},
    request_call,
};
use crate::{
    clock::millis,
    execution::{self, FollowUps, Loaded, Version},
    interpreter::{self, Children, Event, ExecutionState, MapRunOutcome, MapRunPlan, Payload, TaskId, Work},
    query::{Budget, QueryError},
    store::{
        Computation, ExecutionId, Result, Rows, Stop, Transaction,
        executions::{self, Execution, NewExecution, Status},
        follow_ups, history,
        map_runs::{self as rows, MapRun, RunStatus},
    },
};

/// Starts a map run: its children if their items are known, and otherwise the reading of its items.
pub(crate) fn start(
    transaction: &mut Transaction<'_>,
    execution: ExecutionId,
    task: TaskId,
    plan: &MapRunPlan,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    let run = rows::insert(transaction.connection, execution, task, plan, millis(transaction.now))?;
    match &plan.children {
        Children::ToRead(reading) => request_call(transaction, execution, task, Work::ReadItems(reading.clone())),
        Children::Items(_) | Children::Batches(_) => check_progress(transaction, &run, follow_ups),
    }
}

/// The running children of a run that is about to be redriven. Their pending stops are removed.
pub(crate) fn take_unstopped(
    transaction: &Transaction<'_>,
    execution: ExecutionId,
    task: TaskId,
) -> Result<Vec<ExecutionId>> {
    let Some(run) = rows::by_task(transaction.connection, execution, task)? else { return Ok(Vec::new()) };
    let children = executions::children(transaction.connection, run.id, Status::Running, i64::MAX)?;
    for child in &children {
        follow_ups::forget(transaction.connection, *child)?;
    }
    Ok(children)
}

/// Redrives a map run: each child that has not succeeded is redriven when there is room for it.
pub(crate) fn redrive(
    transaction: &mut Transaction<'_>,
    execution: ExecutionId,
    task: TaskId,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    let Some(run) = rows::by_task(transaction.connection, execution, task)? else { return Ok(()) };
    rows::redrive(transaction.connection, run.id, millis(transaction.now))?;
    reconcile_children(transaction, &rows::get(transaction.connection, run.id)?, follow_ups)
}

/// Aborts the map run of a task that is no longer waited for. Does nothing if the task is not a map run.
pub(crate) fn abort(
    transaction: &mut Transaction<'_>,
    execution: ExecutionId,
    task: TaskId,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    match rows::by_task(transaction.connection, execution, task)? {
        Some(run) if run.status == RunStatus::Running => end(transaction, &run, RunStatus::Aborted, None, follow_ups),
        _ => Ok(()),
    }
}

/// Starts or redrives the next child of a run. Returns `false`, without a change, if the run has ended, has no room or
/// has no child left to start.
///
/// # Errors
/// [`Stop::TooLong`] if the child's input must be computed outside of the transaction. Nothing has been written then.
pub(crate) fn start_next(
    transaction: &mut Transaction<'_>,
    id: i64,
    parent: &Loaded,
    state: &mut ExecutionState,
    follow_ups: &mut FollowUps,
) -> Result<bool> {
    let run = rows::get(transaction.connection, id)?;
    let counts = rows::counts(transaction.connection, id)?;
    // The previous child may have ended the run.
    if run.status != RunStatus::Running || counts.children(Status::Running) >= run.concurrency() {
        return Ok(false);
    }
    if let Some(child) = executions::children(transaction.connection, id, Status::PendingRedrive, 1)?.pop() {
        redrive_child(transaction, &run, child, follow_ups)?;
    } else if run.next < run.children {
        start_child(transaction, &run, parent, state, follow_ups)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn start_child(
    transaction: &mut Transaction<'_>,
    run: &MapRun,
    parent: &Loaded,
    state: &mut ExecutionState,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    let Some(item) = rows::next_item(transaction.connection, run)? else { return Ok(()) };
    let input = child_input(transaction, run, parent, state, item)?;
    let input =
        input.and_then(|input| if input.size() > MAX_INPUT_BYTES { Err(input_too_large(run.next)) } else { Ok(input) });
    let input: Payload = match input {
        Ok(input) => input,
        // A redrive of the run begins with this item.
        Err(error) => return end(transaction, run, RunStatus::Failed, Some(MapRunOutcome::NoInput(error)), follow_ups),
    };
    let child = rows::take_next(transaction.connection, run)?;
    let name = Execution::child_name(&run.label, &Uuid::new_v4().to_string());
    let name = if run.express { Execution::express_name(&name, &Uuid::new_v4().to_string()) } else { name };
    let new = NewExecution {
        state_machine: executions::state_machine(transaction.connection, run.execution)?,
        revision: parent.execution.revision,
        name: &name,
        input: input.text(),
        trace_header: None,
        version: parent.execution.version,
        alias: parent.execution.alias.as_deref(),
        started: millis(transaction.now),
        child: Some(child),
    };
    let id = executions::insert(transaction.connection, &new)?;
    rows::count(transaction.connection, child, None, Status::Running)?;
    follow_ups.push_back((id, Event::Start));
    Ok(())
}

/// The input of a run's next child.
///
/// # Errors
/// [`Stop::TooLong`] if it must be computed outside of the transaction.
fn child_input(
    transaction: &Transaction<'_>,
    run: &MapRun,
    parent: &Loaded,
    state: &mut ExecutionState,
    item: Payload,
) -> Result<Result<Payload, QueryError>> {
    let place = run.next;
    let is_wanted =
        |computed: &ChildInput| (computed.run, computed.place) == (run.id, place) && parent.is_at(&computed.version);
    if let Some(computed) = transaction.computed(is_wanted) {
        return Ok(computed.input.clone());
    }
    let budget = execution::budget_in_transaction();
    let input = evaluate_item(transaction, &budget, transaction.now, run, parent, state, item.clone())?;
    if !budget.is_spent() {
        return Ok(input);
    }
    let (run, execution) = (run.clone(), run.execution);
    Err(Stop::TooLong(Computation::of(execution, move |outside| {
        let Some((parent, mut state)) = execution::load(outside, execution)? else { return Ok(Arc::new(())) };
        let input = evaluate_item(outside, &Arc::default(), outside.now(), &run, &parent, &mut state, item)?;
        Ok(Arc::new(ChildInput { run: run.id, place, version: parent.version(), input }))
    })))
}

/// The input of a run's next child, computed outside of the transaction.
struct ChildInput {
    run: i64,
    place: i64,
    /// The version of the parent's state.
    version: Version,
    input: Result<Payload, QueryError>,
}

fn evaluate_item<R: Rows>(
    rows: &R,
    budget: &Arc<Budget>,
    now: OffsetDateTime,
    run: &MapRun,
    parent: &Loaded,
    state: &mut ExecutionState,
    item: Payload,
) -> Result<Result<Payload, QueryError>> {
    let (definition, place) = (&parent.runnable.definition, usize::try_from(run.next).unwrap_or(usize::MAX));
    parent.with_facts(rows, budget, &|| false, |facts| {
        interpreter::child_input(definition, facts, state, run.task, (place, item), now)
    })
}

/// A STANDARD child resumes where it failed. An EXPRESS child, or one whose history is full, restarts.
fn redrive_child(
    transaction: &mut Transaction<'_>,
    run: &MapRun,
    id: ExecutionId,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    set_child_status(transaction, id, Status::Running)?;
    executions::redrive(transaction.connection, id, millis(transaction.now), None)?;
    let state = executions::state(transaction.connection, id)?;
    let state = state.and_then(|state| serde_json::from_slice::<ExecutionState>(&state).ok());
    if !run.express && state.is_some_and(|state| state.is_redrivable()) {
        follow_ups.push_back((id, Event::Redrive));
    } else {
        history::remove(transaction.connection, id)?;
        executions::drop_state(transaction.connection, id)?;
        follow_ups.push_back((id, Event::Start));
    }
    Ok(())
}

fn set_child_status(transaction: &mut Transaction<'_>, id: ExecutionId, status: Status) -> Result<()> {
    if let Some((Execution { status: before, child: Some(child), .. }, _)) =
        executions::with_input(transaction.connection, id)?
    {
        rows::count(transaction.connection, child, Some(before), status)?;
        executions::set_status(transaction.connection, id, status)?;
    }
    Ok(())
}
