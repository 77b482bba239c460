//! Executions played on a clock of their own: nothing here sleeps.

mod callback;
mod control;
mod data;
mod limits;
mod map_data;
mod nesting;
mod random;
mod redrive;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::datetime};

use super::*;
use crate::definition::Definition;

const STARTED: OffsetDateTime = datetime!(2026-11-22 10:00:00 UTC);

const NONCE: Nonce = Nonce(7);

/// The task that was scheduled by this event.
fn task_id(event: i64) -> TaskId {
    TaskId { event, nonce: NONCE }
}

/// What an execution keeps apart from its state.
#[derive(Default)]
struct Rows(BTreeMap<(u32, Part), Payload>);

impl Rows {
    /// How many bytes were added.
    fn take(&mut self, state: &mut ExecutionState) -> usize {
        let KeptChanges { dropped, added } = state.take_kept();
        let bytes = added.iter().map(|(_, _, kept)| kept.size()).sum();
        self.0.retain(|(branch, _), _| !dropped.contains(branch));
        self.0.extend(added.into_iter().map(|(branch, part, kept)| ((branch, part), kept)));
        bytes
    }
}

impl Kept for Rows {
    fn items(&self, branch: u32) -> Option<Payload> {
        self.0.get(&(branch, Part::Items)).cloned()
    }

    fn outputs(&self, branch: u32) -> Vec<(usize, Payload)> {
        let of_branch = self.0.iter().filter(|((of, _), _)| *of == branch);
        of_branch
            .filter_map(|((_, part), kept)| match part {
                Part::Output(index) => Some((*index, kept.clone())),
                Part::Items => None,
            })
            .collect()
    }
}

/// One execution with its outside world.
struct Play {
    definition: Definition,
    input: Payload,
    state: ExecutionState,
    kept: Rows,
    /// Bytes of states and of what is kept apart from them.
    written: usize,
    now: OffsetDateTime,
    history: Vec<Value>,
    timers: BTreeMap<TimerId, OffsetDateTime>,
    /// What was asked to be done, and has not been abandoned.
    calls: Vec<(TaskId, Work)>,
    abandoned: Vec<TaskId>,
    /// Those that have not ended nor been abandoned.
    map_runs: Vec<(TaskId, Option<MapRunPlan>)>,
    outcome: Option<Outcome>,
    redrives: u32,
    /// Every step is told that it has taken its time.
    late: bool,
}

impl Play {
    /// Starts an execution and lets it go as far as it goes.
    fn start(definition: &Value, input: &Value) -> Self {
        Self::start_with_text(definition, &input.to_string())
    }

    fn start_with_text(definition: &Value, input: &str) -> Self {
        let definition = Definition::parse(&definition.to_string()).unwrap_or_else(|problems| panic!("{problems}"));
        let mut play = Self {
            definition,
            input: Payload::from_text(input),
            state: ExecutionState::new(),
            kept: Rows::default(),
            written: 0,
            now: STARTED,
            history: Vec::new(),
            timers: BTreeMap::new(),
            calls: Vec::new(),
            abandoned: Vec::new(),
            map_runs: Vec::new(),
            outcome: None,
            redrives: 0,
            late: false,
        };
        play.tell(Event::Start).unwrap();
        play
    }

    /// Hands an event over; the state is written and read back in between, as storage does.
    fn tell(&mut self, event: Event) -> Result<(), NotPending> {
        let token = |task: TaskId| format!("token-{}", task.event);
        let facts = ExecutionFacts {
            execution_arn: "arn:aws:states:eu-west-2:000000000000:execution:loan:app-1",
            execution_name: "app-1",
            machine: self.definition.root(),
            timeout_seconds: self.definition.timeout_seconds(),
            state_machine_arn: "arn:aws:states:eu-west-2:000000000000:stateMachine:loan",
            state_machine_name: "loan",
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
            role_arn: "arn:aws:iam::000000000000:role/loan",
            started: STARTED,
            input: &self.input,
            redrive_count: self.redrives,
            redriven: None,
            seed: 42,
            nonce: &|| NONCE,
            token: &token,
            has_activity: &|arn| !arn.ends_with(":nobody"),
            is_late: &|| self.late,
            kept: &self.kept,
            probe: None,
        };
        self.state = serde_json::from_str(&serde_json::to_string(&self.state).unwrap()).unwrap();
        let step = advance(&self.definition, &facts, &mut self.state, event, self.now)?;
        self.written += serde_json::to_string(&self.state).unwrap().len() + self.kept.take(&mut self.state);
        self.history.extend(step.events.iter().map(|event| serde_json::to_value(event).unwrap()));
        for command in step.commands {
            match command {
                Command::Perform { task, work, .. } => self.calls.push((task, work)),
                Command::StartMapRun { run, plan } => self.map_runs.push((run, Some(plan))),
                Command::RedriveMapRun { run } => self.map_runs.push((run, None)),
                Command::SetTimer { timer, due } => assert!(self.timers.insert(timer, due).is_none()),
                Command::ClearTimer { timer } => assert!(self.timers.remove(&timer).is_some()),
                Command::Abandon { task, .. } => {
                    self.calls.retain(|(call, _)| *call != task);
                    self.map_runs.retain(|(run, _)| *run != task);
                    self.abandoned.push(task);
                }
                Command::Finish(outcome) => assert!(self.outcome.replace(outcome).is_none()),
            }
        }
        if self.outcome.is_some() {
            assert!(self.timers.is_empty(), "timers outlive the execution: {:?}", self.timers);
        }
        Ok(())
    }

    /// Moves the clock and fires what comes due, each timer at its time.
    fn pass(&mut self, seconds: i64) {
        let until = self.now + Duration::seconds(seconds);
        while let Some((timer, due)) =
            self.timers.iter().map(|(timer, due)| (*timer, *due)).min_by_key(|(t, d)| (*d, *t))
            && due <= until
        {
            self.timers.remove(&timer);
            self.now = self.now.max(due);
            self.tell(Event::TimerFired { timer }).unwrap();
        }
        self.now = until;
    }

    /// The task that was asked for last.
    fn task(&self) -> TaskId {
        self.calls.last().unwrap().0
    }

    fn submit(&mut self) {
        let task = self.task();
        self.tell(Event::TaskSubmitted { task, output: Payload::from_text(r#"{"Payload":{}}"#) }).unwrap();
    }

    fn succeed(&mut self, output: &Value) {
        let task = self.task();
        self.tell(Event::TaskSucceeded { task, output: Payload::from(output.clone()) }).unwrap();
    }

    fn fail(&mut self, error: &str, cause: &str) {
        let task = self.task();
        self.tell(Event::TaskFailed { task, error: Some(error.into()), cause: Some(cause.into()) }).unwrap();
    }

    /// The map run that was started last ends.
    fn end_map_run(&mut self, outcome: MapRunOutcome) -> MapRunPlan {
        let (run, plan) = self.map_runs.pop().unwrap();
        self.tell(Event::MapRunEnded { run, outcome }).unwrap();
        plan.unwrap()
    }

    /// The execution goes on after its end.
    fn redrive(&mut self) {
        assert!(self.outcome.take().is_some());
        self.redrives += 1;
        self.tell(Event::Redrive).unwrap();
    }

    /// `3<-2 TaskScheduled`, event by event.
    fn trace(&self) -> Vec<String> {
        let event = |event: &Value| {
            format!("{}<-{} {}", event["id"], event["previousEventId"], event["type"].as_str().unwrap_or_default())
        };
        self.history.iter().map(event).collect()
    }

    /// The event types alone.
    fn types(&self) -> Vec<&str> {
        self.history.iter().filter_map(|event| event["type"].as_str()).collect()
    }

    fn last(&self) -> &Value {
        self.history.last().unwrap()
    }

    fn output(&self) -> Value {
        match &self.outcome {
            Some(Outcome::Succeeded { output }) => output.value().clone(),
            other => panic!("not succeeded: {other:?}"),
        }
    }

    fn error(&self) -> (Option<&str>, Option<&str>) {
        match &self.outcome {
            Some(Outcome::Failed { error, cause }) => (error.as_deref(), cause.as_deref()),
            other => panic!("not failed: {other:?}"),
        }
    }
}

/// A state machine of these states, beginning with the first.
fn machine(states: &Value) -> Value {
    let first = states.as_object().unwrap().keys().next().unwrap();
    json!({ "StartAt": first, "States": states })
}

/// A task that pauses on a token, with more fields.
fn callback(more: &Value) -> Value {
    let mut task = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token"}},
    });
    for (field, value) in more.as_object().unwrap() {
        task[field] = value.clone();
    }
    task
}
