//! The children of map runs: how they are started within a run's limits, and what their ends make of the run.

use std::time::Instant;

use rusqlite::Result;
use uuid::Uuid;

use crate::{
    activation::{Follows, Loaded, PATIENCE},
    clock::millis,
    interpreter::{
        self, Children, Event, ExecutionState, MapRunOutcome, MapRunPlan, Payload, ResultWriting, TaskId, Work,
    },
    query::QueryError,
    results::Results,
    store::{
        Call, CallContext, ExecutionId, Transaction, calls,
        executions::{self, ChildOf, Execution, NewExecution, Status},
        follow_ups, history,
        map_runs::{self, MapRun, RunStatus},
        state_machines,
    },
};

/// Children of one run that run at once, at most. AWS allows 10,000.
const MOST_AT_ONCE: i64 = 1_000;
/// Children that one change starts; other changes get in between.
const SOME: i64 = 32;
/// Children that one change brings in line with their run, or forgets with it.
const SOME_IN_LINE: usize = 1_000;
/// AWS's limits on an output and on an input, in bytes.
const MOST_OUTPUT: usize = 262_144;
const MOST_INPUT: usize = 262_144;

/// An item that was read can be longer than a child's input may be; ItemSelector can make less of it.
fn too_large(place: i64) -> QueryError {
    QueryError {
        error: "States.DataLimitExceeded",
        cause: format!("The input of the child workflow execution at index {place} has more than {MOST_INPUT} bytes."),
        location: None,
    }
}

impl MapRun {
    /// Its ResultWriter.
    pub fn writing(&self) -> Option<ResultWriting> {
        self.result_writing.as_ref().and_then(|writing| serde_json::from_str(writing).ok())
    }

    /// Whether its results are to be written somewhere.
    fn is_written(&self) -> bool {
        self.writing().is_some_and(|writing| writing.destination.is_some())
    }

    /// How many children may run at once.
    pub fn concurrency(&self) -> i64 {
        if self.max_concurrency == 0 { MOST_AT_ONCE } else { self.max_concurrency.min(MOST_AT_ONCE) }
    }

    /// Whether more items have failed than are tolerated: each limit that is set holds, and without any none may fail.
    fn has_failed(&self, failed: i64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "counts of items are far below 2^52")]
        let share = |percentage: f64| failed as f64 * 100.0 > percentage * self.items as f64;
        match (self.tolerated_count, self.tolerated_percentage) {
            (None, None) => failed > 0,
            (count, percentage) => count.is_some_and(|count| failed > count) || percentage.is_some_and(share),
        }
    }
}

impl Transaction<'_> {
    pub(crate) fn start_map_run(
        &mut self,
        execution: ExecutionId,
        task: TaskId,
        plan: &MapRunPlan,
        follows: &mut Follows,
    ) -> Result<()> {
        let run = map_runs::insert(self.connection, execution, task, plan, millis(self.now))?;
        match &plan.children {
            Children::ToRead(reading) => self.call(execution, task, Work::ReadItems(reading.clone())),
            Children::Items(_) | Children::Batches(_) => self.look_after(&run, follows),
        }
    }

    /// Has a call made at the edge, which answers here.
    fn call(&mut self, execution: ExecutionId, task: TaskId, work: Work) -> Result<()> {
        let machine = executions::state_machine(self.connection, execution)?;
        let machine = state_machines::name(self.connection, machine)?;
        let arn = self.options.row_arn(&machine, &executions::name(self.connection, execution)?);
        self.ask_for(Call { execution, task, work, context: CallContext::of(Some(arn)) })
    }

    /// Goes on with the children that have not succeeded: each is redriven when there is room for it.
    pub(crate) fn redrive_map_run(
        &mut self,
        execution: ExecutionId,
        task: TaskId,
        follows: &mut Follows,
    ) -> Result<()> {
        let Some(run) = map_runs::by_task(self.connection, execution, task)? else { return Ok(()) };
        // Children that were to be stopped with the run: later, their stops would reach them after their redrive.
        for child in executions::children(self.connection, run.id, Status::Running, i64::MAX)? {
            follow_ups::forget(self.connection, child)?;
            let _ = self.activate(child, Event::Stop { error: None, cause: None }, follows)?;
        }
        map_runs::redrive(self.connection, run.id, millis(self.now))?;
        self.bring_in_line(&map_runs::get(self.connection, run.id)?, follows)
    }

    /// Nobody waits for the run any more. Whatever else the task may be is no run.
    pub(crate) fn abort_map_run(&mut self, execution: ExecutionId, task: TaskId, follows: &mut Follows) -> Result<()> {
        match map_runs::by_task(self.connection, execution, task)? {
            Some(run) if run.status == RunStatus::Running => self.end_run(&run, RunStatus::Aborted, None, follows),
            _ => Ok(()),
        }
    }

    pub(crate) fn child_ended(&mut self, child: ChildOf, status: Status, follows: &mut Follows) -> Result<()> {
        map_runs::count(self.connection, child, Some(Status::Running), status)?;
        let run = map_runs::get(self.connection, child.map_run)?;
        if run.status == RunStatus::Running { self.look_after(&run, follows) } else { Ok(()) }
    }

    /// Ends the run if it is over, and otherwise has children started if there is room for any.
    pub(crate) fn look_after(&mut self, run: &MapRun, follows: &mut Follows) -> Result<()> {
        if map_runs::is_out_of_line(self.connection, run.id)? {
            return Ok(());
        }
        let counts = map_runs::counts(self.connection, run.id)?;
        if run.has_failed(counts.failed_items()) {
            if run.is_written() {
                // Its end is told once what there is has been written.
                self.end_run(run, RunStatus::Failed, None, follows)?;
                return self.write_failed(run);
            }
            return self.end_run(run, RunStatus::Failed, Some(MapRunOutcome::too_many_failed()), follows);
        }
        let running = counts.children(Status::Running);
        let left = run.next < run.children || counts.children(Status::PendingRedrive) > 0;
        if running == 0 && !left {
            return self.all_are_over(run, follows);
        }
        let startable = left && running < run.concurrency();
        self.effects.map_runs |= startable;
        map_runs::set_startable(self.connection, run.id, startable)
    }

    /// Has the results of a run written that has failed, once all its children are in line with that.
    fn write_failed(&mut self, run: &MapRun) -> Result<()> {
        if map_runs::is_out_of_line(self.connection, run.id)? {
            return Ok(());
        }
        self.call(run.execution, run.task, Work::WriteResults { failed: true })
    }

    fn all_are_over(&mut self, run: &MapRun, follows: &mut Follows) -> Result<()> {
        if calls::find(self.connection, run.execution, run.task)?.is_some() {
            // Its items are still being read, or its results are already being written.
            return Ok(());
        }
        let output = match run.writing() {
            None => map_runs::output(self.connection, run.id, MOST_OUTPUT)?,
            Some(ResultWriting { destination: Some(_), .. }) => {
                return self.call(run.execution, run.task, Work::WriteResults { failed: false });
            }
            Some(ResultWriting { form, destination: None }) => {
                let (connection, options) = (self.connection, self.options);
                let results = Results { connection, options, run, now: millis(self.now) };
                results.list(form.transformation, MOST_OUTPUT)?
            }
        };
        let outcome = output.map_or(MapRunOutcome::TooLarge, |output| MapRunOutcome::Succeeded { output });
        self.end_run(run, RunStatus::Succeeded, Some(outcome), follows)
    }

    /// The results of a run have been written: where to, for the Map's output. Or they could not be, and why.
    pub(crate) fn results_written(
        &mut self,
        (execution, task): (ExecutionId, TaskId),
        failed: bool,
        written: std::result::Result<Payload, String>,
    ) -> Result<()> {
        if !calls::remove(self.connection, execution, task)? {
            return Ok(());
        }
        let Some(run) = map_runs::by_task(self.connection, execution, task)? else { return Ok(()) };
        let (status, outcome) = match written {
            // What made the run fail counts, and not that this could not be written down.
            _ if failed => (RunStatus::Failed, MapRunOutcome::too_many_failed()),
            Ok(output) => (RunStatus::Succeeded, MapRunOutcome::Succeeded { output }),
            Err(cause) => (RunStatus::Failed, MapRunOutcome::not_written(cause)),
        };
        let mut follows = Follows::new();
        self.end_run(&run, status, Some(outcome), &mut follows)?;
        self.follow(follows)
    }

    /// `outcome` is for the execution that waits for the run; None where it does not wait any more, or not yet.
    pub(crate) fn end_run(
        &mut self,
        run: &MapRun,
        status: RunStatus,
        outcome: Option<MapRunOutcome>,
        follows: &mut Follows,
    ) -> Result<()> {
        map_runs::end(self.connection, run.id, status, millis(self.now))?;
        // There are never more than may run at once.
        for child in executions::children(self.connection, run.id, Status::Running, i64::MAX)? {
            follows.push_back((child, Event::Stop { error: None, cause: None }));
        }
        if let Some(outcome) = outcome {
            follows.push_back((run.execution, Event::MapRunEnded { run: run.task, outcome }));
        }
        self.bring_in_line(&map_runs::get(self.connection, run.id)?, follows)
    }

    /// Brings some of the children that don't run in line with their run, which has just ended or been redriven: there
    /// may be very many. While some are left the run starts none, and the rest of them follows, after a crash too.
    fn bring_in_line(&mut self, run: &MapRun, follows: &mut Follows) -> Result<()> {
        let (connection, id) = (self.connection, run.id);
        let failed = [Status::Failed, Status::TimedOut, Status::Aborted];
        let done = match run.status {
            RunStatus::Running => {
                map_runs::move_children(connection, id, &failed, Status::PendingRedrive, SOME_IN_LINE)?
            }
            // AWS keeps nothing of these either.
            RunStatus::Succeeded if run.express => map_runs::remove_children(connection, id, SOME_IN_LINE)?,
            RunStatus::Succeeded => 0,
            RunStatus::Failed | RunStatus::Aborted => {
                map_runs::move_children(connection, id, &[Status::PendingRedrive], Status::Aborted, SOME_IN_LINE)?
            }
        };
        let in_line = done < SOME_IN_LINE;
        map_runs::set_in_line(connection, id, in_line)?;
        self.effects.map_runs |= !in_line;
        if in_line && run.status == RunStatus::Running { self.look_after(run, follows) } else { Ok(()) }
    }

    fn set_child_status(&mut self, id: ExecutionId, status: Status) -> Result<()> {
        if let Some((Execution { status: before, child: Some(child), .. }, _)) =
            executions::with_input(self.connection, id)?
        {
            map_runs::count(self.connection, child, Some(before), status)?;
            executions::set_status(self.connection, id, status)?;
        }
        Ok(())
    }

    /// Starts some children of a run if it has room for them, or brings some in line.
    pub(crate) fn start_some_children_of(&mut self, id: i64) -> Result<()> {
        if !map_runs::is_startable(self.connection, id)? {
            return Ok(());
        }
        let run = map_runs::get(self.connection, id)?;
        if map_runs::is_out_of_line(self.connection, id)? {
            let mut follows = Follows::new();
            self.bring_in_line(&run, &mut follows)?;
            self.follow(follows)?;
            if run.status == RunStatus::Failed && run.is_written() && self.load(run.execution)?.is_some() {
                self.write_failed(&run)?;
            }
            return Ok(());
        }
        let Some((parent, mut state)) = self.load(run.execution)? else {
            map_runs::set_startable(self.connection, id, false)?;
            return Ok(());
        };
        let begun = Instant::now();
        for started in 0..SOME {
            if started > 0 && begun.elapsed() > PATIENCE {
                break;
            }
            let run = map_runs::get(self.connection, id)?;
            let counts = map_runs::counts(self.connection, id)?;
            // The child before may have ended the run.
            if run.status != RunStatus::Running || counts.children(Status::Running) >= run.concurrency() {
                break;
            }
            if let Some(child) = executions::children(self.connection, id, Status::PendingRedrive, 1)?.pop() {
                self.redrive_child(&run, child)?;
            } else if run.next < run.children {
                self.start_child(&run, &parent, &mut state)?;
            } else {
                break;
            }
        }
        let run = map_runs::get(self.connection, id)?;
        if run.status == RunStatus::Running {
            let mut follows = Follows::new();
            self.look_after(&run, &mut follows)?;
            self.follow(follows)?;
        }
        Ok(())
    }

    fn start_child(&mut self, run: &MapRun, parent: &Loaded, state: &mut ExecutionState) -> Result<()> {
        let Some((child, item)) = map_runs::take_next(self.connection, run)? else { return Ok(()) };
        let input = self.with_facts(parent, |facts| {
            let (definition, place) = (&parent.runnable.definition, usize::try_from(run.next).unwrap_or(usize::MAX));
            interpreter::child_input(definition, facts, state, run.task, (place, item.clone()), self.now)
        });
        let input =
            input.and_then(|input| if input.size() > MOST_INPUT { Err(too_large(run.next)) } else { Ok(input) });
        let input: Payload = match input {
            Ok(input) => input,
            Err(error) => {
                // A redrive of the run begins with this item.
                map_runs::put_back(self.connection, child, &item)?;
                let mut follows = Follows::new();
                self.end_run(run, RunStatus::Failed, Some(MapRunOutcome::NoInput(error)), &mut follows)?;
                return self.follow(follows);
            }
        };
        let name = Execution::child_name(&run.label, &Uuid::new_v4().to_string());
        let name = if run.express { Execution::express_name(&name, &Uuid::new_v4().to_string()) } else { name };
        let new = NewExecution {
            state_machine: executions::state_machine(self.connection, run.execution)?,
            revision: parent.execution.revision,
            name: &name,
            input: input.text(),
            trace_header: None,
            version: parent.execution.version,
            alias: parent.execution.alias.as_deref(),
            started: millis(self.now),
            child: Some(child),
        };
        let id = executions::insert(self.connection, &new)?;
        map_runs::count(self.connection, child, None, Status::Running)?;
        let _ = self.deliver(id, Event::Start)?;
        Ok(())
    }

    /// A STANDARD child goes on where it stood, an EXPRESS one or one whose history is full begins anew.
    fn redrive_child(&mut self, run: &MapRun, id: ExecutionId) -> Result<()> {
        self.set_child_status(id, Status::Running)?;
        executions::redrive(self.connection, id, millis(self.now), None)?;
        let state = executions::state(self.connection, id)?;
        let state = state.and_then(|state| serde_json::from_slice::<ExecutionState>(&state).ok());
        if !run.express && state.is_some_and(|state| state.is_redrivable()) {
            let _ = self.deliver(id, Event::Redrive)?;
        } else {
            history::remove(self.connection, id)?;
            executions::drop_state(self.connection, id)?;
            let _ = self.deliver(id, Event::Start)?;
        }
        Ok(())
    }
}

#[cfg(test)]
use crate::activation::MOST_FOLLOWED;

#[cfg(test)]
mod tests;
