//! One step of an execution: from an event to where every branch has to wait again.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use time::{Duration, OffsetDateTime};

use super::{
    Event, ExecutionFacts, NotPending, Outcome, Payload, Step, TimerId,
    failure::Failure,
    state::{Branch, BranchId, ExecutionState, Phase},
};
use crate::{
    definition::{Body, Definition, State},
    history::{self, EventKind},
    query::Budget,
};

/// How many times branches may move on within one step, so that a long run of states leaves room for other executions.
const MOST_MOVES: usize = 1_000;

/// An execution in the middle of a step.
pub(super) struct Run<'a> {
    pub definition: &'a Definition,
    pub facts: &'a ExecutionFacts<'a>,
    pub state: &'a mut ExecutionState,
    pub now: OffsetDateTime,
    pub step: Step,
    /// Branches that the failure under way has ended: should it fail the execution, a redrive goes on with them.
    pub aborted: Vec<(BranchId, Branch)>,
    /// The history has no room for another event but the last.
    pub full: bool,
    /// What the step may compute.
    pub budget: Arc<Budget>,
    /// The kept items that the step has read.
    pub items: RefCell<BTreeMap<BranchId, Payload>>,
}

pub(super) fn advance(
    definition: &Definition,
    facts: &ExecutionFacts<'_>,
    state: &mut ExecutionState,
    event: Event,
    now: OffsetDateTime,
) -> Result<Step, NotPending> {
    if state.over != matches!(event, Event::Redrive) {
        return Err(NotPending);
    }
    let mut run = Run::of(definition, facts, state, now);
    run.take(event)?;
    run.go_on();
    run.drop_void_commands();
    Ok(run.step)
}

impl<'a> Run<'a> {
    pub fn of(
        definition: &'a Definition,
        facts: &'a ExecutionFacts<'a>,
        state: &'a mut ExecutionState,
        now: OffsetDateTime,
    ) -> Self {
        Run {
            definition,
            facts,
            state,
            now,
            step: Step::default(),
            aborted: Vec::new(),
            full: false,
            budget: facts.probe.map_or_else(Arc::default, |probe| probe.budget.clone()),
            items: RefCell::default(),
        }
    }

    fn take(&mut self, event: Event) -> Result<(), NotPending> {
        if let Some((id, reason)) = self.unreadable_that_waits_for(&event) {
            let failure = self.unreadable(id, reason);
            self.fail_state(id, failure);
            return Ok(());
        }
        match event {
            Event::Start => self.start(),
            Event::Redrive => self.redrive(),
            Event::Stop { error, cause } => {
                self.end(
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

    /// The branch that an answer is for, when its state can't be read: nothing can be made of the answer then.
    fn unreadable_that_waits_for(&self, event: &Event) -> Option<(BranchId, &'a str)> {
        let answered = match event {
            Event::ActivityStarted { task, .. }
            | Event::TaskSubmitted { task, .. }
            | Event::TaskSucceeded { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::MapRunEnded { run: task, .. } => *task,
            _ => return None,
        };
        let (id, _) = self.state.branches.iter().find(|(_, branch)| match &branch.phase {
            Phase::Task(pending) => pending.task == answered,
            Phase::MapRun { run, .. } => *run == answered,
            _ => false,
        })?;
        match &self.current(*id).body {
            Body::Unreadable { reason, .. } => Some((*id, reason)),
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
        self.record(0, EventKind::ExecutionStarted(started));
        // The child of a map run that begins anew has all its time again.
        self.set_deadline(self.facts.redriven.unwrap_or(self.facts.started));
        self.begin(None, 0, self.facts.machine, None, 0);
        Ok(())
    }

    /// Sets the time limit of the whole execution, counted from `began`.
    pub fn set_deadline(&mut self, began: OffsetDateTime) {
        if let Some(seconds) = self.facts.timeout_seconds {
            self.state.deadline = Some(self.set_timer(began.saturating_add(Duration::seconds(seconds))));
        }
    }

    fn timer_fired(&mut self, timer: TimerId) -> Result<(), NotPending> {
        if self.state.deadline == Some(timer) {
            self.state.deadline = None;
            // The error stands in the history alone; DescribeExecution shows none.
            let error = Some("States.Timeout".to_owned());
            self.end(0, EventKind::ExecutionTimedOut(history::Failure { error, cause: None }));
            self.finish(Outcome::TimedOut { error: None, cause: None });
            return Ok(());
        }
        if self.state.resumption == Some(timer) {
            self.state.resumption = None;
            return Ok(());
        }
        let waiting = self.state.branches.iter().find_map(|(id, branch)| match &branch.phase {
            Phase::Waiting { timer: own } | Phase::BackingOff { timer: own } => (*own == timer).then_some((*id, None)),
            Phase::Task(pending) => pending.is_due(timer).map(|by_heartbeat| (*id, Some(by_heartbeat))),
            Phase::Ready | Phase::Settled | Phase::Parallel { .. } | Phase::Map(_) | Phase::MapRun { .. } => None,
        });
        match waiting.ok_or(NotPending)? {
            (id, Some(by_heartbeat)) => self.task_timed_out(id, timer, by_heartbeat),
            (id, None) => {
                self.change(id, |branch| branch.phase = Phase::Settled);
                self.state.ready.push_back(id);
            }
        }
        Ok(())
    }

    /// Lets every branch that can go as far as it goes, within bounds.
    fn go_on(&mut self) {
        let mut moves = 0;
        while !self.state.over {
            if self.full {
                self.fail_execution(self.state.next_event - 1, Failure::history_is_full());
                return;
            }
            if moves == MOST_MOVES || moves > 0 && (self.facts.is_late)() {
                if self.state.resumption.is_none() {
                    self.state.resumption = Some(self.set_timer(self.now));
                }
                return;
            }
            let Some(id) = self.state.ready.pop_front() else { return };
            if self.state.branches.contains_key(&id) {
                self.go(id);
                moves += 1;
            }
        }
    }

    fn go(&mut self, id: BranchId) {
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
            (Body::Parallel(parallel), _) => self.fork(id, state, parallel),
            (Body::Map(map), _) => self.start_map(id, state, map),
            (Body::Unreadable { reason, .. }, _) => Err(self.unreadable(id, reason)),
        };
        if let Err(failure) = done {
            self.fail_state(id, failure);
        }
    }

    pub fn branch(&self, id: BranchId) -> &Branch {
        // Ids are only handed out with a branch, and nothing keeps one for longer than the branch lives.
        &self.state.branches[&id]
    }

    /// Nothing is changed where the branch has ended.
    pub fn change(&mut self, id: BranchId, change: impl FnOnce(&mut Branch)) {
        if let Some(branch) = self.state.branches.get_mut(&id) {
            change(branch);
        }
    }

    pub fn current(&self, id: BranchId) -> &'a State {
        let name = &self.branch(id).state;
        // `ExecutionState::fits` has checked that all of them are there.
        self.definition.state_named(name).unwrap_or_else(|| panic!("the definition has no state {name}"))
    }
}
