//! Moves the write-ahead log into the database, outside of commits.
//!
//! SQLite by itself does this inside the commit that makes the log long, which then takes as long as moving 16 MB does.
//! Here a thread with a connection of its own moves the log while the writer goes on. The writer itself only moves what
//! was committed meanwhile, between two batches, so that its next commit starts the log from the beginning.

use std::{
    cell::Cell,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::open;

/// Pages of 4 kB in the log at which it is moved: 16 MB. Many commits change the same pages; moved seldom, each is
/// moved once.
const LOG_PAGES: i64 = 4096;
/// Pages in the log at which the writer waits for the thread: 64 MB. Until then a slow disk delays no commit.
const LONGEST_LOG: i64 = 4 * LOG_PAGES;
/// Pages that the writer may move itself, between two batches: 1 MB.
const LEFT_TO_WRITER: i64 = 256;
/// How often the thread goes over the log before it leaves the rest to the writer, however much that is.
const ROUNDS: usize = 4;

thread_local! {
    /// Pages in the log after the last commit on this thread.
    static PAGES: Cell<i64> = const { Cell::new(0) };
}

/// How far the move of a log is.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    UnderWay,
    /// The thread has done its part. The writer does the rest after its next commit.
    ToFinish,
}

/// What the thread and the writer share.
#[derive(Default)]
struct Progress {
    stage: Mutex<Stage>,
    changed: Condvar,
}

impl Progress {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, stage: Stage) {
        *self.stage() = stage;
        self.changed.notify_all();
    }

    fn wait_until_moved(&self) {
        let moved = self.changed.wait_while(self.stage(), |stage| *stage == Stage::UnderWay);
        drop(moved.unwrap_or_else(PoisonError::into_inner));
    }
}

/// The thread that moves the log.
pub(super) struct Checkpoints {
    signal: Mutex<Option<mpsc::SyncSender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    progress: Arc<Progress>,
}

impl Checkpoints {
    pub fn start(path: &Path) -> rusqlite::Result<Self> {
        let connection = open::checkpointer(path)?;
        let (signal, signals) = mpsc::sync_channel(1);
        let progress = Arc::new(Progress::default());
        let work = {
            let progress = progress.clone();
            move || {
                while signals.recv().is_ok() {
                    move_log(&connection);
                    progress.set(Stage::ToFinish);
                }
            }
        };
        let thread = std::thread::Builder::new().name("step-functions-checkpoints".into()).spawn(work);
        // The engine cannot run without this thread; the operating system has none left.
        let thread = thread.expect("the system must be able to start a thread");
        Ok(Self { signal: Mutex::new(Some(signal)), thread: Mutex::new(Some(thread)), progress })
    }

    /// Waits for a move that is under way and closes the connection.
    pub fn close(&self) {
        drop(self.signal.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that moves the write-ahead log panicked");
        }
    }

    /// Has the log moved, unless the engine is closing.
    fn begin(&self) {
        if let Some(signal) = &*self.signal.lock().unwrap_or_else(PoisonError::into_inner) {
            self.progress.set(Stage::UnderWay);
            if signal.try_send(()).is_err() {
                self.progress.set(Stage::Idle);
            }
        }
    }
}

fn move_log(connection: &Connection) {
    for _ in 0..ROUNDS {
        match checkpoint(connection) {
            Ok(left) if left > LEFT_TO_WRITER => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log could not be moved into the database; it grows until it can be");
                return;
            }
        }
    }
}

/// Moves what no reader still needs, without waiting for anyone; the number of pages that are left.
fn checkpoint(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let (log, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(log - moved)
    })
}

/// What the writer knows of the log.
pub(super) struct Log {
    checkpoints: Arc<Checkpoints>,
    /// Pages at which the log is moved the next time.
    due: i64,
}

impl Log {
    /// For the connection on whose thread this is called.
    pub fn watch(connection: &Connection, checkpoints: Arc<Checkpoints>) -> Self {
        connection.wal_hook(Some(|_, pages| {
            PAGES.set(pages.into());
            Ok(())
        }));
        Self { checkpoints, due: LOG_PAGES }
    }

    /// To be called after each commit: has the log moved when it is long, and finishes a move.
    pub fn committed(&mut self, connection: &Connection) {
        let (progress, pages) = (&self.checkpoints.progress, PAGES.get());
        let stage = *progress.stage();
        match stage {
            Stage::Idle if pages >= self.due => self.checkpoints.begin(),
            Stage::Idle => {}
            Stage::UnderWay if pages < self.due + LONGEST_LOG - LOG_PAGES => {}
            Stage::UnderWay | Stage::ToFinish => {
                progress.wait_until_moved();
                progress.set(Stage::Idle);
                // While a reader holds an old page, say a backup, the log cannot start over: it is tried again after
                // as many pages.
                self.due = match checkpoint(connection) {
                    Ok(0) => LOG_PAGES,
                    Ok(_) | Err(_) => pages + LOG_PAGES,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> (Connection, Arc<Checkpoints>, Log) {
        let connection = open::open(path, &crate::Options::new("000000000000", "eu-west-2")).unwrap().connection;
        let checkpoints = Arc::new(Checkpoints::start(path).unwrap());
        let log = Log::watch(&connection, checkpoints.clone());
        (connection, checkpoints, log)
    }

    fn write(connection: &Connection, log: &mut Log, megabytes: usize) {
        for number in 0..megabytes {
            let value = format!("{number}").repeat(1 << 20);
            connection
                .execute("INSERT OR REPLACE INTO tag (resource, key, value) VALUES ('r', 'k', ?)", [&value[..1 << 20]])
                .unwrap();
            log.committed(connection);
        }
    }

    fn log_megabytes(path: &Path) -> u64 {
        std::fs::metadata(path.with_extension("sqlite-wal")).unwrap().len() >> 20
    }

    #[test]
    fn the_log_stays_short_however_much_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.sqlite");
        let (connection, checkpoints, mut log) = open(&path);
        write(&connection, &mut log, 300);
        assert!(log_megabytes(&path) <= 68, "{} MB", log_megabytes(&path));
        checkpoints.close();
    }

    #[test]
    fn a_log_that_a_reader_needs_is_moved_when_the_reader_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.sqlite");
        let (connection, checkpoints, mut log) = open(&path);
        let reader = open::reader(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM tag").unwrap();
        write(&connection, &mut log, 100);
        assert!(log_megabytes(&path) >= 100, "{} MB", log_megabytes(&path));
        reader.execute_batch("COMMIT").unwrap();
        // The next moves put all of it into the database, and the log shrinks to its limit.
        write(&connection, &mut log, 100);
        assert!(log_megabytes(&path) <= 68, "{} MB", log_megabytes(&path));
        checkpoints.close();
    }
}
