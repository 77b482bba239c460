//! Runs executions with a simulated clock, so no test sleeps.

mod callback;
mod control;
mod data;
mod limits;
mod map_data;
mod nesting;
mod random;
mod redrive;

use std::{cell::Cell, collections::BTreeMap};

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::datetime};

use super::*;
use crate::definition::Definition;

const STARTED: OffsetDateTime = datetime!(2026-11-22 10:00:00 UTC);

const NONCE: Nonce = Nonce(7);

/// The task that this event scheduled.
fn task_id(event: i64) -> TaskId {
    TaskId { event, nonce: NONCE }
}

/// What an execution has stored apart from its state.
#[derive(Default)]
struct Rows {
    /// As JSON.
    branches: BTreeMap<u32, String>,
    parts: BTreeMap<(u32, Part), Payload>,
    /// The number of bytes of branches that were read.
    read: Cell<usize>,
}

impl Rows {
    /// Applies the changes and returns the number of bytes written.
    fn take(&mut self, state: &mut ExecutionState) -> usize {
        let StateChanges { branches, discarded, added } = state.take_changes();
        let mut written = added.iter().map(|(_, _, part)| part.size()).sum();
        self.parts.retain(|(branch, _), _| !discarded.contains(branch));
        self.parts.extend(added.into_iter().map(|(branch, part, value)| ((branch, part), value)));
        for (id, branch) in branches {
            match branch {
                None => assert!(self.branches.remove(&id).is_some(), "a branch without a row was removed"),
                Some(branch) => {
                    assert!(branch.parent().is_some(), "the outermost branch is part of the state");
                    let branch = serde_json::to_string(&branch).unwrap();
                    written += branch.len();
                    self.branches.insert(id, branch);
                }
            }
        }
        written
    }

    fn is_empty(&self) -> bool {
        self.branches.is_empty() && self.parts.is_empty()
    }

    fn parsed(&self, branch: &str) -> Branch {
        self.read.set(self.read.get() + branch.len());
        serde_json::from_str(branch).unwrap()
    }

    /// Looks branches up without counting them as read, as an index does.
    fn wanted(&self, is_wanted: impl Fn(&Branch) -> bool) -> Vec<u32> {
        let all = self.branches.iter().map(|(id, branch)| (*id, serde_json::from_str(branch).unwrap()));
        all.filter(|(_, branch)| is_wanted(branch)).map(|(id, _)| id).collect()
    }
}

impl StoredState for Rows {
    fn branch(&self, id: u32) -> Option<Branch> {
        self.branches.get(&id).map(|branch| self.parsed(branch))
    }

    fn branch_awaiting(&self, awaited: Awaited) -> Option<u32> {
        let found = self.wanted(|branch| match awaited {
            // The index has no nonces.
            Awaited::Task(task) => branch.awaited_task().is_some_and(|own| own.event == task.event),
            Awaited::Timer(timer) => {
                let (first, second) = branch.awaited_timers();
                first == Some(timer) || second == Some(timer)
            }
        });
        assert!(found.len() <= 1);
        found.first().copied()
    }

    fn branches_within(&self, id: u32) -> Vec<(u32, Branch)> {
        let within = self.wanted(|branch| branch.parent() == Some(id));
        within.into_iter().filter_map(|id| Some((id, self.branch(id)?))).collect()
    }

    fn inner_branches(&self) -> Vec<(u32, Branch)> {
        self.branches.iter().map(|(id, branch)| (*id, self.parsed(branch))).collect()
    }

    fn items(&self, branch: u32) -> Option<Payload> {
        self.parts.get(&(branch, Part::Items)).cloned()
    }

    fn outputs(&self, branch: u32) -> Vec<(usize, Payload)> {
        let of_branch = self.parts.iter().filter(|((of, _), _)| *of == branch);
        of_branch
            .filter_map(|((_, part), output)| match part {
                Part::Output(index) => Some((*index, output.clone())),
                Part::Items => None,
            })
            .collect()
    }
}

/// An execution with its simulated environment.
struct Play {
    definition: Definition,
    input: Payload,
    state: ExecutionState,
    rows: Rows,
    /// The number of bytes written for execution states and stored values.
    written: usize,
    now: OffsetDateTime,
    history: Vec<Value>,
    timers: BTreeMap<TimerId, OffsetDateTime>,
    /// The calls that were requested and not abandoned.
    calls: Vec<(TaskId, Work)>,
    abandoned: Vec<TaskId>,
    /// The map runs that have neither ended nor been abandoned.
    map_runs: Vec<(TaskId, Option<MapRunPlan>)>,
    outcome: Option<Outcome>,
    redrives: u32,
    /// Whether every step is told that its time is used up.
    late: bool,
}

impl Play {
    /// Starts an execution and runs its first step.
    fn start(definition: &Value, input: &Value) -> Self {
        Self::start_with_text(definition, &input.to_string())
    }

    fn start_with_text(definition: &Value, input: &str) -> Self {
        let definition = Definition::parse(&definition.to_string()).unwrap_or_else(|problems| panic!("{problems}"));
        let mut play = Self {
            definition,
            input: Payload::from_text(input),
            state: ExecutionState::new(),
            rows: Rows::default(),
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
        play.send(Event::Start).unwrap();
        play
    }

    /// Delivers an event. The state is serialized and deserialized before each step, as the store does.
    fn send(&mut self, event: Event) -> Result<(), NotPending> {
        let token = |task: TaskId| format!("token-{}", task.event);
        let has_moved = Cell::new(false);
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
            out_of_time: &|| has_moved.replace(true) && self.late,
            stored: &self.rows,
            budget: Arc::default(),
            probe: None,
        };
        self.state = serde_json::from_str(&serde_json::to_string(&self.state).unwrap()).unwrap();
        let step = advance(&self.definition, &facts, &mut self.state, event, self.now)?;
        self.written += serde_json::to_string(&self.state).unwrap().len() + self.rows.take(&mut self.state);
        self.history.extend(step.events.iter().map(|event| serde_json::to_value(event).unwrap()));
        for command in step.commands {
            match command {
                Command::Perform { task, work, .. } => self.calls.push((task, work)),
                Command::StartMapRun { run, plan } => self.map_runs.push((run, Some(plan))),
                Command::RedriveMapRun { run } => self.map_runs.push((run, None)),
                Command::SetTimer { timer, due } => assert!(self.timers.insert(timer, due).is_none()),
                Command::PostponeTimer { timer, due } => assert!(self.timers.insert(timer, due).is_some()),
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

    /// Advances the clock and fires the timers that come due, each at its time.
    fn pass(&mut self, seconds: i64) {
        let until = self.now + Duration::seconds(seconds);
        while let Some((timer, due)) =
            self.timers.iter().map(|(timer, due)| (*timer, *due)).min_by_key(|(t, d)| (*d, *t))
            && due <= until
        {
            self.timers.remove(&timer);
            self.now = self.now.max(due);
            self.send(Event::TimerFired { timer }).unwrap();
        }
        self.now = until;
    }

    /// The task that was requested last.
    fn task(&self) -> TaskId {
        self.calls.last().unwrap().0
    }

    fn submit(&mut self) {
        let task = self.task();
        self.send(Event::TaskSubmitted { task, output: Payload::from_text(r#"{"Payload":{}}"#) }).unwrap();
    }

    fn succeed(&mut self, output: &Value) {
        let task = self.task();
        self.send(Event::TaskSucceeded { task, output: Payload::from(output.clone()) }).unwrap();
    }

    fn fail(&mut self, error: &str, cause: &str) {
        let task = self.task();
        self.send(Event::TaskFailed { task, error: Some(error.into()), cause: Some(cause.into()) }).unwrap();
    }

    /// Ends the map run that was started last.
    fn end_map_run(&mut self, outcome: MapRunOutcome) -> MapRunPlan {
        let (run, plan) = self.map_runs.pop().unwrap();
        self.send(Event::MapRunEnded { run, outcome }).unwrap();
        plan.unwrap()
    }

    /// Redrives the execution.
    fn redrive(&mut self) {
        assert!(self.outcome.take().is_some());
        self.redrives += 1;
        self.send(Event::Redrive).unwrap();
    }

    /// Formats the history as lines such as `3<-2 TaskScheduled`.
    fn trace(&self) -> Vec<String> {
        let event = |event: &Value| {
            format!("{}<-{} {}", event["id"], event["previousEventId"], event["type"].as_str().unwrap_or_default())
        };
        self.history.iter().map(event).collect()
    }

    /// The types of the events.
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

/// A state machine that starts with the first of these states.
fn machine(states: &Value) -> Value {
    let first = states.as_object().unwrap().keys().next().unwrap();
    json!({ "StartAt": first, "States": states })
}

/// A task that waits for a token, with additional fields.
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
