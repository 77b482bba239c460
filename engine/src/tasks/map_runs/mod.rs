//! Map runs: a task starts the children in batches, so that a large run does not block other work.

pub(super) mod item_reader;
pub(super) mod result_writer;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::{RETRY_DELAY, long_changes::LongChanges};
use crate::{
    activation,
    engine::Engine,
    execution::{self, FollowUps, PATIENCE},
    map_runs,
    protocol::Fault,
    store::{
        Begun, Result, Stop, StorageError, Transaction,
        map_runs::{self as rows, NextAction, RunStatus},
    },
};

/// The maximum number of children that one change starts, so that other changes get their turn.
const MAX_STARTED: usize = 32;

/// The maximum time for which a run is postponed after its step has failed.
const MAX_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Carries out the next actions of map runs, until the engine closes. A run whose step fails is postponed, each time for
/// longer, so that it does not block the others.
pub(crate) async fn start_children(engine: Arc<Engine>) {
    let mut starter = ChildStarter::new(engine);
    loop {
        match starter.step_next().await {
            Ok(Some(_)) => {}
            Ok(None) => starter.wait().await,
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => tokio::time::sleep(RETRY_DELAY).await,
        }
    }
}

/// The run of a step that needed a long computation, and the outcome of the step.
type Report = (i64, Result<(), Fault>);

/// Takes one step of each run in turn.
struct ChildStarter {
    engine: Arc<Engine>,
    /// The run whose turn was last.
    last: i64,
    failing: Failing,
    long: LongChanges<i64>,
    report: mpsc::UnboundedSender<Report>,
    reports: mpsc::UnboundedReceiver<Report>,
}

impl ChildStarter {
    fn new(engine: Arc<Engine>) -> Self {
        let (report, reports) = mpsc::unbounded_channel();
        Self { engine, last: 0, failing: Failing::default(), long: LongChanges::default(), report, reports }
    }

    /// Takes a step of the next run, and returns that run. Returns `None` if no run can take a step now.
    async fn step_next(&mut self) -> Result<Option<i64>, Fault> {
        let Self { engine, last, failing, long, report, reports } = self;
        while let Ok((run, step)) = reports.try_recv() {
            failing.note(run, &step, engine.clock.now());
        }
        let mut postponed = failing.postponed(engine.clock.now());
        postponed.extend(long.keys());
        let after = *last;
        let next = engine.store.read(move |connection| Ok(next(connection, after, &postponed)?)).await?;
        let Some(run) = next else { return Ok(None) };
        *last = run;
        match engine.store.begin(move |transaction| take_step(transaction, run)).await {
            Begun::Settled(Err(fault @ Fault::Storage(StorageError::Closed | StorageError::Full))) => {
                return Err(fault);
            }
            Begun::Settled(step) => failing.note(run, &step, engine.clock.now()),
            Begun::TooLong(unfinished) => {
                let (engine, report) = (engine.clone(), report.clone());
                long.spawn(run, async move {
                    // The receiver exists as long as the sender.
                    let _ = report.send((run, engine.store.finish(unfinished).await));
                });
            }
        }
        Ok(Some(run))
    }

    /// Waits until a run may be able to take a step.
    async fn wait(&mut self) {
        tokio::select! {
            () = wait(&self.engine, &self.failing) => {}
            () = self.long.one_done() => {}
        }
    }
}

/// The run whose turn comes after that of `last`, except for those that are postponed.
fn next(connection: &Connection, last: i64, postponed: &HashSet<i64>) -> rusqlite::Result<Option<i64>> {
    let mut after = last;
    let mut passed = HashSet::new();
    while let Some(run) = rows::next_with_action(connection, after)? {
        if !postponed.contains(&run) {
            return Ok(Some(run));
        }
        if !passed.insert(run) {
            break;
        }
        after = run;
    }
    Ok(None)
}

async fn wait(engine: &Engine, failing: &Failing) {
    let woken = engine.reactions.map_runs.notified();
    match failing.earliest() {
        None => woken.await,
        Some(earliest) => tokio::select! {
            () = woken => {}
            () = engine.clock.sleep_until(earliest) => {}
        },
    }
}

/// The runs whose last step has failed: when each is tried again, and how long it has been postponed.
#[derive(Default)]
struct Failing(HashMap<i64, (OffsetDateTime, Duration)>);

impl Failing {
    /// Records the outcome of a step. The store has logged its fault.
    fn note(&mut self, run: i64, step: &Result<(), Fault>, now: OffsetDateTime) {
        match step {
            Ok(()) => self.succeeded(run),
            Err(_) => self.failed(run, now),
        }
    }

    fn failed(&mut self, run: i64, now: OffsetDateTime) {
        let pause = self.0.get(&run).map_or(RETRY_DELAY, |(_, pause)| (*pause * 2).min(MAX_PAUSE));
        self.0.insert(run, (now + pause, pause));
    }

    fn succeeded(&mut self, run: i64) {
        self.0.remove(&run);
    }

    fn postponed(&self, now: OffsetDateTime) -> HashSet<i64> {
        self.0.iter().filter(|(_, (again, _))| *again > now).map(|(run, _)| *run).collect()
    }

    fn earliest(&self) -> Option<OffsetDateTime> {
        self.0.values().map(|(again, _)| *again).min()
    }
}

/// Carries out the next action of a run, for some of its children.
fn take_step(transaction: &mut Transaction<'_>, id: i64) -> Result<()> {
    match rows::next_action(transaction.connection, id)? {
        NextAction::None => Ok(()),
        NextAction::StartChildren => start_some_children(transaction, id),
        NextAction::Reconcile => reconcile_some_children(transaction, id),
    }
}

fn reconcile_some_children(transaction: &mut Transaction<'_>, id: i64) -> Result<()> {
    let run = rows::get(transaction.connection, id)?;
    let mut follow_ups = FollowUps::new();
    map_runs::reconcile_children(transaction, &run, &mut follow_ups)?;
    activation::deliver_follow_ups(transaction, follow_ups)?;
    if run.status == RunStatus::Failed && run.is_written() && execution::load(transaction, run.execution)?.is_some() {
        map_runs::export_failed(transaction, &run)?;
    }
    Ok(())
}

fn start_some_children(transaction: &mut Transaction<'_>, id: i64) -> Result<()> {
    let run = rows::get(transaction.connection, id)?;
    let Some((parent, mut state)) = execution::load(transaction, run.execution)? else {
        return Ok(rows::set_next_action(transaction.connection, id, NextAction::None)?);
    };
    let begun = Instant::now();
    for started in 0..MAX_STARTED {
        if started > 0 && begun.elapsed() > PATIENCE {
            break;
        }
        let mut follow_ups = FollowUps::new();
        match map_runs::start_next(transaction, id, &parent, &mut state, &mut follow_ups) {
            Ok(true) => {}
            // The next change requests the computation for this child, so that the started ones are committed first.
            Ok(false) => break,
            Err(Stop::TooLong(_)) if started > 0 => break,
            Err(stop) => return Err(stop),
        }
        activation::deliver_follow_ups(transaction, follow_ups)?;
    }
    let run = rows::get(transaction.connection, id)?;
    if run.status == RunStatus::Running {
        let mut follow_ups = FollowUps::new();
        map_runs::check_progress(transaction, &run, &mut follow_ups)?;
        activation::deliver_follow_ups(transaction, follow_ups)?;
    }
    Ok(())
}
