//! Following the tables.
//!
//! Each table has an index of its items by the time of their last change. Every second, and before each read, the follower
//! reads what that index has from shortly before the newest change that it knows. The overlap is for changes that appear
//! behind a newer one, because their write took long or because another desk's clock is behind. A workflow stamps its
//! outcome with the time at which it began to write it, which may be long ago. Therefore the follower also reads all open
//! applications again in turn, and after each start and every hour it reads the tables from one end to the other.

mod asks;
mod batch;
mod feed;
mod pass;
mod recent;
mod troubles;
mod turn;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Transaction, params};
use time::OffsetDateTime;
use tokio::sync::{broadcast, watch};

use self::{
    batch::Batch,
    feed::{Change, Feed},
    pass::Pass,
    recent::Recent,
    troubles::Troubles,
    turn::Turn,
};
use super::{News, PATIENCE, Progress, ReadError, blocking, counts, database::Database, entry};
use crate::{aws::Aws, changes::Changes, timestamp};

pub use asks::Asks;
pub use feed::source;

/// How often other desks' changes are looked for.
const PERIOD: Duration = Duration::from_secs(1);

/// How long this desk's own changes are gathered before listeners are told.
const GATHER: Duration = Duration::from_millis(40);

/// How far behind the newest change the index is read: each time, and every [`WIDE`].
const OVERLAP: time::Duration = time::Duration::seconds(2);
const WIDE_OVERLAP: time::Duration = time::Duration::seconds(60);
const WIDE: Duration = Duration::from_secs(10);

/// How long after the time that it is stamped with a write may take effect. An item that was read sooner is read again,
/// because another write may carry the same time: within the first each time, and within the second every [`WIDE`].
const SETTLES_IN: time::Duration = time::Duration::milliseconds(250);
const WIDE_SETTLES_IN: time::Duration = time::Duration::seconds(2);

/// How often a few open applications are read again.
const OPEN_PERIOD: Duration = Duration::from_secs(1);

/// How often the tables are read from one end to the other.
const PASS: Duration = Duration::from_secs(3600);

/// Whether all tables have been read once.
pub fn is_complete(connection: &Connection) -> rusqlite::Result<bool> {
    let complete: usize = connection.query_row("SELECT count(*) FROM feeds WHERE is_complete", [], |row| row.get(0))?;
    Ok(complete == Feed::ALL.len())
}

/// References of the applications that changed at or after `since`.
pub fn changed_since(connection: &Connection, since: OffsetDateTime) -> rusqlite::Result<Vec<String>> {
    let mut changed = connection.prepare_cached("SELECT reference FROM applications WHERE updated_at >= ?1")?;
    changed.query_map([entry::milliseconds(since)], |row| row.get(0))?.collect()
}

/// Keeps a read model up to date.
#[derive(Clone)]
pub struct Follower {
    pub(super) aws: Aws,
    pub(super) database: Arc<Database>,
    pub(super) asks: Arc<Asks>,
    pub(super) progress: watch::Sender<Progress>,
    /// When the read model last had everything, if its file cannot be written since.
    pub(super) out_of_date: watch::Sender<Option<OffsetDateTime>>,
    pub(super) changed: broadcast::Sender<Arc<News>>,
    pub(super) changes: Changes,
}

impl Follower {
    /// Follows the tables for as long as the desk is open.
    pub async fn run(self) {
        Following::new(self).run().await;
    }

    /// Tells listeners which applications changed.
    async fn tell(&self, mut changed: Vec<String>) {
        changed.sort_unstable();
        changed.dedup();
        if !changed.is_empty() {
            self.send(changed).await;
        }
    }

    /// Tells listeners to look at everything.
    async fn tell_to_look(&self) {
        self.send(Vec::new()).await;
    }

    async fn send(&self, changed: Vec<String>) {
        if self.changed.receiver_count() == 0 {
            return;
        }
        let database = self.database.clone();
        match blocking(move || database.read(counts::all)).await {
            // The last listener may have left.
            Ok(counts) => drop(self.changed.send(Arc::new(News { changed, counts }))),
            Err(error) => tracing::warn!(%error, "cannot tell open pages what changed"),
        }
    }
}

/// A follower at work.
struct Following {
    follower: Follower,
    /// How far the tables have been followed; `None` before the first round and after a failed one.
    at: Option<At>,
    times: Times,
    recent: Recent,
    /// The time before the last round that worked.
    current_at: OffsetDateTime,
    following: Troubles,
    passing: Troubles,
}

/// How far the tables have been followed.
struct At {
    /// The newest change of each table that is known.
    newest: [OffsetDateTime; 2],
    turn: Turn,
}

/// When each periodic job was last done.
struct Times {
    wide: Instant,
    open: Instant,
    pass: Instant,
}

impl Following {
    fn new(follower: Follower) -> Self {
        let now = Instant::now();
        Self {
            at: None,
            times: Times { wide: now, open: now, pass: now },
            recent: Recent::default(),
            current_at: follower.aws.clock.now(),
            following: Troubles::with("the read model cannot follow the tables"),
            passing: Troubles::with("the read model cannot read the tables from one end to the other"),
            follower,
        }
    }

    async fn run(mut self) {
        let mut pass = Some(Pass::new());
        loop {
            let asked = self.follower.asks.latest();
            let began = self.follower.aws.clock.now();
            let outcome = self.catch_up(pass.is_some()).await;
            match &outcome {
                Ok(()) => self.following.worked(),
                Err(error) => self.following.failed(error),
            }
            match outcome {
                Ok(()) => {
                    self.current_at = began;
                    self.follower.out_of_date.send_if_modified(|since| since.take().is_some());
                    self.follower.asks.serve(asked, None);
                }
                // The file cannot be written, but it can be read, and pages say that it is out of date.
                Err(ReadError::Database(_)) => {
                    let current_at = self.current_at;
                    self.follower.out_of_date.send_if_modified(|since| since.replace(current_at).is_none());
                    self.follower.asks.serve(asked, None);
                }
                Err(ReadError::Aws(error)) => self.follower.asks.serve(asked, Some(error)),
            }
            match pass.take_if(|pass| pass.due <= Instant::now()) {
                Some(due) => {
                    pass = self.go_on(due).await;
                    self.times.pass = Instant::now();
                }
                None if pass.is_none() && self.times.pass.elapsed() >= PASS => pass = Some(Pass::new()),
                None => {}
            }
            self.wait(pass.as_ref()).await;
        }
    }

    /// Waits until there is something to do.
    async fn wait(&self, pass: Option<&Pass>) {
        let has_listeners = self.follower.changed.receiver_count() > 0;
        tokio::select! {
            () = self.follower.asks.wait() => {}
            () = self.follower.changes.changed(), if has_listeners => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(PERIOD) => {}
            () = sleep_until(pass.map(|pass| pass.due)), if pass.is_some() => {}
        }
    }

    /// Brings the read model up to date with what changed since the last round.
    async fn catch_up(&mut self, is_passing: bool) -> Result<(), ReadError> {
        let now = self.follower.aws.clock.now();
        let At { newest, turn } = match self.at.take() {
            Some(at) => at,
            None => At { newest: self.newest(now).await?, turn: Turn::default() },
        };
        let is_wide = self.times.wide.elapsed() >= WIDE;
        let is_open_due = self.times.open.elapsed() >= OPEN_PERIOD;
        let (overlap, settles_in) = if is_wide { (WIDE_OVERLAP, WIDE_SETTLES_IN) } else { (OVERLAP, SETTLES_IN) };
        let (applications, tasks) = tokio::try_join!(
            Feed::Applications.changed(&self.follower.aws, newest[0] - overlap),
            Feed::Tasks.changed(&self.follower.aws, newest[1] - overlap),
        )?;
        let seen = [newest_of(&applications, newest[0], now), newest_of(&tasks, newest[1], now)];
        let (unknown, turn) = {
            let (database, recent) = (self.follower.database.clone(), std::mem::take(&mut self.recent));
            let (found, recent) = blocking(move || {
                let found = database.read(|connection| {
                    let mut unknown = batch::unknown(connection, [applications, tasks], &recent, settles_in)?;
                    let turn = if is_open_due { turn.next(connection, &mut unknown[0])? } else { turn };
                    Ok((unknown, turn))
                });
                Ok((found, recent))
            })
            .await?;
            self.recent = recent;
            found?
        };
        self.enter(unknown, (seen != newest).then_some(seen), is_passing).await?;
        self.at = Some(At { newest: seen, turn });
        if is_wide {
            self.recent.forget(now);
            self.times.wide = Instant::now();
        }
        if is_open_due {
            self.times.open = Instant::now();
        }
        Ok(())
    }

    /// Enters the items of these keys as they are now, and how far the tables have been followed by that.
    async fn enter(
        &mut self,
        mut keys: [Vec<String>; 2],
        newest: Option<[OffsetDateTime; 2]>,
        is_passing: bool,
    ) -> Result<(), ReadError> {
        let aws = &self.follower.aws;
        let read_at = aws.clock.now();
        let (applications, tasks) =
            tokio::try_join!(Feed::Applications.get_all(aws, &keys[0]), Feed::Tasks.get_all(aws, &keys[1]))?;
        let batch = Batch { applications, tasks };
        // The other keys have no item any more.
        for (feed, keys) in Feed::ALL.into_iter().zip(&mut keys) {
            keys.retain(|key| !batch.has(feed, key));
        }
        if newest.is_none() && batch.is_empty() && keys.iter().all(Vec::is_empty) {
            return Ok(());
        }
        batch.remember(&mut self.recent, read_at);
        let database = self.follower.database.clone();
        let changed = blocking(move || {
            database.write(|transaction| {
                let mut changed = batch.enter(transaction, is_passing)?;
                for reference in &keys[0] {
                    if entry::delete_application(transaction, reference)? {
                        changed.push(reference.clone());
                    }
                }
                for id in &keys[1] {
                    entry::delete_task(transaction, id)?;
                }
                for (feed, newest) in Feed::ALL.into_iter().zip(newest.into_iter().flatten()) {
                    set_newest(transaction, feed, newest)?;
                }
                Ok(changed)
            })
        })
        .await?;
        self.follower.tell(changed).await;
        Ok(())
    }

    /// The newest change of each table that is known; the present time for a table of which nothing is known yet.
    async fn newest(&self, now: OffsetDateTime) -> Result<[OffsetDateTime; 2], ReadError> {
        let database = self.follower.database.clone();
        blocking(move || {
            database.write(|transaction| {
                let mut newest = [now; 2];
                for (feed, newest) in Feed::ALL.into_iter().zip(&mut newest) {
                    transaction.execute(
                        "INSERT OR IGNORE INTO feeds VALUES (?1, ?2, 0)",
                        params![feed.name(), entry::milliseconds(now)],
                    )?;
                    let known =
                        transaction
                            .query_row("SELECT newest FROM feeds WHERE feed = ?1", [feed.name()], |row| row.get(0))?;
                    *newest = super::time_of(known);
                }
                Ok(newest)
            })
        })
        .await
    }
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}

/// The latest of these times, but not one in the future: a clock that is ahead must not hide what others change.
fn newest_of(changed: &[Change], newest: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    changed.iter().filter_map(|(_, at)| timestamp::read(at)).fold(newest, OffsetDateTime::max).min(now.max(newest))
}

fn set_newest(transaction: &Transaction<'_>, feed: Feed, newest: OffsetDateTime) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE feeds SET newest = ?2 WHERE feed = ?1")?
        .execute(params![feed.name(), entry::milliseconds(newest)])?;
    Ok(())
}
