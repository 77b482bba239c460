//! The writer, which runs queued changes, commits them together and then answers them.
//!
//! A commit waits for the disk once, however much it contains, so the next batch is collected while one is committed.
//! Nothing is answered before it is on disk. Each change runs in a savepoint of its own: a change that is refused,
//! fails or panics leaves nothing behind and does not affect the others in its batch.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    AfterCommit, Effects, Stop, StorageError, Transaction,
    checkpoints::{Checkpoints, Log},
    computation::{Computation, Computed},
    transaction::{Environment, Memory},
};
use crate::protocol::Fault;

/// The maximum number of changes in one commit.
const BATCH: usize = 256;
/// The time after the start of a batch from which it accepts no further change, so that no change waits much longer
/// than this for its commit.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// The maximum number of queued changes. Further callers wait until there is room.
const QUEUE: usize = 4096;

pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A change and the caller that waits for its answer.
trait Job: Send {
    /// Whether anyone waits for its answer.
    fn is_wanted(&self) -> bool;
    /// What was computed for the change when it ran before.
    fn computed(&self) -> &[Computed];
    /// Runs the change in the open transaction.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Ran;
    /// Answers with the result of the change, or with the reason why it was not committed.
    fn settle(self: Box<Self>, committed: Result<(), StorageError>);
}

/// How a change ended.
enum Ran {
    /// Its writes are to be committed.
    Done,
    /// The request was refused, or requires a long computation first. Its writes are to be undone.
    Undone,
    /// The database failed. Its writes are to be undone.
    Failed(rusqlite::Error),
}

/// A queued change.
pub(super) struct Request<F> {
    pub change: F,
    /// What was computed for it when it ran before.
    pub computed: Vec<Computed>,
    pub only_if_awaited: bool,
}

/// The outcome of a change.
pub(super) enum Answer<T, F> {
    Settled(Result<T, Fault>),
    /// It requires a long computation before it can run again.
    TooLong(Request<F>, Computation),
}

struct Change<T, F> {
    request: Request<F>,
    result: Option<Result<T, Unsettled>>,
    answer: oneshot::Sender<Answer<T, F>>,
}

/// Why a change has no result.
enum Unsettled {
    Refused(Fault),
    TooLong(Computation),
}

impl<T: Send, F: Fn(&mut Transaction<'_>) -> Result<T, Stop> + Send> Job for Change<T, F> {
    fn is_wanted(&self) -> bool {
        !(self.request.only_if_awaited && self.answer.is_closed())
    }

    fn computed(&self) -> &[Computed] {
        &self.request.computed
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Ran {
        let (result, ran) = match (self.request.change)(transaction) {
            Ok(result) => (Ok(result), Ran::Done),
            Err(Stop::Refused(fault)) => (Err(Unsettled::Refused(fault)), Ran::Undone),
            Err(Stop::TooLong(computation)) => (Err(Unsettled::TooLong(computation)), Ran::Undone),
            Err(Stop::Broken(error)) => return Ran::Failed(error),
        };
        self.result = Some(result);
        ran
    }

    fn settle(self: Box<Self>, committed: Result<(), StorageError>) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(Ok(result))) => Answer::Settled(Ok(result)),
            (Ok(()), Some(Err(Unsettled::Refused(fault)))) => Answer::Settled(Err(fault)),
            // After the commit, so that the computation sees what earlier changes of the batch have written.
            (Ok(()), Some(Err(Unsettled::TooLong(computation)))) => Answer::TooLong(self.request, computation),
            (Ok(()), None) => Answer::Settled(Err(StorageError::Internal.into())),
            (Err(error), _) => Answer::Settled(Err(error.into())),
        };
        // The caller may no longer wait. The change is committed nevertheless.
        let _ = self.answer.send(answer);
    }
}

impl Writer {
    pub fn start(
        connection: Connection,
        lock: File,
        environment: Environment,
        after_commit: Arc<dyn AfterCommit>,
        checkpoints: Arc<Checkpoints>,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let work = move || {
            let log = Log::watch(&connection, checkpoints);
            WriterLoop { connection, environment, memory: Memory::default(), after_commit, log }.work(jobs);
            drop(lock);
        };
        let thread = std::thread::Builder::new().name("step-functions-writer".into()).spawn(work);
        // Fails only if the operating system has no threads left. The engine can't run without this one.
        let thread = thread.expect("the system must be able to start a thread");
        Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) }
    }

    /// Runs a change once.
    pub async fn run<T: Send + 'static, F>(&self, request: Request<F>) -> Answer<T, F>
    where
        F: Fn(&mut Transaction<'_>) -> Result<T, Stop> + Send + 'static,
    {
        self.try_run(request).await.unwrap_or_else(|closed| Answer::Settled(Err(closed.into())))
    }

    async fn try_run<T: Send + 'static, F>(&self, request: Request<F>) -> Result<Answer<T, F>, StorageError>
    where
        F: Fn(&mut Transaction<'_>) -> Result<T, Stop> + Send + 'static,
    {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StorageError::Closed)?;
        let (answer, answered) = oneshot::channel();
        queue.send(Box::new(Change { request, result: None, answer })).await.map_err(|_| StorageError::Closed)?;
        drop(queue);
        answered.await.map_err(|_| StorageError::Closed)
    }

    /// Commits the queued changes and closes the database, which takes at most a few commits.
    pub fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the writer panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// The state of the writer's thread.
struct WriterLoop {
    connection: Connection,
    environment: Environment,
    memory: Memory,
    after_commit: Arc<dyn AfterCommit>,
    log: Log,
}

/// The changes that have run in the open transaction.
#[derive(Default)]
struct Batch {
    jobs: Vec<Box<dyn Job>>,
    effects: Effects,
}

/// Why the open transaction was undone as a whole, and the changes that it contained.
struct Lost {
    jobs: Vec<Box<dyn Job>>,
    why: StorageError,
    /// Whether SQLite undid the transaction because of a single change. The others may succeed without it.
    by_one_change: bool,
}

impl WriterLoop {
    fn work(mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = jobs.blocking_recv() {
            let begun = self.environment.clock.monotonic();
            let clock = self.environment.clock.clone();
            let mut taken = 1;
            let waiting = std::iter::from_fn(|| {
                let is_open = taken < BATCH && clock.monotonic().saturating_sub(begun) < BATCH_TIME;
                taken += 1;
                is_open.then(|| jobs.try_recv().ok()).flatten()
            });
            let lost = match self.commit(std::iter::once(first).chain(waiting)) {
                Err(lost) if lost.by_one_change => self.commit(lost.jobs.into_iter()).err(),
                done => done.err(),
            };
            if let Some(Lost { jobs, why, .. }) = lost {
                jobs.into_iter().for_each(|job| job.settle(Err(why.clone())));
            }
            // After the answers, because no caller waits for this.
            self.log.committed(&self.connection);
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::error!(%error, "the database could not be closed");
        }
    }

    /// Runs the changes in one transaction, commits it and answers them.
    fn commit(&mut self, jobs: impl Iterator<Item = Box<dyn Job>>) -> Result<(), Lost> {
        let mut batch = Batch::default();
        // The first statement that writes takes the lock, so a batch of refusals costs no commit.
        if let Err(error) = self.execute("BEGIN") {
            let why = StorageError::report(&error);
            return Err(Lost { jobs: jobs.collect(), why, by_one_change: false });
        }
        let mut jobs = jobs.filter(|job| job.is_wanted());
        for mut job in jobs.by_ref() {
            match self.run(&mut *job, &mut batch.effects) {
                Ok(()) => batch.jobs.push(job),
                Err(why) => {
                    job.settle(Err(why.clone()));
                    if self.connection.is_autocommit() {
                        self.memory.forget();
                        batch.jobs.extend(jobs);
                        return Err(Lost { jobs: batch.jobs, why, by_one_change: true });
                    }
                }
            }
        }
        if let Err(error) = self.execute("COMMIT") {
            let why = self.roll_back(StorageError::report(&error));
            return Err(Lost { jobs: batch.jobs, why, by_one_change: false });
        }
        self.after_commit.perform(batch.effects);
        batch.jobs.into_iter().for_each(|job| job.settle(Ok(())));
        Ok(())
    }

    /// Runs a change in a savepoint and adds its effects to those of the batch. A change that is refused or fails
    /// leaves neither rows nor effects.
    fn run(&mut self, job: &mut dyn Job, effects: &mut Effects) -> Result<(), StorageError> {
        self.execute("SAVEPOINT change").map_err(|error| StorageError::report(&error))?;
        self.memory.revisions.begin();
        let change = AssertUnwindSafe(|| {
            // Cloned because the job is borrowed mutably. Most changes have no results.
            let computed = job.computed().to_vec();
            let mut transaction = Transaction::new(&self.connection, &self.environment, &mut self.memory, &computed);
            (job.run(&mut transaction), transaction.into_effects())
        });
        let failure = match catch_unwind(change) {
            Ok((Ran::Done, its)) => {
                self.execute("RELEASE change").map_err(|error| StorageError::report(&error))?;
                effects.add(its);
                return Ok(());
            }
            Ok((Ran::Undone, _)) => None,
            Ok((Ran::Failed(error), _)) => Some(StorageError::report(&error)),
            // The panic hook has logged it.
            Err(_) => Some(StorageError::Internal),
        };
        self.memory.revisions.roll_back();
        // After some errors, SQLite has already undone the whole transaction.
        if !self.connection.is_autocommit() {
            let undone = self.execute("ROLLBACK TO change").and_then(|()| self.execute("RELEASE change"));
            undone.map_err(|error| self.roll_back(StorageError::report(&error)))?;
        }
        failure.map_or(Ok(()), Err)
    }

    fn execute(&self, statement: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(statement)?.execute([]).map(drop)
    }

    fn roll_back(&mut self, why: StorageError) -> StorageError {
        self.memory.forget();
        // After some errors, SQLite has already undone the whole transaction.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
        why
    }
}
