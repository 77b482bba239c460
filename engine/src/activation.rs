//! One activation: an event reaches an execution, the interpreter says what follows, and all of it is written in the
//! transaction that is open.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::Result;
use serde_json::{Value, json};

use crate::{
    arn::Arn,
    clock::{from_millis, millis},
    definition::MachineId,
    interpreter::{self, Command, Event, ExecutionFacts, ExecutionState, Outcome, Payload, TaskId, TimerId, Work},
    store::{
        Call, CallContext, CallEffect, Ended, ExecutionId, Transaction,
        activities::{self, Activity, Offer},
        calls,
        executions::{self, End, Execution, Status},
        follow_ups, history, map_runs,
        state_machines::Runnable,
        timers,
    },
    token::Signer,
};

/// How long one step may take while other executions wait for the writer; what is left of it follows later.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

/// Events that one change delivers beside its own.
pub(crate) const MOST_FOLLOWED: usize = 64;

/// Whether the event still concerned its execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Delivered {
    Yes,
    /// Nothing waited for it; nothing has changed.
    NotPending,
}

impl Transaction<'_> {
    /// Brings an event to an execution, and to others what follows from it there: the end of an execution answers
    /// those that wait for it, and stopping one stops those it waits for.
    pub fn deliver(&mut self, execution: ExecutionId, event: Event) -> Result<Delivered> {
        let mut follows = Follows::new();
        let delivered = self.activate(execution, event, &mut follows)?;
        self.follow(follows)?;
        Ok(delivered)
    }

    /// Brings events to executions, and what follows from each. Events that there is no room for become rows, which are
    /// delivered in changes of their own.
    pub(crate) fn follow(&mut self, mut follows: Follows) -> Result<()> {
        let begun = self.clock.monotonic();
        let mut delivered = 0;
        while let Some((execution, event)) = follows.pop_front() {
            let is_full = delivered == MOST_FOLLOWED || self.clock.monotonic().saturating_sub(begun) > PATIENCE;
            if is_full && event.can_wait() {
                follow_ups::insert(self.connection, execution, &event)?;
                self.effects.follow_ups = true;
                continue;
            }
            delivered += 1;
            // One that waits no more is no fault of the event that began this.
            let _ = self.activate(execution, event, &mut follows)?;
        }
        Ok(())
    }

    /// Reads an execution that runs; None for one that does not.
    pub(crate) fn load(&mut self, id: ExecutionId) -> Result<Option<(Loaded, ExecutionState)>> {
        let Some((execution, input)) = executions::with_input(self.connection, id)? else { return Ok(None) };
        if execution.status != Status::Running {
            return Ok(None);
        }
        let runnable = self.revisions.get(self.connection, execution.revision)?;
        let damaged = |error: Box<dyn std::error::Error + Send + Sync>| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, error)
        };
        let state = match executions::state(self.connection, id)? {
            None => ExecutionState::default(),
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| damaged(error.into()))?,
        };
        if !state.fits(&runnable.definition) {
            return Err(damaged("the execution is in a state that its definition does not have".into()));
        }
        let (machine, express) = match execution.child {
            None => (runnable.definition.root(), runnable.express),
            Some(child) => {
                let run = map_runs::get(self.connection, child.map_run)?;
                let processor = runnable.definition.processor_of(&run.processor);
                let processor = processor.ok_or_else(|| damaged("the map run's Map state can't be read".into()))?;
                (processor, run.express)
            }
        };
        Ok(Some((Loaded { execution, input: Payload::from_text(input), runnable, machine, express }, state)))
    }

    /// Does something with what the interpreter must know of an execution.
    pub(crate) fn with_facts<T>(&self, loaded: &Loaded, look: impl FnOnce(&ExecutionFacts<'_>) -> T) -> T {
        let begun = Instant::now();
        let Loaded { execution, input, runnable, machine, .. } = loaded;
        let id = execution.id;
        let state_machine = &runnable.state_machine_name;
        let name = execution.machine_name(state_machine);
        let version = execution.version.map(|number| self.options.qualified_arn(state_machine, number));
        let alias = execution.alias.as_ref().map(|name| self.options.qualified_arn(state_machine, name));
        let token = |task: TaskId| self.signer.task_token(id, task).as_str().to_owned();
        // Should it not be readable now, offering a task to it tells why.
        let has_activity = |arn: &str| self.activity(arn).map_or(true, |activity| activity.is_some());
        look(&ExecutionFacts {
            execution_arn: &self.options.arn_of(execution, state_machine),
            execution_name: execution.shown_name(),
            machine: *machine,
            timeout_seconds: loaded.timeout_seconds(),
            state_machine_arn: &self.options.state_machine_arn(&name),
            state_machine_name: &name,
            state_machine_version_arn: version.as_deref(),
            state_machine_alias_arn: alias.as_deref(),
            role_arn: &runnable.role_arn,
            started: from_millis(execution.started),
            input,
            redrive_count: execution.redrive_count,
            redriven: execution.redriven.map(from_millis),
            seed: self.signer.seed(id),
            nonce: &Signer::nonce,
            token: &token,
            has_activity: &has_activity,
            is_late: &|| begun.elapsed() > PATIENCE,
            probe: None,
        })
    }

    /// Brings one event to one execution.
    pub(crate) fn activate(&mut self, id: ExecutionId, event: Event, follows: &mut Follows) -> Result<Delivered> {
        let Some((loaded, mut state)) = self.load(id)? else { return Ok(Delivered::NotPending) };
        if let Event::TimerFired { timer } = event
            && let Some(due) = self.heartbeat_after_downtime(&state, timer)
        {
            timers::set(self.connection, id, timer, due)?;
            return Ok(Delivered::Yes);
        }
        let definition = &loaded.runnable.definition;
        let step =
            self.with_facts(&loaded, |facts| interpreter::advance(definition, facts, &mut state, event, self.now));
        let Ok(step) = step else { return Ok(Delivered::NotPending) };

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
                status = self.end(&loaded, outcome, follows)?;
            } else {
                self.carry_out(&loaded, command, follows)?;
            }
        }
        // One that failed may be redriven: where it stood is kept.
        if status == Status::Running || !loaded.express && state.is_redrivable() {
            executions::put_state(self.connection, id, &serde_json::to_vec(&state).map_err(unwritable)?)?;
        } else {
            executions::drop_state(self.connection, id)?;
        }
        Ok(Delivered::Yes)
    }

    /// When a heartbeat timer is to fire instead of now: nobody could send heartbeats while the engine was not running,
    /// so a task has its whole interval from the opening of the engine on.
    fn heartbeat_after_downtime(&self, state: &ExecutionState, timer: TimerId) -> Option<i64> {
        let interval = time::Duration::seconds(state.heartbeat_interval(timer)?);
        let due = self.opened.checked_add(interval)?;
        (self.now < due).then(|| millis(due))
    }

    fn carry_out(&mut self, loaded: &Loaded, command: Command, follows: &mut Follows) -> Result<()> {
        let id = loaded.execution.id;
        match command {
            Command::Perform { task, work: Work::Activity { activity_arn, input }, .. } => {
                // There is one, or the interpreter would not ask for it.
                let Some(activity) = self.activity(&activity_arn)? else { return Ok(()) };
                let offer = Offer { execution: id, task, input: input.to_string() };
                activities::offer(self.connection, activity.id, &offer)?;
                self.effects.offers.push(activity.name);
            }
            Command::Perform { task, attempt, due, work } => {
                let execution_arn = Some(self.options.arn_of(&loaded.execution, &loaded.runnable.state_machine_name));
                let context = CallContext { attempt, due: due.map(millis), ..CallContext::of(execution_arn) };
                self.ask_for(Call { execution: id, task, work, context })?;
            }
            Command::SetTimer { timer, due } => {
                let due = millis(due);
                timers::set(self.connection, id, timer, due)?;
                let earliest = self.effects.earliest_timer.get_or_insert(due);
                *earliest = due.min(*earliest);
            }
            Command::ClearTimer { timer } => timers::clear(self.connection, id, timer)?,
            Command::StartMapRun { run, plan } => self.start_map_run(id, run, &plan, follows)?,
            Command::RedriveMapRun { run } => self.redrive_map_run(id, run, follows)?,
            Command::Abandon { task, offered_to } => self.abandon(id, task, offered_to.as_deref(), follows)?,
            // The caller ends executions.
            Command::Finish(_) => {}
        }
        Ok(())
    }

    /// Has a call made once this is committed, and again after a crash until it is answered.
    pub(crate) fn ask_for(&mut self, call: Call) -> Result<()> {
        calls::insert(self.connection, self.run, &call)?;
        self.effects.calls.push(CallEffect::Make(call));
        Ok(())
    }

    fn activity(&self, arn: &str) -> Result<Option<Activity>> {
        match Arn::parse(arn, self.options) {
            Ok(Arn::Activity { name }) => activities::by_name(self.connection, name),
            _ => Ok(None),
        }
    }

    /// Nobody waits for the task any more.
    fn abandon(
        &mut self,
        id: ExecutionId,
        task: TaskId,
        offered_to: Option<&str>,
        follows: &mut Follows,
    ) -> Result<()> {
        if calls::remove(self.connection, id, task)? {
            self.effects.calls.push(CallEffect::Cancel { execution: id, task: Some(task) });
        }
        // A deletion takes back what its activity has offered.
        if let Some(activity) = offered_to.map(|arn| self.activity(arn)).transpose()?.flatten() {
            activities::withdraw(self.connection, activity.id, id, task)?;
        }
        if let Some(child) = calls::stop_waiting(self.connection, id, task)? {
            follows.push_back((child, Event::Stop { error: None, cause: None }));
        }
        self.abort_map_run(id, task, follows)
    }

    fn end(&mut self, loaded: &Loaded, outcome: &Outcome, follows: &mut Follows) -> Result<Status> {
        let Loaded { execution, input, runnable, express, .. } = loaded;
        let id = execution.id;
        let end = End::of(outcome, millis(self.now));
        timers::clear_all(self.connection, id)?;
        if calls::remove_all(self.connection, id)? {
            self.effects.calls.push(CallEffect::Cancel { execution: id, task: None });
        }
        for child in calls::stop_all_waiting(self.connection, id)? {
            follows.push_back((child, Event::Stop { error: None, cause: None }));
        }
        for waiting in calls::take_waiting(self.connection, id)? {
            let description = self.describe_to_waiting(execution, runnable, input, &end, waiting.second_form);
            let event = if end.status == Status::Succeeded {
                Event::TaskSucceeded { task: waiting.task, output: description }
            } else {
                failed(waiting.task, "States.TaskFailed", description.text().to_owned())
            };
            follows.push_back((waiting.parent, event));
        }
        if let Some(child) = execution.child {
            executions::end(self.connection, id, &end)?;
            if *express {
                history::remove(self.connection, id)?;
            }
            self.child_ended(child, end.status, follows)?;
        } else if *express {
            // AWS keeps nothing of these either: whoever waits gets all there is.
            executions::remove(self.connection, id)?;
            self.effects.ended.push(Ended::new(&execution.name, &end));
        } else {
            executions::end(self.connection, id, &end)?;
        }
        Ok(end.status)
    }

    /// The answer of `.sync` and `.sync:2`; the second has input and output as JSON, the first as text.
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

/// A running execution, with what an activation needs to know of it.
pub(crate) struct Loaded {
    pub execution: Execution,
    pub input: Payload,
    pub runnable: Arc<Runnable>,
    /// What it runs of its definition.
    machine: MachineId,
    express: bool,
}

/// AWS's limit on EXPRESS executions, in seconds.
const EXPRESS_TIMEOUT: i64 = 300;

impl Loaded {
    /// The child of a map run has no TimeoutSeconds of its own: its parent's end is its end too.
    fn timeout_seconds(&self) -> Option<i64> {
        let own = if self.execution.child.is_some() { None } else { self.runnable.definition.timeout_seconds() };
        if self.express { Some(own.map_or(EXPRESS_TIMEOUT, |own| own.min(EXPRESS_TIMEOUT))) } else { own }
    }
}

/// What an activation leads to in other executions, or in its own.
pub(crate) type Follows = VecDeque<(ExecutionId, Event)>;

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
