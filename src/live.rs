//! Telling open pages what changed: `GET /events`, server-sent events.
//!
//! However many pages listen, one task asks the index of changes; when nobody listens nobody asks. It works the same on
//! AWS, where another desk or a Lambda function may have made the change; what this process changed itself comes at
//! once, because it nudges.

use std::{collections::HashSet, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    response::{
        IntoResponse, Sse,
        sse::{Event, KeepAlive},
    },
    routing::get,
};
use futures_util::{Stream, StreamExt};
use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::{Notify, broadcast, watch};
use tokio_stream::wrappers::{BroadcastStream, WatchStream};

use crate::{applications::Applications, clock::Clock, timestamp};

/// How long a change made elsewhere may take to be told.
const PERIOD: Duration = Duration::from_secs(1);

/// How long changes are gathered before they are told together.
const GATHER: Duration = Duration::from_millis(40);

/// A workflow stamps a change with the time it began to write it, so one may turn up behind others.
const OVERLAP: Duration = Duration::from_secs(10);

/// What changed this long before a page began to listen may have changed after it was rendered, and is told to it.
const BEFORE: Duration = Duration::from_secs(3);

/// Messages that a slow listener may fall behind before it misses some; the next one makes it look anyway.
const BACKLOG: usize = 64;

/// A hint that an application may have changed; free when nobody listens.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<Notify>);

impl Changes {
    pub fn nudge(&self) {
        self.0.notify_one();
    }
}

/// References of the applications that changed.
type Changed = Arc<[String]>;

#[derive(Clone)]
pub struct Live {
    clock: Clock,
    applications: Applications,
    told: broadcast::Sender<Changed>,
    changes: Changes,
    /// Turns true when the desk closes, which ends every stream.
    closing: watch::Receiver<bool>,
}

impl Live {
    pub fn new(clock: Clock, applications: Applications, changes: Changes, closing: watch::Receiver<bool>) -> Self {
        Self { clock, applications, told: broadcast::Sender::new(BACKLOG), changes, closing }
    }

    pub fn router(self) -> Router {
        Router::new().route("/events", get(events)).with_state(self)
    }

    /// Finds out what changed, while somebody listens.
    pub async fn run(self) {
        let mut seen = Seen::new(self.clock.now());
        loop {
            if self.told.receiver_count() == 0 {
                seen = Seen::new(self.clock.now());
                // Whoever begins to listen nudges.
                self.changes.0.notified().await;
                continue;
            }
            match self.applications.changed_since(seen.since()).await {
                Ok(changed) => {
                    let news = seen.news(changed, self.clock.now());
                    if !news.is_empty() {
                        // Nobody may be listening any more.
                        let _ = self.told.send(news.into());
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot tell what changed; will be tried again"),
            }
            if tokio::time::timeout(PERIOD, self.changes.0.notified()).await.is_ok() {
                tokio::time::sleep(GATHER).await;
            }
        }
    }
}

/// What has been told already.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The newest change told, or when listening began.
    newest: OffsetDateTime,
    /// Changes told of the last [`OVERLAP`]: reference and time.
    told: HashSet<(String, String)>,
}

impl Seen {
    /// Nothing has been told yet, and nothing before `now` will be.
    pub fn new(now: OffsetDateTime) -> Self {
        Self { newest: now, told: HashSet::new() }
    }

    /// From when on changes have to be looked at.
    pub fn since(&self) -> OffsetDateTime {
        self.newest - OVERLAP
    }

    /// Of the changes since [`Seen::since`], the applications whose change has not been told. `latest` is the time
    /// now.
    pub fn news(&mut self, changed: Vec<(String, String)>, latest: OffsetDateTime) -> Vec<String> {
        let mut news = Vec::new();
        let now: HashSet<(String, String)> = changed.into_iter().collect();
        for change in now.difference(&self.told) {
            news.push(change.0.clone());
            if let Some(at) = timestamp::read(&change.1) {
                // A clock that is ahead must not hide what others change.
                self.newest = self.newest.max(at.min(latest));
            }
        }
        self.told = now;
        news.sort_unstable();
        news
    }
}

async fn events(State(live): State<Live>) -> impl IntoResponse {
    let told = live.told.subscribe();
    live.changes.nudge();
    let just_before = live.applications.changed_since(live.clock.now() - BEFORE).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot tell what changed just before");
        Vec::new()
    });
    let just_before: Vec<String> = just_before.into_iter().map(|(reference, _)| reference).collect();
    // Proxies must pass each event on at once.
    let stream = stream(just_before.into(), told, live.closing.clone());
    ([("x-accel-buffering", "no")], Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

fn stream(
    just_before: Changed,
    told: broadcast::Receiver<Changed>,
    closing: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    // The first line tells the browser how soon to come back after a lost connection.
    let hello = Event::default().retry(Duration::from_secs(2));
    let hello = if just_before.is_empty() { hello.comment("") } else { hello.data(message(&just_before)) };
    // A listener that fell behind is told of nothing in particular: it looks at what it shows.
    let changed = BroadcastStream::new(told).map(|changed| changed.unwrap_or_else(|_| Arc::new([])));
    let changed = changed.map(|changed| Ok(Event::default().data(message(&changed))));
    let closed = WatchStream::new(closing).filter(|closing| std::future::ready(*closing)).take(1);
    futures_util::stream::iter([Ok(hello)]).chain(changed.take_until(closed.into_future()))
}

fn message(changed: &Changed) -> String {
    json!({ "changed": &**changed }).to_string()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn change(reference: &str, at: OffsetDateTime) -> (String, String) {
        (reference.to_owned(), timestamp::write(at))
    }

    #[test]
    fn a_change_is_told_once_even_when_it_turns_up_behind_a_newer_one() {
        let now = datetime!(2026-11-22 10:00 UTC);
        let mut seen = Seen::new(now);
        let (first, second) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        assert_eq!(seen.news(vec![change("b", second)], second), ["b"]);
        let again = vec![change("a", first), change("b", second)];
        assert_eq!(seen.news(again.clone(), second), ["a"]);
        assert!(seen.news(again, second).is_empty());
        assert!(seen.since() < first);
    }

    #[test]
    fn a_second_change_of_the_same_application_is_news() {
        let now = datetime!(2026-11-22 10:00 UTC);
        let mut seen = Seen::new(now);
        assert_eq!(seen.news(vec![change("a", now)], now), ["a"]);
        assert_eq!(seen.news(vec![change("a", now + Duration::from_secs(1))], now), ["a"]);
    }
}
