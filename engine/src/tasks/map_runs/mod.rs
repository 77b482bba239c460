//! Map runs: children are started in batches, so that a large run does not hold up other work.

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

use super::{AGAIN, long_changes::LongChanges};
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

/// How many children one change starts: others get their turn in between.
const MAX_STARTED: usize = 32;

/// A run that fails is not looked at for longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Starts children whenever a run has room for them, beginning with runs left by the previous process. A run
/// whose step fails is postponed, for longer each time, and does not hold up the others.
pub(crate) async fn start_children(engine: Arc<Engine>) {
    let mut starter = ChildStarter::new(engine);
    loop {
        match starter.serve_next().await {
            Ok(Some(_)) => {}
            Ok(None) => starter.wait().await,
            Err(Fault::Storage(StorageError::Closed)) => return,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// What happened to the run of a step that was finished aside.
type Report = (i64, Result<(), Fault>);

/// Gives each run its turn.
struct ChildStarter {
    engine: Arc<Engine>,
    /// The run that was served last; the one after it is served next.
    served: i64,
    failing: Failing,
    long: LongChanges<i64>,
    report: mpsc::UnboundedSender<Report>,
    reports: mpsc::UnboundedReceiver<Report>,
}

impl ChildStarter {
    fn new(engine: Arc<Engine>) -> Self {
        let (report, reports) = mpsc::unbounded_channel();
        Self { engine, served: 0, failing: Failing::default(), long: LongChanges::default(), report, reports }
    }

    /// Takes a step of the next run, and returns that run. None when no run can take a step now.
    async fn serve_next(&mut self) -> Result<Option<i64>, Fault> {
        let Self { engine, served, failing, long, report, reports } = self;
        while let Ok((run, step)) = reports.try_recv() {
            failing.note(run, &step, engine.clock.now());
        }
        let mut put_off = failing.put_off(engine.clock.now());
        put_off.extend(long.keys());
        let after = *served;
        let next = engine.store.read(move |connection| Ok(next(connection, after, &put_off)?)).await?;
        let Some(run) = next else { return Ok(None) };
        *served = run;
        match engine.store.begin(move |transaction| take_step(transaction, run)).await {
            Begun::Settled(Err(fault @ Fault::Storage(StorageError::Closed | StorageError::Full))) => {
                return Err(fault);
            }
            Begun::Settled(step) => failing.note(run, &step, engine.clock.now()),
            Begun::TooLong(unfinished) => {
                let (engine, report) = (engine.clone(), report.clone());
                long.spawn(run, async move {
                    // The receiver lives as long as the sender.
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

/// The run whose turn it is after `served`, other than those that are postponed.
fn next(connection: &Connection, served: i64, put_off: &HashSet<i64>) -> rusqlite::Result<Option<i64>> {
    let mut after = served;
    let mut passed = HashSet::new();
    while let Some(run) = rows::next_with_action(connection, after)? {
        if !put_off.contains(&run) {
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

/// Runs whose last step failed: when each is tried again, and how long it waits for that.
#[derive(Default)]
struct Failing(HashMap<i64, (OffsetDateTime, Duration)>);

impl Failing {
    /// Notes how the last step of a run ended. The fault is in the log.
    fn note(&mut self, run: i64, step: &Result<(), Fault>, now: OffsetDateTime) {
        match step {
            Ok(()) => self.succeeded(run),
            Err(_) => self.failed(run, now),
        }
    }

    fn failed(&mut self, run: i64, now: OffsetDateTime) {
        let pause = self.0.get(&run).map_or(AGAIN, |(_, pause)| (*pause * 2).min(LONGEST_PAUSE));
        self.0.insert(run, (now + pause, pause));
    }

    fn succeeded(&mut self, run: i64) {
        self.0.remove(&run);
    }

    fn put_off(&self, now: OffsetDateTime) -> HashSet<i64> {
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
            // The next change computes the input of this child. What this one has done need not wait for that.
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
