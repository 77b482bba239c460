//! Progress of a map run: what follows when a child ends, and when the run ends.

use super::{MAX_OUTPUT_BYTES, MAX_RECONCILED, export::Results, request_call};
use crate::{
    clock::millis,
    execution::FollowUps,
    interpreter::{Event, MapRunOutcome, Payload, ResultWriting, TaskId, Work},
    store::{
        ExecutionId, Result, Transaction, calls,
        executions::{self, ChildOf, Status},
        map_runs::{self as rows, MapRun, NextAction, RunStatus},
    },
};

/// Counts a child that has ended, and ends its run if that was the last.
pub(crate) fn child_ended(
    transaction: &mut Transaction<'_>,
    child: ChildOf,
    status: Status,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    rows::count(transaction.connection, child, Some(Status::Running), status)?;
    let run = rows::get(transaction.connection, child.map_run)?;
    if run.status == RunStatus::Running { check_progress(transaction, &run, follow_ups) } else { Ok(()) }
}

/// Ends the run if all children have ended or too many have failed. Otherwise marks it if it can start children.
pub(crate) fn check_progress(
    transaction: &mut Transaction<'_>,
    run: &MapRun,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    if rows::next_action(transaction.connection, run.id)? == NextAction::Reconcile {
        return Ok(());
    }
    let counts = rows::counts(transaction.connection, run.id)?;
    if run.has_failed(counts.failed_items()) {
        if run.is_written() {
            // The waiting execution is told after the results have been written.
            end(transaction, run, RunStatus::Failed, None, follow_ups)?;
            return export_failed(transaction, run);
        }
        return end(transaction, run, RunStatus::Failed, Some(MapRunOutcome::too_many_failed()), follow_ups);
    }
    let running = counts.children(Status::Running);
    let left = run.next < run.children || counts.children(Status::PendingRedrive) > 0;
    if running == 0 && !left {
        return complete(transaction, run, follow_ups);
    }
    let has_room = left && running < run.concurrency();
    let action = if has_room { NextAction::StartChildren } else { NextAction::None };
    set_next_action(transaction, run.id, action)
}

fn set_next_action(transaction: &mut Transaction<'_>, id: i64, action: NextAction) -> Result<()> {
    transaction.effects.map_runs |= action != NextAction::None;
    Ok(rows::set_next_action(transaction.connection, id, action)?)
}

fn complete(transaction: &mut Transaction<'_>, run: &MapRun, follow_ups: &mut FollowUps) -> Result<()> {
    if calls::find(transaction.connection, run.execution, run.task)?.is_some() {
        // Its items are still being read, or its results are already being written.
        return Ok(());
    }
    let output = match run.writing() {
        None => rows::output(transaction.connection, run.id, MAX_OUTPUT_BYTES)?,
        Some(ResultWriting { destination: Some(_), .. }) => {
            return request_call(transaction, run.execution, run.task, Work::WriteResults { failed: false });
        }
        Some(ResultWriting { form, destination: None }) => {
            let (connection, options) = (transaction.connection, transaction.options);
            let results = Results { connection, options, run, now: millis(transaction.now) };
            results.list(form.transformation, MAX_OUTPUT_BYTES)?
        }
    };
    let outcome = output.map_or(MapRunOutcome::TooLarge, |output| MapRunOutcome::Succeeded { output });
    end(transaction, run, RunStatus::Succeeded, Some(outcome), follow_ups)
}

/// Requests that the results of a failed run be written, once all its children are reconciled.
pub(crate) fn export_failed(transaction: &mut Transaction<'_>, run: &MapRun) -> Result<()> {
    if rows::next_action(transaction.connection, run.id)? == NextAction::Reconcile {
        return Ok(());
    }
    request_call(transaction, run.execution, run.task, Work::WriteResults { failed: true })
}

/// Ends a run whose results have been written. `written` is the Map's output, or why writing failed.
pub(crate) fn exported(
    transaction: &mut Transaction<'_>,
    (execution, task): (ExecutionId, TaskId),
    failed: bool,
    written: std::result::Result<Payload, String>,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    if !calls::remove(transaction.connection, execution, task)? {
        return Ok(());
    }
    let Some(run) = rows::by_task(transaction.connection, execution, task)? else { return Ok(()) };
    let (status, outcome) = match written {
        // The run's own failure takes precedence over a failure to write its results.
        _ if failed => (RunStatus::Failed, MapRunOutcome::too_many_failed()),
        Ok(output) => (RunStatus::Succeeded, MapRunOutcome::Succeeded { output }),
        Err(cause) => (RunStatus::Failed, MapRunOutcome::not_written(cause)),
    };
    end(transaction, &run, status, Some(outcome), follow_ups)
}

/// Ends a run. `outcome` is delivered to the execution that waits for it; `None` if it no longer waits, or must wait for
/// results to be written.
pub(crate) fn end(
    transaction: &mut Transaction<'_>,
    run: &MapRun,
    status: RunStatus,
    outcome: Option<MapRunOutcome>,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    rows::end(transaction.connection, run.id, status, millis(transaction.now))?;
    // At most as many as may run at once.
    for child in executions::children(transaction.connection, run.id, Status::Running, i64::MAX)? {
        follow_ups.push_back((child, Event::Stop { error: None, cause: None }));
    }
    if let Some(outcome) = outcome {
        follow_ups.push_back((run.execution, Event::MapRunEnded { run: run.task, outcome }));
    }
    reconcile_children(transaction, &rows::get(transaction.connection, run.id)?, follow_ups)
}

/// Reconciles the children that are not running with a run that has just ended or been redriven, at most
/// [`MAX_RECONCILED`] at a time. The run starts no children until all are reconciled; a later change reconciles the rest,
/// also after a crash.
pub(crate) fn reconcile_children(
    transaction: &mut Transaction<'_>,
    run: &MapRun,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    let (connection, id) = (transaction.connection, run.id);
    let failed = [Status::Failed, Status::TimedOut, Status::Aborted];
    let done = match run.status {
        RunStatus::Running => rows::move_children(connection, id, &failed, Status::PendingRedrive, MAX_RECONCILED)?,
        // AWS does not keep EXPRESS children either.
        RunStatus::Succeeded if run.express => rows::remove_children(connection, id, MAX_RECONCILED)?,
        RunStatus::Succeeded => 0,
        RunStatus::Failed | RunStatus::Aborted => {
            rows::move_children(connection, id, &[Status::PendingRedrive], Status::Aborted, MAX_RECONCILED)?
        }
    };
    let reconciled = done < MAX_RECONCILED;
    set_next_action(transaction, id, if reconciled { NextAction::None } else { NextAction::Reconcile })?;
    if reconciled && run.status == RunStatus::Running { check_progress(transaction, run, follow_ups) } else { Ok(()) }
}
