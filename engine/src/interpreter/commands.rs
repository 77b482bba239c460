//! What is asked of the outside, and taken back.

use std::collections::HashSet;

use time::{Duration, OffsetDateTime};

use super::{
    Command, Outcome, TaskId, TimerId,
    run::Run,
    state::{BranchId, Pending, Phase},
};

impl Run<'_> {
    /// Ends the execution and everything that is still under way in it.
    pub fn finish(&mut self, outcome: Outcome) {
        for id in self.state.branches.keys().copied().collect::<Vec<_>>() {
            self.let_go(id);
        }
        let mut branches = std::mem::take(&mut self.state.branches);
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
    pub fn drop_void_commands(&mut self) {
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
    pub fn let_go(&mut self, id: BranchId) {
        match self.branch(id).phase.clone() {
            Phase::Waiting { timer } | Phase::BackingOff { timer } => self.command(Command::ClearTimer { timer }),
            Phase::Task(pending) => {
                self.clear_timers(&pending, None);
                self.abandon(id, &pending);
            }
            Phase::MapRun { run, .. } => self.command(Command::Abandon { task: run, offered_to: None }),
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
            Command::Perform { task, .. } | Command::StartMapRun { run: task, .. } => Some(Self::Task(*task)),
            _ => None,
        }
    }

    fn taken_back(command: &Command) -> Option<Self> {
        match command {
            Command::ClearTimer { timer } => Some(Self::Timer(*timer)),
            Command::Abandon { task, .. } => Some(Self::Task(*task)),
            _ => None,
        }
    }
}
