//! One step of an execution: from an event to where every branch has to wait again.

use std::collections::HashSet;

use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::{
    Command, Event, ExecutionFacts, NotPending, Outcome, Payload, Step, TaskId, TimerId,
    failure::Failure,
    state::{Branch, BranchId, ExecutionState, Pending, Phase},
};
use crate::{
    definition::{Body, Definition, MachineId, State, StateId, Transition},
    history::{self, EventKind, HistoryEvent, MAX_EVENTS, StateEntered, StateExited},
};

/// How many times branches may move on within one step, so that a long run of states leaves room for other executions.
const MOST_MOVES: usize = 1_000;

/// Ids of tasks that no history shows start here, far above those of events.
const FIRST_HIDDEN_TASK: i64 = 1 << 40;

/// An execution in the middle of a step.
pub(super) struct Run<'a> {
    pub definition: &'a Definition,
    pub facts: &'a ExecutionFacts<'a>,
    pub state: &'a mut ExecutionState,
    pub now: OffsetDateTime,
    step: Step,
    /// Branches that the failure under way has ended: should it fail the execution, a redrive goes on with them.
    pub aborted: Vec<(BranchId, Branch)>,
    /// The history has no room for another event but the last.
    full: bool,
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
    let mut run = Run { definition, facts, state, now, step: Step::default(), aborted: Vec::new(), full: false };
    run.take(event)?;
    run.go_on();
    run.drop_void_commands();
    Ok(run.step)
}

impl<'a> Run<'a> {
    fn take(&mut self, event: Event) -> Result<(), NotPending> {
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
        self.set_deadline(self.facts.started);
        self.begin(None, 0, self.definition.root(), None, 0);
        Ok(())
    }

    /// Sets the state machine's own TimeoutSeconds, counted from `began`.
    pub fn set_deadline(&mut self, began: OffsetDateTime) {
        if let Some(seconds) = self.definition.timeout_seconds() {
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
            Phase::Ready | Phase::Settled | Phase::Parallel { .. } | Phase::Map(_) => None,
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
            if moves == MOST_MOVES {
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
        self.definition.state(self.branch(id).state)
    }

    /// Begins a line of states; `input` is none where it is the execution's.
    pub fn begin(
        &mut self,
        parent: Option<BranchId>,
        index: usize,
        machine: MachineId,
        input: Option<Payload>,
        previous: i64,
    ) {
        self.begin_counting(parent, index, machine, input, previous, None);
    }

    /// As [`Self::begin`]; the line's events are not told but counted from `hidden_events` on, where that is given.
    pub fn begin_counting(
        &mut self,
        parent: Option<BranchId>,
        index: usize,
        machine: MachineId,
        input: Option<Payload>,
        previous: i64,
        hidden_events: Option<i64>,
    ) {
        let id = BranchId(self.state.next_branch);
        self.state.next_branch += 1;
        let start_at = self.definition.machine(machine).start_at;
        let branch = Branch {
            parent,
            index,
            state: start_at,
            input: None,
            entered: 0,
            entered_at: 0,
            previous,
            came_from: previous,
            variables: Map::new(),
            attempts: Vec::new(),
            hidden_events,
            phase: Phase::Ready,
        };
        self.state.branches.insert(id, branch);
        self.enter(id, start_at, input);
    }

    fn enter(&mut self, id: BranchId, state_id: StateId, input: Option<Payload>) {
        let state = self.definition.state(state_id);
        let shown = input.clone().unwrap_or_else(|| self.facts.input.clone());
        let entered = StateEntered { name: state.name.clone(), input: shown };
        let came_from = self.branch(id).previous;
        let event = self.tell(id, EventKind::StateEntered(state.body.kind(), entered));
        let now = self.now.unix_timestamp_nanos().div_euclid(1_000_000);
        self.change(id, |branch| {
            branch.state = state_id;
            branch.input = input;
            branch.came_from = came_from;
            branch.entered = event;
            branch.entered_at = i64::try_from(now).unwrap_or(i64::MAX);
            branch.attempts.clear();
            branch.phase = Phase::Ready;
        });
        self.state.ready.push_back(id);
    }

    /// Leaves the current state with its output, and goes where it leads.
    pub fn exit(&mut self, id: BranchId, output: Payload, assigned: Map<String, Value>, then: Transition) {
        let state = self.current(id);
        let shown = assigned.iter().map(|(name, value)| (name.clone(), Payload::from(value.clone()))).collect();
        let exited = StateExited { name: state.name.clone(), output: output.clone(), assigned_variables: shown };
        self.tell(id, EventKind::StateExited(state.body.kind(), exited));
        self.change(id, |branch| branch.variables.extend(assigned));
        match then {
            Transition::Next(next) => self.enter(id, next, Some(output)),
            Transition::End => self.branch_succeeded(id, output),
        }
    }

    fn branch_succeeded(&mut self, id: BranchId, output: Payload) {
        let branch = self.branch(id);
        let (parent, index, previous) = (branch.parent, branch.index, branch.previous);
        let Some(parent) = parent else {
            if self.full {
                return;
            }
            let details = history::Output { output: output.clone() };
            self.end(previous, EventKind::ExecutionSucceeded(details));
            self.finish(Outcome::Succeeded { output });
            return;
        };
        self.state.branches.remove(&id);
        let state = self.current(parent);
        let done = match &state.body {
            Body::Map(map) => self.iteration_succeeded(parent, state, map, index, previous, output),
            Body::Parallel(parallel) => {
                self.parallel_branch_succeeded(parent, state, parallel, index, previous, output)
            }
            _ => Ok(()),
        };
        if let Err(failure) = done {
            self.fail_state(parent, failure);
        }
    }

    /// Writes an event of a branch, the next after its previous one.
    pub fn tell(&mut self, id: BranchId, kind: EventKind) -> i64 {
        let event = self.tell_aside(id, self.branch(id).previous, kind);
        self.change(id, |branch| branch.previous = event);
        event
    }

    /// Writes an event of a branch that the branch's next event does not name.
    pub fn tell_aside(&mut self, id: BranchId, previous: i64, kind: EventKind) -> i64 {
        let mut holder = Some(id);
        while let Some(id) = holder {
            let Some(branch) = self.state.branches.get_mut(&id) else { break };
            if let Some(count) = &mut branch.hidden_events {
                *count += 1;
                self.full |= *count >= MAX_EVENTS;
                return *count;
            }
            holder = branch.parent;
        }
        self.record(previous, kind)
    }

    /// The id of the task that a branch is about to schedule: that of the event to come.
    pub fn next_task(&mut self, id: BranchId) -> TaskId {
        let mut holder = Some(id);
        while let Some(id) = holder {
            let branch = self.branch(id);
            if branch.hidden_events.is_some() {
                let task = FIRST_HIDDEN_TASK + self.state.next_timer;
                self.state.next_timer += 1;
                return TaskId(task);
            }
            holder = branch.parent;
        }
        TaskId(self.state.next_event)
    }

    pub fn record(&mut self, previous: i64, kind: EventKind) -> i64 {
        let id = self.state.next_event;
        if id >= MAX_EVENTS {
            // The last place is kept for the event that ends the execution.
            self.full = true;
            return id;
        }
        self.push(previous, kind)
    }

    fn push(&mut self, previous_event_id: i64, kind: EventKind) -> i64 {
        let id = self.state.next_event;
        self.state.next_event += 1;
        self.step.events.push(HistoryEvent { id, previous_event_id, timestamp: self.now, kind });
        id
    }

    /// Writes the event that ends the execution.
    pub fn end(&mut self, previous: i64, kind: EventKind) {
        self.push(previous, kind);
    }

    /// Ends the execution and everything that is still under way in it.
    pub fn finish(&mut self, outcome: Outcome) {
        let mut branches = std::mem::take(&mut self.state.branches);
        for branch in branches.values() {
            self.let_go(&branch.phase);
        }
        if !matches!(outcome, Outcome::Succeeded { .. }) {
            branches.extend(std::mem::take(&mut self.aborted));
            self.state.branches = self.redrivable(branches);
        }
        self.state.ready.clear();
        let timers = [self.state.deadline.take(), self.state.resumption.take()];
        self.step.commands.extend(timers.into_iter().flatten().map(|timer| Command::ClearTimer { timer }));
        self.state.over = true;
        self.step.commands.push(Command::Finish(outcome));
    }

    /// Takes out what was asked for in this very step and is void again.
    fn drop_void_commands(&mut self) {
        let commands = &mut self.step.commands;
        let asked: HashSet<Asked> = commands.iter().filter_map(Asked::of).collect();
        let void: HashSet<Asked> =
            commands.iter().filter_map(Asked::taken_back).filter(|a| asked.contains(a)).collect();
        if !void.is_empty() {
            let is_void = |asked: Option<Asked>| asked.is_some_and(|asked| void.contains(&asked));
            commands.retain(|command| !is_void(Asked::of(command)) && !is_void(Asked::taken_back(command)));
        }
    }

    /// Clears the timers of what a branch was doing, and abandons its task.
    pub fn let_go(&mut self, phase: &Phase) {
        match phase {
            Phase::Waiting { timer } | Phase::BackingOff { timer } => {
                self.command(Command::ClearTimer { timer: *timer })
            }
            Phase::Task(pending) => {
                self.clear_timers(pending, None);
                self.command(Command::Abandon { task: pending.task });
            }
            Phase::Ready | Phase::Settled | Phase::Parallel { .. } | Phase::Map(_) => {}
        }
    }

    /// Clears a task's timers but the one that has fired.
    pub fn clear_timers(&mut self, pending: &Pending, fired: Option<TimerId>) {
        let timers = [pending.timeout, pending.heartbeat.as_ref().map(|heartbeat| heartbeat.timer)];
        for timer in timers.into_iter().flatten().filter(|timer| Some(*timer) != fired) {
            self.command(Command::ClearTimer { timer });
        }
    }

    pub fn command(&mut self, command: Command) {
        self.step.commands.push(command);
    }

    pub fn set_timer(&mut self, due: OffsetDateTime) -> TimerId {
        let timer = TimerId(self.state.next_timer);
        self.state.next_timer += 1;
        self.command(Command::SetTimer { timer, due });
        timer
    }

    pub fn set_timer_in(&mut self, milliseconds: i64) -> TimerId {
        self.set_timer(self.now.saturating_add(Duration::milliseconds(milliseconds)))
    }
}

/// What a command asks for, to be matched with the one that takes it back.
#[derive(PartialEq, Eq, Hash)]
enum Asked {
    Timer(TimerId),
    Task(TaskId),
}

impl Asked {
    fn of(command: &Command) -> Option<Self> {
        match command {
            Command::SetTimer { timer, .. } => Some(Self::Timer(*timer)),
            Command::Perform { task, .. } => Some(Self::Task(*task)),
            _ => None,
        }
    }

    fn taken_back(command: &Command) -> Option<Self> {
        match command {
            Command::ClearTimer { timer } => Some(Self::Timer(*timer)),
            Command::Abandon { task } => Some(Self::Task(*task)),
            _ => None,
        }
    }
}
