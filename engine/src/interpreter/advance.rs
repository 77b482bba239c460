//! Runs one step of an execution: from an event until every branch has to wait again.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use time::{Duration, OffsetDateTime};

use super::{
    Event, ExecutionFacts, NotPending, Outcome, Payload, Step, TimerId,
    failure::Failure,
    state::{Branch, BranchId, ExecutionState, Phase},
    stored::Awaited,
};
use crate::{
    definition::{Body, Definition, State},
    history::{self, EventKind},
    query::Budget,
};

/// The maximum number of states that branches run within one step, so that a long sequence of states leaves time for
/// other executions.
const MAX_TRANSITIONS: usize = 1_000;

/// An execution during a step.
pub(super) struct Interpreter<'a> {
    pub definition: &'a Definition,
    pub facts: &'a ExecutionFacts<'a>,
    pub state: &'a mut ExecutionState,
    pub now: OffsetDateTime,
    pub step: Step,
    /// The branches that the current failure has aborted. If it fails the execution, a redrive resumes them.
    pub aborted: Vec<(BranchId, Branch)>,
    /// Whether the history has room only for the event that ends the execution.
    pub history_is_full: bool,
    /// Limits what the step may compute.
    pub budget: Arc<Budget>,
    /// The stored items of Map states that this step has read.
    pub items: RefCell<BTreeMap<BranchId, Payload>>,
}

/// Delivers one event to an execution and runs it until it has to wait. Consecutive Pass and Choice states are one
/// step, which is limited so that an endless loop leaves time for others and continues with its next timer.
///
/// # Errors
/// [`NotPending`] if the execution does not wait for the event: a late answer, or a timer that has been cleared.
/// Nothing has changed then.
pub fn advance(
    definition: &Definition,
    facts: &ExecutionFacts<'_>,
    state: &mut ExecutionState,
    event: Event,
    now: OffsetDateTime,
) -> Result<Step, NotPending> {
    if state.over != matches!(event, Event::Redrive) {
        return Err(NotPending);
    }
    let mut interpreter = Interpreter::new(definition, facts, state, now);
    interpreter.handle(event)?;
    interpreter.run_ready_branches();
    interpreter.cancel_opposing_commands();
    Ok(interpreter.step)
}

impl<'a> Interpreter<'a> {
    pub fn new(
        definition: &'a Definition,
        facts: &'a ExecutionFacts<'a>,
        state: &'a mut ExecutionState,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            definition,
            facts,
            state,
            now,
            step: Step::default(),
            aborted: Vec::new(),
            history_is_full: false,
            budget: facts.budget.clone(),
            items: RefCell::default(),
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), NotPending> {
        if let Some((id, reason)) = self.unreadable_state_awaiting(&event) {
            let failure = self.unreadable(id, reason);
            self.fail_state(id, failure);
            return Ok(());
        }
        match event {
            Event::Start => self.start(),
            Event::Redrive => self.redrive(),
            Event::Stop { error, cause } => {
                self.record_end(
                    0,
                    EventKind::ExecutionAborted(history::Failure { error: error.clone(), cause: cause.clone() }),
                );
                self.finish(Outcome::Aborted { error, cause });
                Ok(())
            }
            Event::TimerFired { timer } => self.timer_fired(timer),
            Event::ActivityStarted { task, worker_name } => self.activity_started(task, worker_name),
            Event::TaskSubmitted { task, output } => self.task_submitted(task, output),
            Event::TaskSucceeded { task, output } => self.task_succeeded(task, output),
            Event::TaskFailed { task, error, cause } => self.task_failed(task, error, cause),
            Event::TaskHeartbeat { task } => self.task_heartbeat(task),
            Event::MapRunEnded { run, outcome } => self.map_run_ended(run, outcome),
        }
    }

    /// Finds the branch that an answer is for, if its state can't be read. The answer can't be processed then.
    fn unreadable_state_awaiting(&mut self, event: &Event) -> Option<(BranchId, &'a str)> {
        let answered = match event {
            Event::ActivityStarted { task, .. }
            | Event::TaskSubmitted { task, .. }
            | Event::TaskSucceeded { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::MapRunEnded { run: task, .. } => *task,
            _ => return None,
        };
        let id = self.branch_awaiting(Awaited::Task(answered))?;
        match &self.current(id).body {
            Body::Unreadable { reason, .. } => Some((id, reason)),
            _ => None,
        }
    }

    fn start(&mut self) -> Result<(), NotPending> {
        if self.state.next_event > 1 {
            return Err(NotPending);
        }
        let started = history::ExecutionStarted {
            input: self.facts.input.clone(),
            role_arn: self.facts.role_arn.to_owned(),
            state_machine_alias_arn: self.facts.state_machine_alias_arn.map(str::to_owned),
            state_machine_version_arn: self.facts.state_machine_version_arn.map(str::to_owned),
        };
        self.record_after(0, EventKind::ExecutionStarted(started));
        // A child of a map run that restarts has its whole timeout again.
        self.set_deadline(self.facts.redriven.unwrap_or(self.facts.started));
        self.start_branch(None, 0, self.facts.machine, None, 0);
        Ok(())
    }

    /// Sets the timer for the timeout of the whole execution, which begins at `began`.
    pub fn set_deadline(&mut self, began: OffsetDateTime) {
        if let Some(seconds) = self.facts.timeout_seconds {
            self.state.deadline = Some(self.set_timer(began.saturating_add(Duration::seconds(seconds))));
        }
    }

    fn timer_fired(&mut self, timer: TimerId) -> Result<(), NotPending> {
        if self.state.deadline == Some(timer) {
            self.state.deadline = None;
            // Only the history has the error. DescribeExecution does not report it.
            let error = Some("States.Timeout".to_owned());
            self.record_end(0, EventKind::ExecutionTimedOut(history::Failure { error, cause: None }));
            self.finish(Outcome::TimedOut { error: None, cause: None });
            return Ok(());
        }
        if self.state.resumption == Some(timer) {
            self.state.resumption = None;
            return Ok(());
        }
        let id = self.branch_awaiting(Awaited::Timer(timer)).ok_or(NotPending)?;
        if let Phase::Task(pending) = &self.branch(id).phase {
            let by_heartbeat = pending.timeout != Some(timer);
            self.task_timed_out(id, timer, by_heartbeat);
        } else {
            self.change(id, |branch| branch.phase = Phase::Settled);
            self.state.ready.push_back(id);
        }
        Ok(())
    }

    /// Runs every branch that is ready until it has to wait, within the limits of a step.
    fn run_ready_branches(&mut self) {
        let mut transitions = 0;
        while !self.state.over {
            if self.history_is_full {
                self.fail_execution(self.state.next_event - 1, Failure::history_is_full());
                return;
            }
            // The step is void: see `ExecutionFacts::budget`.
            if self.state.ready.is_empty() || self.budget.is_part() && self.budget.is_spent() {
                return;
            }
            if transitions == MAX_TRANSITIONS || (self.facts.out_of_time)() {
                if self.state.resumption.is_none() {
                    self.state.resumption = Some(self.set_timer(self.now));
                }
                return;
            }
            let Some(id) = self.state.ready.pop_front() else { return };
            if self.load_branch(id) {
                self.run_state(id);
                transitions += 1;
            }
        }
    }

    fn run_state(&mut self, id: BranchId) {
        let state = self.current(id);
        if self.facts.probe.is_some()
            && let Ok(input) = self.effective_input(id, state)
        {
            self.inspect(state, "afterInputPath", &input);
        }
        let done = match (&state.body, &self.branch(id).phase) {
            (Body::Wait { .. }, Phase::Settled) => self.waited(id, state),
            (Body::Pass(pass), _) => self.pass(id, state, pass),
            (Body::Choice { branches, default }, _) => self.choose(id, state, branches, *default),
            (Body::Wait { wait, .. }, _) => self.wait(id, state, wait),
            (Body::Succeed, _) => self.succeed(id, state),
            (Body::Fail(fail), _) => self.fail(id, state, fail),
            (Body::Task(task), _) => self.schedule(id, state, task),
            (Body::Parallel(parallel), _) => self.start_parallel(id, state, parallel),
            (Body::Map(map), _) => self.start_map(id, state, map),
            (Body::Unreadable { reason, .. }, _) => Err(self.unreadable(id, reason)),
        };
        if let Err(failure) = done {
            self.fail_state(id, failure);
        }
    }

    pub fn current(&self, id: BranchId) -> &'a State {
        let name = &self.branch(id).state;
        // Checked when the branch was loaded: see `ExecutionState::fits`.
        self.definition.state_named(name).unwrap_or_else(|| panic!("the definition has no state {name}"))
    }
}
