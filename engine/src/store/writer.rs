//! The one writer: takes every change that waits, commits them together, then answers them.
//!
//! A commit costs one wait for the disk however much it carries, so while one is under way the next batch gathers.
//! Nothing is answered before it is on disk. A change that breaks (the database fails, or it panics) takes the batch
//! back; then each is run in a transaction of its own, so that it spoils no other.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    AfterCommit, Effects, Stop, StorageError, Transaction,
    transaction::{Memory, World},
};
use crate::protocol::Fault;

/// Changes in one commit at most: bounds how long the first waits for the last.
const BATCH: usize = 256;
/// Changes that may wait; whoever comes then waits to get in line.
const LINE: usize = 4096;

pub(super) struct Writer {
    line: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A change and whoever waits for its answer.
trait Job: Send {
    /// Whether there is any use in running it.
    fn wanted(&self) -> bool;
    /// Runs the change on an open transaction.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()>;
    /// Answers: with what the change gave, or with the reason why it is not on disk.
    fn settle(self: Box<Self>, committed: Result<(), StorageError>);
}

struct Change<T, F> {
    change: F,
    given: Option<Result<T, Fault>>,
    answer: oneshot::Sender<Result<T, Fault>>,
    only_if_awaited: bool,
}

impl<T: Send, F: Fn(&mut Transaction<'_>) -> Result<T, Stop> + Send> Job for Change<T, F> {
    fn wanted(&self) -> bool {
        !(self.only_if_awaited && self.answer.is_closed())
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        self.given = Some(match (self.change)(transaction) {
            Ok(given) => Ok(given),
            Err(Stop::Refused(fault)) => Err(fault),
            Err(Stop::Broken(error)) => return Err(error),
        });
        Ok(())
    }

    fn settle(self: Box<Self>, committed: Result<(), StorageError>) {
        let answer = match (committed, self.given) {
            (Ok(()), Some(given)) => given,
            (Ok(()), None) => Err(StorageError::Internal.into()),
            (Err(error), _) => Err(error.into()),
        };
        // Whoever asked may have gone; what was done stays done.
        let _ = self.answer.send(answer);
    }
}

impl Writer {
    pub fn start(connection: Connection, lock: File, world: World, after_commit: Arc<dyn AfterCommit>) -> Self {
        let (line, jobs) = mpsc::channel(LINE);
        let work = move || {
            Scribe { connection, world, memory: Memory::default(), after_commit }.work(jobs);
            drop(lock);
        };
        let thread = std::thread::Builder::new().name("step-functions-writer".into()).spawn(work);
        // Without a thread there is no engine; the operating system is out of them.
        let thread = thread.expect("the system must be able to start a thread");
        Self { line: Mutex::new(Some(line)), thread: Mutex::new(Some(thread)) }
    }

    pub async fn write<T: Send + 'static>(
        &self,
        change: impl Fn(&mut Transaction<'_>) -> Result<T, Stop> + Send + 'static,
        only_if_awaited: bool,
    ) -> Result<T, Fault> {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StorageError::Closed)?;
        let (answer, given) = oneshot::channel();
        let job = Box::new(Change { change, given: None, answer, only_if_awaited });
        line.send(job).await.map_err(|_| StorageError::Closed)?;
        drop(line);
        given.await.map_err(|_| StorageError::Closed)?
    }

    /// Lets what waits commit and closes the database; takes at most a few commits' time.
    pub fn close(&self) {
        drop(self.line.lock().unwrap_or_else(PoisonError::into_inner).take());
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

/// What lives on the writer's thread.
struct Scribe {
    connection: Connection,
    world: World,
    memory: Memory,
    after_commit: Arc<dyn AfterCommit>,
}

impl Scribe {
    fn work(mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
            }
            batch.retain(|job| job.wanted());
            match self.commit(&mut batch) {
                Ok(effects) => self.settle(batch, effects),
                Err(_) if batch.len() > 1 => batch.into_iter().for_each(|job| self.commit_alone(job)),
                Err(error) => batch.into_iter().for_each(|job| job.settle(Err(error.clone()))),
            }
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::error!(%error, "the database could not be closed");
        }
    }

    fn commit_alone(&mut self, job: Box<dyn Job>) {
        let mut alone = vec![job];
        match self.commit(&mut alone) {
            Ok(effects) => self.settle(alone, effects),
            Err(error) => alone.into_iter().for_each(|job| job.settle(Err(error.clone()))),
        }
    }

    fn settle(&self, batch: Vec<Box<dyn Job>>, effects: Effects) {
        self.after_commit.perform(effects);
        batch.into_iter().for_each(|job| job.settle(Ok(())));
    }

    /// Runs the changes and commits them; on any failure none of them has happened.
    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<Effects, StorageError> {
        // The first statement that writes takes the lock; a batch that only refuses costs no commit.
        self.connection.execute_batch("BEGIN").map_err(|error| StorageError::report(&error))?;
        let run = AssertUnwindSafe(|| {
            let mut transaction = Transaction::new(&self.connection, &self.world, &mut self.memory);
            for job in batch.iter_mut() {
                job.run(&mut transaction)?;
            }
            Ok(transaction.into_effects())
        });
        let effects = match catch_unwind(run) {
            Ok(Ok(effects)) => effects,
            Ok(Err(error)) => return Err(self.roll_back(StorageError::report(&error))),
            // The panic hook has logged it.
            Err(_) => return Err(self.roll_back(StorageError::Internal)),
        };
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => Ok(effects),
            Err(error) => Err(self.roll_back(StorageError::report(&error))),
        }
    }

    fn roll_back(&mut self, why: StorageError) -> StorageError {
        self.memory.forget();
        // SQLite has rolled back by itself after some errors.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
        why
    }
}
