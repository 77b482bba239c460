//! Activation: delivers an event to an execution. The interpreter computes the step, and the step is written in the open
//! transaction.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    clock::millis,
    execution::{self, FollowUps, Loaded, PATIENCE, Version},
    interpreter::{self, Command, Event, ExecutionState, NotPending, Outcome, Payload, Step, TaskId, TimerId, Work},
    map_runs,
    query::Budget,
    store::{
        Call, CallContext, CallEffect, Computation, Computed, Ended, ExecutionId, Outside, Result, Stop, Transaction,
        activities::{self, Offer},
        calls,
        executions::{self, End, Execution, Status},
        follow_ups, history, kept,
        state_machines::Runnable,
        timers,
    },
};

/// The maximum number of events that one change delivers in addition to its own.
pub(crate) const MOST_FOLLOWED: usize = 64;

/// Whether the execution was waiting for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Delivered {
    Yes,
    /// The execution was not waiting for it. Nothing has changed.
    NotPending,
}

impl Transaction<'_> {
    /// Delivers an event to an execution, then the events for other executions that it leads to: an execution that ends
    /// answers those that wait for it, and one that is stopped stops those that it waits for.
    pub fn deliver(&mut self, execution: ExecutionId, event: Event) -> Result<Delivered> {
        let mut follow_ups = FollowUps::new();
        let delivered = self.activate(execution, event, &mut follow_ups)?;
        self.follow(follow_ups)?;
        Ok(delivered)
    }

    /// Delivers events, and those that each of them leads to. Events that there is no room for become rows, which are
    /// delivered in changes of their own.
    pub(crate) fn follow(&mut self, mut follow_ups: FollowUps) -> Result<()> {
        let begun = self.clock.monotonic();
        let mut delivered = 0;
        while let Some((execution, event)) = follow_ups.pop_front() {
            let is_full = delivered == MOST_FOLLOWED || self.clock.monotonic().saturating_sub(begun) > PATIENCE;
            if is_full {
                follow_ups::insert(self.connection, execution, &event)?;
                self.effects.follow_ups = true;
                continue;
            }
            delivered += 1;
            // An execution that no longer waits does not fail the event that led here.
            let _ = self.activate(execution, event, &mut follow_ups)?;
        }
        Ok(())
    }

    /// Delivers one event to one execution.
    ///
    /// # Errors
    /// [`Stop::TooLong`] when the step has to be computed outside of the transaction, and nothing has been written.
    fn activate(&mut self, id: ExecutionId, event: Event, follow_ups: &mut FollowUps) -> Result<Delivered> {
        let Some((loaded, mut state)) = execution::load(self, id)? else { return Ok(Delivered::NotPending) };
        if let Event::TimerFired { timer } = event
            && let Some(due) = self.heartbeat_after_downtime(&state, timer)
        {
            timers::set(self.connection, id, timer, due)?;
            return Ok(Delivered::Yes);
        }
        let is_wanted = |computed: &ComputedStep| computed.event == event && loaded.is_at(&computed.version);
        let step = match self.computed(is_wanted) {
            Some(computed) => {
                state = computed.state.clone();
                computed.step.clone()
            }
            None => {
                let budget = execution::budget_in_transaction();
                let step = self.advance(&loaded, &mut state, event.clone(), &budget, &execution::out_of_time())?;
                match event {
                    _ if !budget.is_spent() => step,
                    // These two compute nothing by themselves. The execution moves on with its next timer.
                    Event::Start | Event::Redrive => {
                        state = loaded.state()?;
                        self.advance(&loaded, &mut state, event, &Arc::default(), &|| true)?
                    }
                    // Computed outside, it would be computed without what this change has written before.
                    event if self.has_stepped => {
                        follow_ups::insert(self.connection, id, &event)?;
                        self.effects.follow_ups = true;
                        return Ok(Delivered::Yes);
                    }
                    event => {
                        let compute = move |outside: &mut Outside| ComputedStep::compute(outside, id, event);
                        return Err(Stop::TooLong(Computation::of(id, compute)));
                    }
                }
            }
        };
        let Ok(step) = step else { return Ok(Delivered::NotPending) };
        self.has_stepped = true;
        self.write_step(&loaded, state, step, follow_ups)?;
        Ok(Delivered::Yes)
    }

    fn advance(
        &self,
        loaded: &Loaded,
        state: &mut ExecutionState,
        event: Event,
        budget: &Arc<Budget>,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<Result<Step, NotPending>> {
        let definition = &loaded.runnable.definition;
        loaded.with_facts(self, budget, out_of_time, |facts| {
            interpreter::advance(definition, facts, state, event, self.now)
        })
    }

    fn write_step(
        &mut self,
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
            history::append(self.connection, id, first.id, &lines)?;
        }
        let mut status = Status::Running;
        for command in step.commands {
            if let Command::Finish(outcome) = &command {
                status = self.end(loaded, outcome, follow_ups)?;
            } else {
                self.carry_out(loaded, command, follow_ups)?;
            }
        }
        // A failed execution may be redriven, so its state is kept.
        if status == Status::Running || !loaded.express && state.is_redrivable() {
            kept::change(self.connection, id, &state.take_kept())?;
            executions::put_state(self.connection, id, &serde_json::to_vec(&state).map_err(unwritable)?)?;
        } else {
            executions::drop_state(self.connection, id)?;
        }
        Ok(())
    }

    /// When a heartbeat timer is to fire instead of now: nobody could send heartbeats while the engine was not running,
    /// so a task has its whole interval from the opening of the engine on.
    fn heartbeat_after_downtime(&self, state: &ExecutionState, timer: TimerId) -> Option<i64> {
        let interval = time::Duration::seconds(state.heartbeat_interval(timer)?);
        let due = self.opened.checked_add(interval)?;
        (self.now < due).then(|| millis(due))
    }

    fn carry_out(&mut self, loaded: &Loaded, command: Command, follow_ups: &mut FollowUps) -> Result<()> {
        let id = loaded.execution.id;
        match command {
            Command::Perform { task, work: Work::Activity { activity_arn, input }, .. } => {
                // The interpreter has checked that the activity exists.
                let Some(activity) = execution::activity(self, &activity_arn)? else { return Ok(()) };
                let offer = Offer { execution: id, task, input: input.to_string() };
                activities::offer(self.connection, activity.id, &offer)?;
                self.effects.offers.push(activity.name);
            }
            Command::Perform { task, attempt, due, work } => {
                let execution_arn = Some(self.options.arn_of(&loaded.execution, &loaded.runnable.state_machine_name));
                let context = CallContext { attempt, due: due.map(millis), ..CallContext::of(execution_arn) };
                execution::request_call(self, Call { execution: id, task, work, context })?;
            }
            Command::SetTimer { timer, due } | Command::PutOffTimer { timer, due } => {
                let due = millis(due);
                timers::set(self.connection, id, timer, due)?;
                let earliest = self.effects.earliest_timer.get_or_insert(due);
                *earliest = due.min(*earliest);
            }
            Command::ClearTimer { timer } => timers::clear(self.connection, id, timer)?,
            Command::StartMapRun { run, plan } => map_runs::start(self, id, run, &plan, follow_ups)?,
            Command::RedriveMapRun { run } => {
                // Children that were to be stopped with the run: later, their stops would reach them after their redrive.
                for child in map_runs::take_unstopped(self, id, run)? {
                    let _ = self.activate(child, Event::Stop { error: None, cause: None }, follow_ups)?;
                }
                map_runs::redrive(self, id, run, follow_ups)?;
            }
            Command::Abandon { task, offered_to } => self.abandon(id, task, offered_to.as_deref(), follow_ups)?,
            // Handled by the caller.
            Command::Finish(_) => {}
        }
        Ok(())
    }

    /// Nobody waits for the task any more.
    fn abandon(
        &mut self,
        id: ExecutionId,
        task: TaskId,
        offered_to: Option<&str>,
        follow_ups: &mut FollowUps,
    ) -> Result<()> {
        if calls::remove(self.connection, id, task)? {
            self.effects.calls.push(CallEffect::Cancel { execution: id, task: Some(task) });
        }
        // The deletion of an activity withdraws its offers itself.
        if let Some(activity) = offered_to.map(|arn| execution::activity(self, arn)).transpose()?.flatten() {
            activities::withdraw(self.connection, activity.id, id, task)?;
        }
        if let Some(child) = calls::stop_waiting(self.connection, id, task)? {
            follow_ups.push_back((child, Event::Stop { error: None, cause: None }));
        }
        map_runs::abort(self, id, task, follow_ups)
    }

    fn end(&mut self, loaded: &Loaded, outcome: &Outcome, follow_ups: &mut FollowUps) -> Result<Status> {
        let Loaded { execution, input, runnable, express, .. } = loaded;
        let id = execution.id;
        let end = End::of(outcome, millis(self.now));
        timers::clear_all(self.connection, id)?;
        if calls::remove_all(self.connection, id)? {
            self.effects.calls.push(CallEffect::Cancel { execution: id, task: None });
        }
        for child in calls::stop_all_waiting(self.connection, id)? {
            follow_ups.push_back((child, Event::Stop { error: None, cause: None }));
        }
        for waiting in calls::take_waiting(self.connection, id)? {
            let description = self.describe_to_waiting(execution, runnable, input, &end, waiting.second_form);
            let event = if end.status == Status::Succeeded {
                Event::TaskSucceeded { task: waiting.task, output: description }
            } else {
                failed(waiting.task, "States.TaskFailed", description.text().to_owned())
            };
            follow_ups.push_back((waiting.parent, event));
        }
        if let Some(child) = execution.child {
            executions::end(self.connection, id, &end)?;
            if *express {
                history::remove(self.connection, id)?;
            }
            map_runs::child_ended(self, child, end.status, follow_ups)?;
        } else if *express {
            // AWS does not keep EXPRESS executions either. The waiting caller gets the result.
            executions::remove(self.connection, id)?;
            self.effects.ended.push(Ended::new(&execution.name, &end));
        } else {
            executions::end(self.connection, id, &end)?;
        }
        Ok(end.status)
    }

    /// The result of a `.sync` or `.sync:2` task. Input and output are text in the first and JSON in the second.
    fn describe_to_waiting(
        &self,
        execution: &Execution,
        runnable: &Runnable,
        input: &Payload,
        end: &End<'_>,
        second_form: bool,
    ) -> Payload {
        let machine = &runnable.state_machine_name;
        let document =
            |text: &str| -> Value { if second_form { Payload::from_text(text).value().clone() } else { text.into() } };
        let mut all = serde_json::Map::new();
        if let Some(cause) = end.cause {
            all.insert("Cause".into(), cause.into());
        }
        if let Some(error) = end.error {
            all.insert("Error".into(), error.into());
        }
        all.insert("ExecutionArn".into(), self.options.arn_of(execution, machine).into());
        all.insert("Input".into(), document(input.text()));
        all.insert("InputDetails".into(), json!({"Included": true}));
        all.insert("Name".into(), execution.shown_name().into());
        if let Some(output) = end.output {
            all.insert("Output".into(), document(output));
            all.insert("OutputDetails".into(), json!({"Included": true}));
        }
        all.insert("StartDate".into(), execution.started.into());
        all.insert("StateMachineArn".into(), self.options.state_machine_arn(machine).into());
        all.insert("Status".into(), end.status.word().into());
        all.insert("StopDate".into(), end.stopped.into());
        Payload::from(Value::Object(all))
    }
}

/// A step that was computed outside of the transaction.
struct ComputedStep {
    /// Where the execution was.
    version: Version,
    event: Event,
    state: ExecutionState,
    step: Result<Step, NotPending>,
}

impl ComputedStep {
    fn compute(outside: &mut Outside, id: ExecutionId, event: Event) -> Result<Computed> {
        // An execution that no longer runs is found as such by the change, too.
        let Some((loaded, mut state)) = execution::load(outside, id)? else { return Ok(Arc::new(())) };
        let (definition, now) = (&loaded.runnable.definition, outside.now());
        let step = loaded.with_facts(outside, &Arc::default(), &execution::out_of_time(), |facts| {
            interpreter::advance(definition, facts, &mut state, event.clone(), now)
        })?;
        Ok(Arc::new(Self { version: loaded.version(), event, state, step }))
    }
}

fn failed(task: TaskId, error: &str, cause: String) -> Event {
    Event::TaskFailed { task, error: Some(error.to_owned()), cause: Some(cause) }
}

fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
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
