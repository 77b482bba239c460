//! Server-sent events that tell open pages what changed: `GET /events`.
//!
//! The read model finds every change, whoever made it, and reports it to its listeners. A change by this process is
//! reported at once, because writers give a hint ([`crate::changes`]). A change by another desk, or by a workflow on AWS,
//! is reported within a second.

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

/// A page that begins to listen is told what changed in this time before: it may have been rendered earlier.
const BEFORE: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub struct Live {
    clock: Clock,
    read_model: ReadModel,
    /// Turns true when the desk closes, which ends every stream.
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
    let just_before = live.read_model.changed_since(live.clock.now() - BEFORE).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot tell what changed just before");
        Vec::new()
    });
    // Proxies must forward each event at once.
    let stream = stream(&just_before, changes, live.closing.clone());
    ([("x-accel-buffering", "no")], Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

fn stream(
    just_before: &[String],
    changes: broadcast::Receiver<Arc<News>>,
    closing: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    // The first event sets how long the browser waits before it reconnects.
    let hello = Event::default().retry(Duration::from_secs(2));
    let hello = if just_before.is_empty() { hello.comment("") } else { hello.data(message(just_before, None)) };
    let changed = BroadcastStream::new(changes).map(|news| match news {
        Ok(news) => message(&news.changed, Some(&news.counts)),
        // A listener that fell behind missed some changes. An event that names none makes it look again.
        Err(_) => message(&[], None),
    });
    let changed = changed.map(|message| Ok(Event::default().data(message)));
    let closed = WatchStream::new(closing).filter(|closing| std::future::ready(*closing)).take(1);
    futures_util::stream::iter([Ok(hello)]).chain(changed.take_until(closed.into_future()))
}

/// `{"changed": ["LN-1"], "counts": {"all": 7, "waiting": 2, "approved": 4}}`
fn message(changed: &[String], counts: Option<&Counts>) -> String {
    let counts = counts.map(|counts| counts.named().map(|(name, count)| (name.to_owned(), json!(count))).collect());
    let counts: serde_json::Map<String, serde_json::Value> = counts.unwrap_or_default();
    json!({ "changed": changed, "counts": counts }).to_string()
}
