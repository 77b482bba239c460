//! Following the tables.
//!
//! Each table has an index of its items by the time of their last change. Every second, and before each look, whatever is
//! in it since the newest change that is known is read, and a little more: a change may turn up behind a newer one,
//! because it took long to write or because another desk's clock is behind. A workflow stamps its outcome with the time
//! at which it began to write it, which may be long ago. Therefore applications that are open are also looked up one by
//! one, in turn; and after each start, and every hour, the tables are read from one end to the other. That also finds
//! what was deleted, and what was changed by other hands than a desk's.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use app::domain::ApplicationStatus;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use time::OffsetDateTime;
use tokio::sync::{Notify, broadcast, watch};

use super::{
    News, PATIENCE, Progress, ReadError, blocking, counts,
    database::Database,
    entry::{self, Application, Task},
};
use crate::{
    applications,
    aws::{Aws, AwsError},
    item::{Item, Read, read_all, text, time},
    live::Changes,
    tables::{Index, Table},
    tasks, timestamp,
};

/// How often other desks' changes are looked for.
const PERIOD: Duration = Duration::from_secs(1);

/// How long changes of this desk are gathered before pages are told of them.
const GATHER: Duration = Duration::from_millis(40);

/// How far behind the newest change others are looked for: each time, and now and then.
const OVERLAP: time::Duration = time::Duration::seconds(2);
const WIDE_OVERLAP: time::Duration = time::Duration::seconds(60);
const WIDE: Duration = Duration::from_secs(10);

/// How many open applications are looked up at once, and how often.
const OPEN: usize = 50;
const OPEN_PERIOD: Duration = Duration::from_secs(1);

/// How often the tables are read from one end to the other.
const PASS: Duration = Duration::from_secs(3600);

/// Items of a pass that are read at once: few, so that nobody waits for them for long.
const PASS_PAGE: i32 = 250;

/// Of what the pages of a pass took, how much longer the desk then has for other things. (The first pass has no rest.)
const REST: u32 = 3;

/// Items that BatchGetItem takes.
const BATCH: usize = 100;

/// How long to leave DynamoDB alone when it has not given all that it was asked for.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A table that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feed {
    Applications,
    Tasks,
}

impl Feed {
    const ALL: [Self; 2] = [Self::Applications, Self::Tasks];

    fn name(self) -> &'static str {
        self.table().name
    }

    fn table(self) -> &'static Table {
        match self {
            Self::Applications => &applications::TABLE,
            Self::Tasks => &tasks::TABLE,
        }
    }

    /// The index that has the last changed item last.
    fn changes(self) -> Index {
        match self {
            Self::Applications => applications::CHANGED,
            Self::Tasks => tasks::CHANGED,
        }
    }

    /// The one value that the partition attribute of that index has.
    fn partition(self) -> &'static str {
        match self {
            Self::Applications => applications::KIND,
            Self::Tasks => tasks::FEED,
        }
    }

    /// The attributes that are read; `None` for all. A task token stays in its table.
    fn attributes(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Applications => None,
            Self::Tasks => Some(tasks::PUBLIC),
        }
    }
}

/// An expression that names attributes, whose names may be words of DynamoDB's own.
fn projection(attributes: &[&str]) -> (String, HashMap<String, String>) {
    let names = attributes.iter().chain(&["id", "updatedAt"]);
    let names: HashMap<String, String> = names.map(|name| (format!("#{name}"), (*name).to_owned())).collect();
    let mut expression: Vec<&str> = names.keys().map(String::as_str).collect();
    expression.sort_unstable();
    (expression.join(", "), names)
}

/// What the tables are, so that a copy of others is told from one of these.
pub async fn source(aws: &Aws) -> Result<String, AwsError> {
    let mut source = String::new();
    for feed in Feed::ALL {
        let described = aws.dynamodb.describe_table().table_name(feed.name()).send().await?;
        let table = described.table.ok_or_else(|| AwsError::missing(format_args!("table {}", feed.name())))?;
        let created = table.creation_date_time.map(|at| at.as_secs_f64()).unwrap_or_default();
        source.push_str(&format!("{} {created}\n", table.table_arn.unwrap_or_default()));
    }
    Ok(source)
}

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

/// Those who want everything that is written by now to be in the read model.
#[derive(Default)]
pub struct Asks {
    asked: AtomicU64,
    notify: Notify,
    /// Up to which ask everything is done, and whether that worked.
    done: watch::Sender<(u64, Option<AwsError>)>,
}

impl Asks {
    /// Waits until everything is in the read model that was written before this was called; but not for ever.
    pub async fn catch_up(&self) -> Result<(), AwsError> {
        let mut done = self.done.subscribe();
        let mine = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.notify.notify_one();
        match tokio::time::timeout(PATIENCE, done.wait_for(|(done, _)| *done >= mine)).await {
            Ok(Ok(done)) => done.1.clone().map_or(Ok(()), Err),
            // It took too long, or the desk closes: what is there has to do.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}

/// Keeps a read model up to date.
#[derive(Clone)]
pub struct Follower {
    aws: Aws,
    database: Arc<Database>,
    asks: Arc<Asks>,
    progress: watch::Sender<Progress>,
    changed: broadcast::Sender<Arc<News>>,
    changes: Changes,
}

/// What is read of the tables from one end to the other.
struct Pass {
    feeds: Vec<Feed>,
    after: Option<Item>,
    /// When the next page is due.
    due: Instant,
    /// When those who listen were told how far it is.
    told: Instant,
}

/// When what is done now and then was done last.
struct Times {
    wide: Instant,
    open: Instant,
    pass: Instant,
}

/// How far the tables have been followed.
struct At {
    /// The newest change of each table that is known.
    newest: [OffsetDateTime; 2],
    turn: Turn,
}

impl Follower {
    pub(super) fn new(
        aws: Aws,
        database: Arc<Database>,
        asks: Arc<Asks>,
        progress: watch::Sender<Progress>,
        changed: broadcast::Sender<Arc<News>>,
        changes: Changes,
    ) -> Self {
        Self { aws, database, asks, progress, changed, changes }
    }

    /// Goes on for as long as the desk is open.
    pub async fn run(self) {
        let mut pass = Some(Pass::new());
        let now = Instant::now();
        let mut times = Times { wide: now, open: now, pass: now };
        let mut at = None;
        loop {
            let asked = self.asks.asked.load(Ordering::SeqCst);
            let outcome = self.catch_up(&mut times, &mut at, pass.is_some()).await;
            let failed = outcome.err();
            if let Some(error) = &failed {
                tracing::warn!(%error, "the read model cannot follow the tables; will be tried again");
            }
            let failed = failed.and_then(|error| match error {
                ReadError::Aws(error) => Some(error),
                // Nothing can be written here, the disk is full perhaps: what is there can be read all the same.
                ReadError::Database(_) => None,
            });
            self.asks.done.send_replace((asked, failed));
            if pass.as_ref().is_some_and(|pass| pass.due <= Instant::now()) {
                pass = self.go_on(pass).await;
                times.pass = Instant::now();
            } else if pass.is_none() && times.pass.elapsed() >= PASS {
                pass = Some(Pass::new());
            }
            self.wait(pass.as_ref()).await;
        }
    }

    /// Waits until there is something to do.
    async fn wait(&self, pass: Option<&Pass>) {
        let is_told = self.changed.receiver_count() > 0;
        tokio::select! {
            () = self.asks.notify.notified() => {}
            () = self.changes.changed(), if is_told => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(PERIOD) => {}
            () = sleep_until(pass.map(|pass| pass.due)), if pass.is_some() => {}
        }
    }

    /// Reads what changed since the last time.
    async fn catch_up(&self, times: &mut Times, at: &mut Option<At>, is_passing: bool) -> Result<(), ReadError> {
        let now = self.aws.clock.now();
        let At { newest, turn } = match at.take() {
            Some(at) => at,
            None => At { newest: self.newest(now).await?, turn: Turn::default() },
        };
        let is_wide = times.wide.elapsed() >= WIDE;
        let is_open_due = times.open.elapsed() >= OPEN_PERIOD;
        let overlap = if is_wide { WIDE_OVERLAP } else { OVERLAP };
        let changed = tokio::try_join!(
            self.changed(Feed::Applications, newest[0] - overlap),
            self.changed(Feed::Tasks, newest[1] - overlap),
        )?;
        let changed = [changed.0, changed.1];
        let seen = [newest_of(&changed[0], newest[0], now), newest_of(&changed[1], newest[1], now)];
        let (unknown, turn) = {
            let database = self.database.clone();
            blocking(move || {
                database.read(|connection| {
                    let mut unknown = unknown(connection, changed)?;
                    let turn = if is_open_due { turn.next(connection, &mut unknown[0])? } else { turn };
                    Ok((unknown, turn))
                })
            })
            .await?
        };
        self.enter(unknown, (seen != newest).then_some(seen), is_passing).await?;
        *at = Some(At { newest: seen, turn });
        if is_wide {
            times.wide = Instant::now();
        }
        if is_open_due {
            times.open = Instant::now();
        }
        Ok(())
    }

    /// Enters the items of these keys as they are now, and how far the tables have been followed by that.
    async fn enter(
        &self,
        mut keys: [Vec<String>; 2],
        newest: Option<[OffsetDateTime; 2]>,
        is_passing: bool,
    ) -> Result<(), ReadError> {
        let (applications, tasks) =
            tokio::try_join!(self.get_all(Feed::Applications, &keys[0]), self.get_all(Feed::Tasks, &keys[1]))?;
        let batch = Batch { applications, tasks };
        // What is left is not there any more.
        keys[0].retain(|key| !has(&batch.applications, Feed::Applications, key));
        keys[1].retain(|key| !has(&batch.tasks, Feed::Tasks, key));
        if newest.is_none() && batch.is_empty() && keys.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let database = self.database.clone();
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
        self.tell(changed).await;
        Ok(())
    }

    /// Tells those who listen what changed.
    async fn tell(&self, mut changed: Vec<String>) {
        changed.sort_unstable();
        changed.dedup();
        if !changed.is_empty() {
            self.send(changed).await;
        }
    }

    /// Lets those who listen look at everything.
    async fn tell_to_look(&self) {
        self.send(Vec::new()).await;
    }

    async fn send(&self, changed: Vec<String>) {
        if self.changed.receiver_count() == 0 {
            return;
        }
        let database = self.database.clone();
        match blocking(move || database.read(counts::all)).await {
            // Nobody may be listening any more.
            Ok(counts) => drop(self.changed.send(Arc::new(News { changed, counts }))),
            Err(error) => tracing::warn!(%error, "cannot tell what changed"),
        }
    }

    /// The newest change of each table that is known; the present time for a table of which nothing is known yet.
    async fn newest(&self, now: OffsetDateTime) -> Result<[OffsetDateTime; 2], ReadError> {
        let database = self.database.clone();
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

    /// Keys and times of the items that changed at or after `since`.
    async fn changed(&self, feed: Feed, since: OffsetDateTime) -> Result<Vec<(String, String)>, AwsError> {
        let (key, index) = (feed.table().key, feed.changes());
        let query = self.aws.dynamodb.query().table_name(feed.name()).index_name(index.name);
        let query = query
            .key_condition_expression("#partition = :partition AND updatedAt >= :since")
            .expression_attribute_names("#partition", index.partition)
            .expression_attribute_values(":partition", text(feed.partition()))
            .expression_attribute_values(":since", time(since));
        read_all(query, |item| Ok((item.require(key)?.to_owned(), item.require("updatedAt")?.to_owned()))).await
    }

    /// The items of these keys, as far as there are any, as they are now.
    async fn get_all(&self, feed: Feed, keys: &[String]) -> Result<Vec<Item>, AwsError> {
        let table = feed.table();
        let mut items = Vec::new();
        for keys in keys.chunks(BATCH) {
            let keys = keys.iter().map(|key| Item::from([(table.key.to_owned(), text(key))])).collect();
            let mut keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
            if let Some(attributes) = feed.attributes() {
                let (expression, names) = projection(attributes);
                keys = keys.projection_expression(expression).set_expression_attribute_names(Some(names));
            }
            let keys = keys.build().map_err(AwsError::corrupt)?;
            let mut asked = HashMap::from([(table.name.to_owned(), keys)]);
            loop {
                let answer = self.aws.dynamodb.batch_get_item().set_request_items(Some(asked)).send().await?;
                items.extend(answer.responses.unwrap_or_default().remove(table.name).unwrap_or_default());
                asked = answer.unprocessed_keys.unwrap_or_default();
                if asked.is_empty() {
                    break;
                }
                tokio::time::sleep(BACK_OFF).await;
            }
        }
        Ok(items)
    }

    /// Reads the next page of a pass. Gives what is left of it; when it fails, the page is read again later.
    async fn go_on(&self, pass: Option<Pass>) -> Option<Pass> {
        let mut pass = pass?;
        let begun = Instant::now();
        match self.read_page(&mut pass).await {
            Ok(()) if pass.feeds.is_empty() => {
                if self.progress.send_replace(Progress::Complete) != Progress::Complete {
                    self.tell_to_look().await;
                }
                None
            }
            Ok(()) => {
                // Nobody has to wait for a later pass.
                let is_first = *self.progress.borrow() != Progress::Complete;
                if is_first && pass.told.elapsed() >= PERIOD {
                    pass.told = Instant::now();
                    self.tell_to_look().await;
                }
                pass.due = Instant::now() + if is_first { Duration::ZERO } else { begun.elapsed() * REST };
                Some(pass)
            }
            Err(error) => {
                tracing::warn!(%error, "the tables cannot be read; will be tried again");
                pass.due = Instant::now() + PERIOD;
                Some(pass)
            }
        }
    }

    async fn read_page(&self, pass: &mut Pass) -> Result<(), ReadError> {
        let Some(feed) = pass.feeds.last().copied() else { return Ok(()) };
        let mut scan = self.aws.dynamodb.scan().table_name(feed.name()).consistent_read(true).limit(PASS_PAGE);
        if let Some(attributes) = feed.attributes() {
            let (expression, names) = projection(attributes);
            scan = scan.projection_expression(expression).set_expression_attribute_names(Some(names));
        }
        let is_first_page = pass.after.is_none();
        let answer = scan.set_exclusive_start_key(pass.after.clone()).send().await.map_err(AwsError::from)?;
        let (items, next) = (answer.items.unwrap_or_default(), answer.last_evaluated_key);
        let count = items.len() as u64;
        let read = match feed {
            Feed::Applications => Batch { applications: items, tasks: vec![] },
            Feed::Tasks => Batch { applications: vec![], tasks: items },
        };
        let is_last_page = next.is_none();
        let database = self.database.clone();
        let changed = blocking(move || {
            database.write(|transaction| {
                if is_first_page {
                    begin_pass(transaction)?;
                }
                let mut changed = read.enter(transaction, true)?;
                if is_last_page {
                    changed.extend(end_pass(transaction, feed)?);
                }
                Ok(changed)
            })
        })
        .await?;
        pass.after = next;
        if is_last_page {
            pass.feeds.pop();
        }
        let is_first = self.progress.send_if_modified(|progress| match progress {
            Progress::Reading { read } => {
                *read += count;
                true
            }
            Progress::Complete => false,
        });
        // Nobody can be shown something older than the first pass.
        if !is_first {
            self.tell(changed).await;
        }
        Ok(())
    }
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}

impl Pass {
    fn new() -> Self {
        // Tasks first: an application is then found by their valuation references at once.
        Self { feeds: vec![Feed::Applications, Feed::Tasks], after: None, due: Instant::now(), told: Instant::now() }
    }
}

/// Items to enter.
struct Batch {
    applications: Vec<Item>,
    tasks: Vec<Item>,
}

fn has(items: &[Item], feed: Feed, key: &str) -> bool {
    items.iter().any(|item| item.text(feed.table().key) == Some(key))
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.applications.is_empty() && self.tasks.is_empty()
    }

    /// Enters them, and gives the applications about which something is new. An item that cannot be read is left out, and
    /// all others stay of use.
    fn enter(&self, transaction: &Transaction<'_>, is_passing: bool) -> rusqlite::Result<Vec<String>> {
        let mut changed = Vec::new();
        for (feed, items) in [(Feed::Tasks, &self.tasks), (Feed::Applications, &self.applications)] {
            for item in items {
                let key = item.text(feed.table().key).unwrap_or_default();
                let news = match feed {
                    Feed::Applications => Application::read(item)
                        .map(|read| Ok(read.enter(transaction)?.then(|| read.reference().to_owned()))),
                    Feed::Tasks => Task::read(item)
                        .map(|read| Ok(read.enter(transaction)?.then(|| read.application_reference().to_owned()))),
                };
                match news {
                    Ok(news) => {
                        let news: rusqlite::Result<Option<String>> = news;
                        changed.extend(news?);
                    }
                    Err(error) => {
                        tracing::error!(table = feed.name(), key, %error, "left out of lists and figures");
                    }
                }
                if is_passing {
                    mark_seen(transaction, feed, key)?;
                }
            }
        }
        Ok(changed)
    }
}

/// Of the items that changed, those that are not known as they are.
fn unknown(connection: &Connection, changed: [Vec<(String, String)>; 2]) -> rusqlite::Result<[Vec<String>; 2]> {
    let mut unknown = [Vec::new(), Vec::new()];
    for ((feed, changed), unknown) in Feed::ALL.into_iter().zip(changed).zip(&mut unknown) {
        let mut known = connection.prepare_cached(match feed {
            Feed::Applications => "SELECT version FROM applications WHERE reference = ?1",
            Feed::Tasks => "SELECT version FROM tasks WHERE id = ?1",
        })?;
        for (key, version) in changed {
            let known: Option<String> = known.query_row([&key], |row| row.get(0)).optional()?;
            if known.as_deref() != Some(&version) {
                unknown.push(key);
            }
        }
    }
    Ok(unknown)
}

/// The latest of these times. A clock that is ahead must not hide what others change.
fn newest_of(changed: &[(String, String)], newest: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    changed.iter().filter_map(|(_, at)| timestamp::read(at)).fold(newest, OffsetDateTime::max).min(now.max(newest))
}

fn set_newest(transaction: &Transaction<'_>, feed: Feed, newest: OffsetDateTime) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE feeds SET newest = ?2 WHERE feed = ?1")?
        .execute(params![feed.name(), entry::milliseconds(newest)])?;
    Ok(())
}

/// The keys that a pass has found stand in a table that goes with the connection.
fn begin_pass(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS seen (feed TEXT, key TEXT, PRIMARY KEY (feed, key)) WITHOUT ROWID",
    )
}

fn mark_seen(transaction: &Transaction<'_>, feed: Feed, key: &str) -> rusqlite::Result<()> {
    begin_pass(transaction)?;
    transaction.prepare_cached("INSERT OR IGNORE INTO temp.seen VALUES (?1, ?2)")?.execute([feed.name(), key])?;
    Ok(())
}

/// What a pass has not found is not there any more. Gives the applications that this concerns.
fn end_pass(transaction: &Transaction<'_>, feed: Feed) -> rusqlite::Result<Vec<String>> {
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
    transaction.execute("UPDATE feeds SET is_complete = 1 WHERE feed = ?1", [feed.name()])?;
    Ok(gone.into_iter().map(|(_, reference)| reference).collect())
}

/// Which open applications are looked up next.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    status: usize,
    after: i64,
}

impl Turn {
    /// Adds the next few to `references`, and gives where to go on.
    fn next(self, connection: &Connection, references: &mut Vec<String>) -> rusqlite::Result<Self> {
        let open = || ApplicationStatus::ALL.into_iter().filter(|status| status.is_open());
        let mut next = self;
        let mut left = OPEN;
        let mut statement = connection.prepare_cached(
            "SELECT reference, id FROM applications INDEXED BY applications_status \
             WHERE status = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        for _ in 0..open().count() {
            let status = open().nth(next.status).map(ApplicationStatus::key);
            let found = statement.query_map(params![status, next.after, left], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let found: Vec<(String, i64)> = found.collect::<Result<_, _>>()?;
            left -= found.len();
            if let Some((_, id)) = found.last() {
                next.after = *id;
            }
            for (reference, _) in found {
                if !references.contains(&reference) {
                    references.push(reference);
                }
            }
            if left == 0 {
                return Ok(next);
            }
            next = Self { status: (next.status + 1) % open().count(), after: 0 };
        }
        Ok(next)
    }
}
