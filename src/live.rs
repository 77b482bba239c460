//! Server-sent events that tell open pages what changed: `GET /events`.
//!
//! The read model notices every change and reports it to its listeners: a change by this process at once, because writers
//! send a hint ([`crate::changes`]), and a change by another desk or by a workflow on AWS within a second.

use std::{convert::Infallible, sync::Arc, time::Duration};

use app::desk::Counts;
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
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::{BroadcastStream, WatchStream};

use crate::{
    clock::Clock,
    read_model::{News, ReadModel},
};

/// How old the changes may be that are sent to a new listener. Its page was rendered before it began to listen.
const LOOK_BACK: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub struct Live {
    clock: Clock,
    read_model: ReadModel,
    /// Becomes true when the desk shuts down. All streams end then.
    closing: watch::Receiver<bool>,
}

impl Live {
    pub fn new(clock: Clock, read_model: ReadModel, closing: watch::Receiver<bool>) -> Self {
        Self { clock, read_model, closing }
    }

    pub fn router(self) -> Router {
        Router::new().route("/events", get(events)).with_state(self)
    }
}

async fn events(State(live): State<Live>) -> impl IntoResponse {
    let changes = live.read_model.changes();
    let recent = live.read_model.changed_since(live.clock.now() - LOOK_BACK).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot read the recent changes for a new listener");
        Vec::new()
    });
    let counts = live.read_model.counts().await.inspect_err(|error| {
        tracing::warn!(%error, "cannot read the counts for a new listener");
    });
    // Proxies must forward each event at once.
    let stream = stream(&recent, counts.ok().as_ref(), changes, live.closing.clone());
    ([("x-accel-buffering", "no")], Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

fn stream(
    recent: &[String],
    counts: Option<&Counts>,
    changes: broadcast::Receiver<Arc<News>>,
    closing: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    // The first event sets how long the browser waits before it reconnects.
    let hello = Event::default().retry(Duration::from_secs(2));
    let hello = hello.data(message(Some(recent), counts));
    let changed = BroadcastStream::new(changes).map(|news| match news {
        // There are no references if too many applications changed.
        Ok(news) if news.changed.is_empty() => message(None, Some(&news.counts)),
        Ok(news) => message(Some(&news.changed), Some(&news.counts)),
        // A listener that fell behind has missed changes. An event without references makes it fetch its page.
        Err(_) => message(None, None),
    });
    let changed = changed.map(|message| Ok(Event::default().data(message)));
    let closed = WatchStream::new(closing).filter(|closing| std::future::ready(*closing)).take(1);
    futures_util::stream::iter([Ok(hello)]).chain(changed.take_until(closed.into_future()))
}

/// `{"changed": ["LN-1"], "counts": {"all": 7, "waiting": 2, "approved": 4}}`. Without references, `changed` is `null`, and
/// every page is fetched again.
fn message(changed: Option<&[String]>, counts: Option<&Counts>) -> String {
    let counts = counts.map(|counts| counts.named().map(|(name, count)| (name.to_owned(), json!(count))).collect());
    let counts: serde_json::Map<String, serde_json::Value> = counts.unwrap_or_default();
    json!({ "changed": changed, "counts": counts }).to_string()
}
