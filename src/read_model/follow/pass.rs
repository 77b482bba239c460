//! A pass reads the tables from one end to the other.
//!
//! The first pass fills a new read model. Later ones find what following misses: deleted items, and items that were
//! written without a new `updatedAt`.

use std::time::{Duration, Instant};

use rusqlite::{Transaction, params};

use super::{Following, PERIOD, batch::Batch, feed::Feed};
use crate::{
    item::Item,
    read_model::{Progress, ReadError, blocking, entry},
};

/// Items read at a time: few, so that other reads do not wait for long.
const PAGE: i32 = 250;

/// After each page of a later pass, the desk has this many times as long for its other work. The first pass does not
/// pause.
const REST: u32 = 3;

/// What is left to read of a pass.
pub struct Pass {
    feeds: Vec<Feed>,
    after: Option<Item>,
    /// When the next page is due.
    pub due: Instant,
    /// When listeners were last told to look at everything.
    told: Instant,
}

impl Pass {
    pub fn new() -> Self {
        // The last is read first. Tasks come first, so that applications are found by their valuation references at once.
        Self { feeds: vec![Feed::Applications, Feed::Tasks], after: None, due: Instant::now(), told: Instant::now() }
    }
}

impl Following {
    /// Reads the next page of a pass and returns what is left of it. A page that cannot be read or entered is tried again.
    pub(super) async fn go_on(&mut self, mut pass: Pass) -> Option<Pass> {
        let began = Instant::now();
        let read = self.read_page(&mut pass).await;
        if read.is_ok() {
            self.passing.worked();
        }
        match read {
            Ok(()) if pass.feeds.is_empty() => {
                tracing::debug!("the pass over the tables is over");
                if self.follower.progress.send_replace(Progress::Complete) != Progress::Complete {
                    self.follower.tell_to_look().await;
                }
                None
            }
            Ok(()) => {
                let is_first = *self.follower.progress.borrow() != Progress::Complete;
                if is_first && pass.told.elapsed() >= PERIOD {
                    pass.told = Instant::now();
                    self.follower.tell_to_look().await;
                }
                pass.due = Instant::now() + if is_first { Duration::ZERO } else { began.elapsed() * REST };
                Some(pass)
            }
            Err(error) => {
                self.passing.failed(&error);
                pass.due = Instant::now() + PERIOD;
                Some(pass)
            }
        }
    }

    async fn read_page(&mut self, pass: &mut Pass) -> Result<(), ReadError> {
        let Some(feed) = pass.feeds.last().copied() else { return Ok(()) };
        let is_first_page = pass.after.is_none();
        let read_at = self.follower.aws.clock.now();
        let (items, next) = feed.scan(&self.follower.aws, pass.after.clone(), PAGE).await?;
        let count = items.len() as u64;
        let batch = Batch::of(feed, items);
        batch.remember(&mut self.recent, read_at);
        let is_last_page = next.is_none();
        let database = self.follower.database.clone();
        let changed = blocking(move || {
            database.write(|transaction| {
                if is_first_page {
                    begin(transaction)?;
                }
                let mut changed = batch.enter(transaction, true)?;
                if is_last_page {
                    changed.extend(end(transaction, feed)?);
                }
                Ok(changed)
            })
        })
        .await?;
        pass.after = next;
        if is_last_page {
            pass.feeds.pop();
        }
        let is_first = self.follower.progress.send_if_modified(|progress| match progress {
            Progress::Reading { read } => {
                *read += count;
                true
            }
            Progress::Complete => false,
        });
        // During the first pass everything is new, and listeners are told to look now and then instead.
        if !is_first {
            self.follower.tell(changed).await;
        }
        Ok(())
    }
}

/// The keys that a pass has found are in a temporary table of the writing connection.
fn begin(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS seen (feed TEXT, key TEXT, PRIMARY KEY (feed, key)) WITHOUT ROWID",
    )
}

pub fn mark_seen(transaction: &Transaction<'_>, feed: Feed, key: &str) -> rusqlite::Result<()> {
    begin(transaction)?;
    transaction.prepare_cached("INSERT OR IGNORE INTO temp.seen VALUES (?1, ?2)")?.execute([feed.name(), key])?;
    Ok(())
}

/// Deletes what the pass has not found, and returns the applications that this concerns.
fn end(transaction: &Transaction<'_>, feed: Feed) -> rusqlite::Result<Vec<String>> {
    let gone = match feed {
        Feed::Applications => {
            "SELECT reference, reference FROM applications \
             WHERE reference NOT IN (SELECT key FROM temp.seen WHERE feed = ?1)"
        }
        Feed::Tasks => "SELECT id, reference FROM tasks WHERE id NOT IN (SELECT key FROM temp.seen WHERE feed = ?1)",
    };
    let mut gone = transaction.prepare(gone)?;
    let gone = gone.query_map([feed.name()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let gone: Vec<(String, String)> = gone.collect::<Result<_, _>>()?;
    for (key, _) in &gone {
        match feed {
            Feed::Applications => entry::delete_application(transaction, key)?,
            Feed::Tasks => entry::delete_task(transaction, key)?,
        };
    }
    transaction.execute("DELETE FROM temp.seen WHERE feed = ?1", [feed.name()])?;
    transaction.execute("UPDATE feeds SET is_complete = 1 WHERE feed = ?1", params![feed.name()])?;
    Ok(gone.into_iter().map(|(_, reference)| reference).collect())
}
