//! Items that were read just after they had changed.
//!
//! The version of an item is the time of its last change, in milliseconds. Two changes may carry the same time, and the
//! item may be read between them; the second change then looks like the first. So an item that was read soon after its
//! change is read once more.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

use super::feed::Feed;

/// How long after its change an item is remembered at most.
const REMEMBERED: Duration = Duration::seconds(10);

#[derive(Debug, Default)]
pub struct Recent(HashMap<(Feed, String), Read>);

#[derive(Debug, Clone, Copy)]
struct Read {
    changed_at: OffsetDateTime,
    read_at: OffsetDateTime,
}

impl Recent {
    /// Remembers when an item was read whose version is `changed_at`. `read_at` is a time before the read began.
    pub fn read(&mut self, feed: Feed, key: &str, changed_at: OffsetDateTime, read_at: OffsetDateTime) {
        let key = (feed, key.to_owned());
        if read_at - changed_at < REMEMBERED {
            self.0.insert(key, Read { changed_at, read_at });
        } else {
            self.0.remove(&key);
        }
    }

    /// Whether the item may have changed again with the same version after it was read: it was read less than
    /// `settles_in` after its change.
    pub fn may_have_changed_since(&self, feed: Feed, key: &str, settles_in: Duration) -> bool {
        let read = self.0.get(&(feed, key.to_owned()));
        read.is_some_and(|read| read.read_at - read.changed_at < settles_in)
    }

    /// Forgets what was read so long ago that it has been read again since, or is not looked for any more.
    pub fn forget(&mut self, now: OffsetDateTime) {
        self.0.retain(|_, read| now - read.read_at < REMEMBERED * 2);
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const CHANGED: OffsetDateTime = datetime!(2026-06-01 10:00 UTC);

    fn may_have_changed(read_after: Duration, settles_in: Duration) -> bool {
        let mut recent = Recent::default();
        recent.read(Feed::Tasks, "task", CHANGED, CHANGED + read_after);
        assert!(!recent.may_have_changed_since(Feed::Applications, "task", settles_in));
        recent.may_have_changed_since(Feed::Tasks, "task", settles_in)
    }

    #[test]
    fn an_item_that_was_read_soon_after_its_change_may_have_changed_again() {
        assert!(may_have_changed(Duration::ZERO, Duration::seconds(1)));
        assert!(may_have_changed(Duration::milliseconds(999), Duration::seconds(1)));
        assert!(!may_have_changed(Duration::seconds(1), Duration::seconds(1)));
        // A clock that is ahead stamped the change.
        assert!(may_have_changed(Duration::seconds(-5), Duration::ZERO));
    }

    #[test]
    fn a_later_read_settles_an_item_and_old_reads_are_forgotten() {
        let mut recent = Recent::default();
        recent.read(Feed::Tasks, "a", CHANGED, CHANGED);
        recent.read(Feed::Tasks, "b", CHANGED, CHANGED);
        recent.read(Feed::Tasks, "a", CHANGED, CHANGED + Duration::minutes(1));
        let is_remembered = |recent: &Recent, key| recent.may_have_changed_since(Feed::Tasks, key, Duration::SECOND);
        assert!(!is_remembered(&recent, "a") && is_remembered(&recent, "b"));
        recent.forget(CHANGED + Duration::minutes(1));
        assert!(!is_remembered(&recent, "b"));
    }
}
