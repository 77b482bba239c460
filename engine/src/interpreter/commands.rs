//! The commands of a step: emitting them, and removing those that cancel each other.

use std::collections::HashSet;

use time::{Duration, OffsetDateTime};

use super::{
    Command, Outcome, TaskId, TimerId,
    advance::Interpreter,
    redrive::redrivable,
    state::{BranchId, Pending, Phase},
};

impl Interpreter<'_> {
    /// Ends the execution and everything in it that is still running.
    pub fn finish(&mut self, outcome: Outcome) {
        // When it has succeeded, no branch is left within the outermost one.
        let has_succeeded = matches!(outcome, Outcome::Succeeded { .. });
        if !has_succeeded {
            self.load_all_branches();
        }
        for id in self.state.branches.iter().map(|(id, _)| id).collect::<Vec<_>>() {
            self.release(id);
        }
        let mut branches = self.state.branches.remove_all();
        if !has_succeeded {
            branches.extend(std::mem::take(&mut self.aborted));
            for (id, branch) in redrivable(branches) {
                self.state.branches.insert(id, branch);
            }
        }
        self.state.ready.clear();
        let timers = [self.state.deadline.take(), self.state.resumption.take()];
        self.step.commands.extend(timers.into_iter().flatten().map(|timer| Command::ClearTimer { timer }));
        self.state.over = true;
        self.step.commands.push(Command::Finish(outcome));
    }

    /// Removes commands of this step that have been cancelled by a later command of the same step.
    pub fn cancel_opposing_commands(&mut self) {
        let commands = &mut self.step.commands;
        let asked: HashSet<Asked> = commands.iter().filter_map(Asked::of).collect();
        let void: HashSet<Asked> =
            commands.iter().filter_map(Asked::taken_back).filter(|a| asked.contains(a)).collect();
        if !void.is_empty() {
            let is_void = |asked: Option<Asked>| asked.is_some_and(|asked| void.contains(&asked));
            commands.retain(|command| !is_void(Asked::of(command)) && !is_void(Asked::taken_back(command)));
        }
    }

    /// Clears the timers of a branch and abandons its task.
    pub fn release(&mut self, id: BranchId) {
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

    /// Clears the timers of a task, except the one that has fired.
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

/// What a command requests, to match it with the command that cancels the request.
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
