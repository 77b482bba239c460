//! The read model: a local copy of applications and tasks from which lists, searches, counts and figures are read.
//!
//! DynamoDB finds an item by its key and a list by one index. Everything else that pages show (the order of any column, a
//! search for any part of a name, how many tasks wait) is read from this copy, an SQLite file beside the desk. The copy
//! follows the tables (see [`follow`]) and decides nothing: a row that somebody acts on is always read from its table. The
//! file can be deleted at any time; the next start fills a new one.

mod answers;
mod bucket;
mod counts;
mod cursor;
mod database;
mod ended;
mod entry;
mod figures;
mod filter;
mod follow;
mod list;
mod narrow;
mod place;
mod searchable;
mod stages;
mod stored;
mod tally;
mod tasks;
mod text;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::Duration};

use app::{
    desk::{Counts, Figures, Incomplete, Overview, Tally, WaitingCount, WaitingPage},
    domain::{ApplicationReference, ApplicationStatus, Property, WaitingOn},
};
use rusqlite::{Connection, Row, types::Type};
use time::OffsetDateTime;
use tokio::sync::{broadcast, watch};

use self::{database::Database, follow::Asks};
use crate::{
    applications::Record,
    aws::{Aws, AwsError},
    changes::Changes,
    invocation::PausedTaskId,
    item::Item,
    tasks::PausedTask,
};

pub use cursor::Cursor;
pub use filter::{Filter, since};
pub use follow::Follower;
pub use list::{Page, Query};
pub use place::Place;

/// How long a read waits for the latest changes. After that it reads what is there.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a read waits for the first pass over the tables to end. After that it reads a part.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);

/// News that a slow listener may fall behind before it misses some.
const BACKLOG: usize = 64;

/// The most applications for one property that are read.
const VALUED: usize = 100;

/// The most tasks that are read by their ids.
const TASKS: usize = 100;

/// Why the read model cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("the read model: {0}")]
    Database(Arc<rusqlite::Error>),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// For operations that read both the tables and the read model.
impl From<ReadError> for AwsError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Aws(error) => error,
            ReadError::Database(_) => Self::corrupt(error),
        }
    }
}

/// How far the first pass over the tables has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The number of items that have been read.
    Reading {
        read: u64,
    },
    Complete,
}

/// A change, as listeners are told of it.
#[derive(Debug)]
pub struct News {
    /// References of the applications that changed; none when so many did that every page has to look.
    pub changed: Vec<String>,
    /// The counts after the change.
    pub counts: Counts,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct ReadModel {
    database: Arc<Database>,
    asks: Arc<Asks>,
    progress: watch::Receiver<Progress>,
    out_of_date: watch::Receiver<Option<OffsetDateTime>>,
    changed: broadcast::Sender<Arc<News>>,
}

impl std::fmt::Debug for ReadModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadModel")
    }
}

impl ReadModel {
    /// Opens the file at `path`. A missing file, or one that is not a copy of these tables, is created anew. The follower
    /// has to run for as long as the read model is used.
    pub async fn open(aws: Aws, path: &Path, changes: Changes) -> Result<(Self, Follower), ReadError> {
        let source = follow::source(&aws).await?;
        let path = path.to_owned();
        let database = blocking(move || Database::open(&path, &source)).await?;
        let database = Arc::new(database);
        let is_complete = {
            let database = database.clone();
            blocking(move || database.read(follow::is_complete)).await?
        };
        let progress = if is_complete { Progress::Complete } else { Progress::Reading { read: 0 } };
        let follower = Follower {
            aws,
            database,
            asks: Arc::default(),
            progress: watch::Sender::new(progress),
            out_of_date: watch::Sender::new(None),
            changed: broadcast::Sender::new(BACKLOG),
            changes,
        };
        let model = Self {
            database: follower.database.clone(),
            asks: follower.asks.clone(),
            progress: follower.progress.subscribe(),
            out_of_date: follower.out_of_date.subscribe(),
            changed: follower.changed.clone(),
        };
        Ok((model, follower))
    }

    /// Why it may lack something; `None` when it has everything.
    pub fn incomplete(&self) -> Option<Incomplete> {
        match *self.progress.borrow() {
            Progress::Reading { read } => Some(Incomplete::CatchingUp { read }),
            Progress::Complete => self.out_of_date.borrow().map(|since| Incomplete::OutOfDate { since }),
        }
    }

    /// Waits until all tables have been read.
    #[cfg(test)]
    pub async fn complete(&self) {
        self.progress.clone().wait_for(|at| *at == Progress::Complete).await.unwrap();
    }

    /// Subscribes to changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Arc<News>> {
        self.changed.subscribe()
    }

    /// A page of applications.
    pub async fn list(&self, query: Query) -> Result<Page, ReadError> {
        self.look(move |connection| list::page(connection, &query)).await
    }

    /// The reference of the one application that has exactly this reference, in any case: as its own, as the name of its
    /// execution, or as that of a valuation.
    pub async fn with_reference(&self, reference: &str) -> Result<Option<ApplicationReference>, ReadError> {
        let reference = reference.to_owned();
        let found = self.look(move |connection| searchable::with_reference(connection, &reference)).await?;
        // The column contains only references.
        Ok(match found.as_slice() {
            [only] => only.parse().ok(),
            _ => None,
        })
    }

    /// How many applications match a filter.
    pub async fn tally(&self, filter: Filter) -> Result<Tally, ReadError> {
        self.look(move |connection| tally::tally(connection, &filter)).await
    }

    /// Where everything stands, without the callbacks that matched nothing.
    pub async fn overview(&self, now: OffsetDateTime) -> Result<Overview, ReadError> {
        self.look(move |connection| {
            let (times_to_answer, valuer) = answers::read(connection, now)?;
            Ok(Overview { stages: stages::read(connection, now)?, times_to_answer, valuer })
        })
        .await
    }

    /// A page of tasks that wait for an answer, soonest deadline first.
    pub async fn waiting(
        &self,
        on: Option<WaitingOn>,
        after: Option<String>,
        at_most: usize,
    ) -> Result<WaitingPage, ReadError> {
        self.look(move |connection| tasks::page(connection, on, after.as_deref(), at_most)).await
    }

    /// The tasks with these ids in the same order, at most [`TASKS`]. Unknown ids are left out.
    pub async fn tasks(&self, ids: &[String]) -> Result<Vec<PausedTask>, ReadError> {
        let ids: Vec<String> = ids.iter().take(TASKS).cloned().collect();
        self.look(move |connection| tasks::with_ids(connection, &ids)).await
    }

    pub async fn waiting_count(&self) -> Result<WaitingCount, ReadError> {
        self.look(counts::waiting).await
    }

    /// How many applications are at each status, and how many tasks wait.
    pub async fn counts(&self) -> Result<Counts, ReadError> {
        self.look(counts::all).await
    }

    pub async fn figures(&self, now: OffsetDateTime) -> Result<Figures, ReadError> {
        self.look(move |connection| figures::read(connection, now)).await
    }

    /// The applications for a property that have been valued, the newest first.
    pub async fn valued(&self, property: &Property) -> Result<Vec<Record>, ReadError> {
        let address = entry::address(property);
        self.look(move |connection| figures::valued(connection, &address, VALUED)).await
    }

    /// References of at most `at_most` applications that are at `status` and were submitted before `until`, oldest first,
    /// and where to go on: pass that as `after` for the next ones. `None` comes back behind the last.
    pub async fn at(
        &self,
        status: ApplicationStatus,
        until: OffsetDateTime,
        at_most: usize,
        after: Option<i64>,
    ) -> Result<(Vec<ApplicationReference>, Option<i64>), ReadError> {
        self.look(move |connection| list::at(connection, status, until, at_most, after)).await
    }

    /// The tasks that applications are told to wait for although they are not open: of those that changed before `until` and,
    /// if that is given, at or after `since`.
    pub async fn overtaken(
        &self,
        since: Option<OffsetDateTime>,
        until: OffsetDateTime,
    ) -> Result<Vec<PausedTaskId>, ReadError> {
        self.look(move |connection| tasks::overtaken(connection, since, until)).await
    }

    /// The applications that changed at or after `since`.
    pub async fn changed_since(&self, since: OffsetDateTime) -> Result<Vec<String>, ReadError> {
        self.look(move |connection| follow::changed_since(connection, since)).await
    }

    /// Reads what there is, with everything that was written before this call.
    async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        self.asks.catch_up().await?;
        let mut progress = self.progress.clone();
        // After that, the read sees as much as there is.
        let _ = tokio::time::timeout(FIRST_PATIENCE, progress.wait_for(|at| *at == Progress::Complete)).await;
        let database = self.database.clone();
        blocking(move || database.read(read)).await
    }
}

/// Runs work that blocks on the disk off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, ReadError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(AwsError::corrupt(format_args!("the read model ({error})")).into()),
    }
}

fn time_of(milliseconds: i64) -> OffsetDateTime {
    // Every number that is stored was a time.
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Reads a column that holds an item of a table.
fn item_column<T>(row: &Row<'_>, column: usize, read: fn(&Item) -> Result<T, AwsError>) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    let read = stored::read(&text).and_then(|item| read(&item));
    read.map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
