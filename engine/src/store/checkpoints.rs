//! Copies the write-ahead log into the database (a checkpoint) outside of commits.
//!
//! By default, SQLite does this within the commit that makes the log too long, which then takes as long as copying 16
//! MB. Here a thread with its own connection copies the log while the writer continues. The writer only copies what was
//! committed in the meantime, between two batches, so that its next commit restarts the log.

use std::{
    cell::Cell,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::open;

/// The number of pages of 4 kB in the log that triggers a checkpoint: 16 MB. Many commits change the same pages, so
/// infrequent checkpoints copy each page once.
const LOG_PAGES: i64 = 4096;
/// The number of pages in the log at which the writer waits for the thread: 64 MB. Below that, a slow disk does not
/// delay commits.
const LONGEST_LOG: i64 = 4 * LOG_PAGES;
/// The maximum number of pages that the writer copies itself, between two batches: 1 MB.
const LEFT_TO_WRITER: i64 = 256;
/// The number of passes after which the thread leaves the rest to the writer, however much that is.
const ROUNDS: usize = 4;

thread_local! {
    /// The number of pages in the log after the last commit on this thread.
    static PAGES: Cell<i64> = const { Cell::new(0) };
}

/// The progress of a checkpoint.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    UnderWay,
    /// The thread has finished. The writer copies the rest after its next commit.
    ToFinish,
}

/// Shared by the thread and the writer.
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

/// The thread that runs checkpoints.
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
        // Fails only if the operating system has no threads left. The engine can't run without this one.
        let thread = thread.expect("the system must be able to start a thread");
        Ok(Self { signal: Mutex::new(Some(signal)), thread: Mutex::new(Some(thread)), progress })
    }

    /// Waits for the current checkpoint and closes the connection.
    pub fn close(&self) {
        drop(self.signal.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that moves the write-ahead log panicked");
        }
    }

    /// Starts a checkpoint, unless the engine is closing.
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

/// Copies all pages that no reader needs, without waiting for readers. Returns the number of remaining pages.
fn checkpoint(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let (log, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(log - moved)
    })
}

/// The writer's view of the log.
pub(super) struct Log {
    checkpoints: Arc<Checkpoints>,
    /// The number of pages that triggers the next checkpoint.
    due: i64,
}

impl Log {
    /// For the connection of the calling thread.
    pub fn watch(connection: &Connection, checkpoints: Arc<Checkpoints>) -> Self {
        connection.wal_hook(Some(|_, pages| {
            PAGES.set(pages.into());
            Ok(())
        }));
        Self { checkpoints, due: LOG_PAGES }
    }

    /// Must be called after each commit. Starts a checkpoint if the log is long, and finishes one.
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
                // While a reader uses an old page, for example a backup, the log can't be restarted. Try again after
                // the same number of pages.
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
        // The next checkpoints copy everything, and the log shrinks to its limit.
        write(&connection, &mut log, 100);
        assert!(log_megabytes(&path) <= 68, "{} MB", log_megabytes(&path));
        checkpoints.close();
    }
}
