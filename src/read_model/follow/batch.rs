//! Items that were read from the tables, to be entered together.

use rusqlite::{Connection, OptionalExtension, Transaction};
use time::OffsetDateTime;

use super::{
    feed::{Change, Feed},
    pass,
    recent::Recent,
};
use crate::{
    item::{Item, Read},
    read_model::entry::{Application, Task},
    timestamp,
};

pub struct Batch {
    pub applications: Vec<Item>,
    pub tasks: Vec<Item>,
}

impl Batch {
    pub fn of(feed: Feed, items: Vec<Item>) -> Self {
        match feed {
            Feed::Applications => Self { applications: items, tasks: Vec::new() },
            Feed::Tasks => Self { applications: Vec::new(), tasks: items },
        }
    }

    pub fn is_empty(&self) -> bool {
        self.applications.is_empty() && self.tasks.is_empty()
    }

    pub fn has(&self, feed: Feed, key: &str) -> bool {
        self.items(feed).iter().any(|item| feed.key(item) == key)
    }

    fn items(&self, feed: Feed) -> &[Item] {
        match feed {
            Feed::Applications => &self.applications,
            Feed::Tasks => &self.tasks,
        }
    }

    /// Remembers that these items were read at `read_at`.
    pub fn remember(&self, recent: &mut Recent, read_at: OffsetDateTime) {
        for feed in Feed::ALL {
            for item in self.items(feed) {
                if let Some(changed_at) = item.text("updatedAt").and_then(timestamp::read) {
                    recent.read(feed, feed.key(item), changed_at, read_at);
                }
            }
        }
    }

    /// Enters the items and returns the references of the applications that changed by it. An item that cannot be read is
    /// logged and left out. During a pass, `is_passing`, each item is marked as seen.
    pub fn enter(&self, transaction: &Transaction<'_>, is_passing: bool) -> rusqlite::Result<Vec<String>> {
        let mut changed = Vec::new();
        // Tasks first: an application is then found by their valuation references at once.
        for feed in [Feed::Tasks, Feed::Applications] {
            for item in self.items(feed) {
                let key = feed.key(item);
                let entered = match feed {
                    Feed::Applications => Application::read(item)
                        .map(|read| Ok(read.enter(transaction)?.then(|| read.reference().to_owned()))),
                    Feed::Tasks => Task::read(item)
                        .map(|read| Ok(read.enter(transaction)?.then(|| read.application_reference().to_owned()))),
                };
                match entered {
                    Ok(entered) => {
                        let entered: rusqlite::Result<Option<String>> = entered;
                        changed.extend(entered?);
                    }
                    Err(error) => {
                        tracing::error!(table = feed.name(), key, %error, "item left out of lists and figures");
                    }
                }
                if is_passing {
                    pass::mark_seen(transaction, feed, key)?;
                }
            }
        }
        Ok(changed)
    }
}

/// The keys among `changed` whose items have to be read: the read model has another version of them, or may have.
pub fn unknown(
    connection: &Connection,
    changed: [Vec<Change>; 2],
    recent: &Recent,
    settles_in: time::Duration,
) -> rusqlite::Result<[Vec<String>; 2]> {
    let mut unknown = [Vec::new(), Vec::new()];
    for ((feed, changed), unknown) in Feed::ALL.into_iter().zip(changed).zip(&mut unknown) {
        let mut known = connection.prepare_cached(match feed {
            Feed::Applications => "SELECT version FROM applications WHERE reference = ?1",
            Feed::Tasks => "SELECT version FROM tasks WHERE id = ?1",
        })?;
        for (key, version) in changed {
            let known: Option<String> = known.query_row([&key], |row| row.get(0)).optional()?;
            if known.as_deref() != Some(&version) || recent.may_have_changed_since(feed, &key, settles_in) {
                unknown.push(key);
            }
        }
    }
    Ok(unknown)
}
