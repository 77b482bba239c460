//! Writes a step: its history events, the new state, and the rows that its commands ask for.

use super::{activate, report};
use crate::{
    clock::millis,
    execution::{self, FollowUps, Loaded},
    interpreter::{Command, Event, ExecutionState, Outcome, Step, TaskId, Work},
    map_runs,
    store::{
        Call, CallContext, CallEffect, Ended, ExecutionId, Result, Transaction,
        activities::{self, Offer},
        branches, calls,
        executions::{self, End, Status},
        history, timers,
    },
};

pub(super) fn write(
    transaction: &mut Transaction<'_>,
    loaded: &Loaded,
    mut state: ExecutionState,
    step: Step,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    let id = loaded.execution.id;
    if let Some(first) = step.events.first() {
        let mut lines = Vec::with_capacity(step.events.len() * 256);
        for event in &step.events {
            serde_json::to_writer(&mut lines, event).map_err(unwritable)?;
            lines.push(b'\n');
        }
        history::append(transaction.connection, id, first.id, &lines)?;
    }
    let mut status = Status::Running;
    for command in step.commands {
        if let Command::Finish(outcome) = &command {
            status = end(transaction, loaded, outcome, follow_ups)?;
        } else {
            carry_out(transaction, loaded, command, follow_ups)?;
        }
    }
    // An execution that has failed can be redriven from its state.
    if status == Status::Running || !loaded.express && state.is_redrivable() {
        branches::change(transaction.connection, id, &state.take_changes())?;
        executions::put_state(transaction.connection, id, &serde_json::to_vec(&state).map_err(unwritable)?)?;
    } else {
        executions::drop_state(transaction.connection, id)?;
    }
    Ok(())
}

fn carry_out(
    transaction: &mut Transaction<'_>,
    loaded: &Loaded,
    command: Command,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    let id = loaded.execution.id;
    match command {
        Command::Perform { task, work: Work::Activity { activity_arn, input }, .. } => {
            // The interpreter has checked that the activity exists.
            let Some(activity) = execution::activity(transaction, &activity_arn)? else { return Ok(()) };
            let offer = Offer { execution: id, task, input: input.text().to_owned() };
            activities::offer(transaction.connection, activity.id, &offer)?;
            transaction.effects.offers.push(activity.name);
        }
        Command::Perform { task, attempt, due, work } => {
            let arn = transaction.options.arn_of(&loaded.execution, &loaded.runnable.state_machine_name);
            let context = CallContext { attempt, due: due.map(millis), ..CallContext::of(Some(arn)) };
            execution::request_call(transaction, Call { execution: id, task, work, context })?;
        }
        Command::SetTimer { timer, due } | Command::PostponeTimer { timer, due } => {
            let due = millis(due);
            timers::set(transaction.connection, id, timer, due)?;
            let earliest = transaction.effects.earliest_timer.get_or_insert(due);
            *earliest = due.min(*earliest);
        }
        Command::ClearTimer { timer } => timers::clear(transaction.connection, id, timer)?,
        Command::StartMapRun { run, plan } => map_runs::start(transaction, id, run, &plan, follow_ups)?,
        Command::RedriveMapRun { run } => {
            // If these children were stopped later, the stops would reach them after their redrive.
            for child in map_runs::take_unstopped(transaction, id, run)? {
                let _ = activate(transaction, child, Event::Stop { error: None, cause: None }, follow_ups)?;
            }
            map_runs::redrive(transaction, id, run, follow_ups)?;
        }
        Command::Abandon { task, offered_to } => {
            abandon(transaction, id, task, offered_to.as_deref(), follow_ups)?;
        }
        // Handled by the caller.
        Command::Finish(_) => {}
    }
    Ok(())
}

/// Removes what was started for a task that the execution no longer waits for.
fn abandon(
    transaction: &mut Transaction<'_>,
    id: ExecutionId,
    task: TaskId,
    offered_to: Option<&str>,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    if calls::remove(transaction.connection, id, task)? {
        transaction.effects.calls.push(CallEffect::Cancel { execution: id, task: Some(task) });
    }
    // If the activity has been deleted, so have its offers.
    if let Some(activity) = offered_to.map(|arn| execution::activity(transaction, arn)).transpose()?.flatten() {
        activities::withdraw(transaction.connection, activity.id, id, task)?;
    }
    if let Some(child) = calls::stop_waiting(transaction.connection, id, task)? {
        follow_ups.push_back((child, Event::Stop { error: None, cause: None }));
    }
    map_runs::abort(transaction, id, task, follow_ups)
}

/// Ends the execution, and tells those that wait for it.
fn end(
    transaction: &mut Transaction<'_>,
    loaded: &Loaded,
    outcome: &Outcome,
    follow_ups: &mut FollowUps,
) -> Result<Status> {
    let Loaded { execution, express, .. } = loaded;
    let id = execution.id;
    let end = End::of(outcome, millis(transaction.now));
    timers::clear_all(transaction.connection, id)?;
    if calls::remove_all(transaction.connection, id)? {
        transaction.effects.calls.push(CallEffect::Cancel { execution: id, task: None });
    }
    for child in calls::stop_all_waiting(transaction.connection, id)? {
        follow_ups.push_back((child, Event::Stop { error: None, cause: None }));
    }
    for waiting in calls::take_waiting(transaction.connection, id)? {
        let event = report::of_end(transaction.options, loaded, &end, &waiting);
        follow_ups.push_back((waiting.parent, event));
    }
    if let Some(child) = execution.child {
        executions::end(transaction.connection, id, &end)?;
        if *express {
            history::remove(transaction.connection, id)?;
        }
        map_runs::child_ended(transaction, child, end.status, follow_ups)?;
    } else if *express {
        // As on AWS, an EXPRESS execution is not kept. Its end is reported to the caller that waits for it.
        executions::remove(transaction.connection, id)?;
        transaction.effects.ended.push(Ended::new(&execution.name, &end));
    } else {
        executions::end(transaction.connection, id, &end)?;
    }
    Ok(end.status)
}

impl<'a> End<'a> {
    fn of(outcome: &'a Outcome, stopped: i64) -> Self {
        let (status, output, error, cause) = match outcome {
            Outcome::Succeeded { output } => (Status::Succeeded, Some(output.text()), &None, &None),
            Outcome::Failed { error, cause } => (Status::Failed, None, error, cause),
            Outcome::TimedOut { error, cause } => (Status::TimedOut, None, error, cause),
            Outcome::Aborted { error, cause } => (Status::Aborted, None, error, cause),
        };
        End { status, stopped, output, error: error.as_deref(), cause: cause.as_deref() }
    }
}

fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}
