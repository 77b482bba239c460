//! Listens for what changes at the desk, and lets the page show it.

use std::{cell::Cell, rc::Rc, time::Duration};

use leptos::prelude::*;
use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::EventSource;

use super::{clock, copy, keys, refresh};

/// Changes come in bursts; this long is waited for more before the page is fetched again.
const GATHER: Duration = Duration::from_millis(150);
/// A page that is connected this many milliseconds after it was asked for has missed nothing: the desk tells a new
/// listener what changed just before.
const FRESH: f64 = 2_000.0;
/// Until the connection is tried again when the browser itself has given up on it.
const RETRY: Duration = Duration::from_secs(3);

/// Whether the page shows how things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Freshness {
    /// As the server rendered it.
    AsLoaded,
    /// As of this time of the day.
    Updated(String),
    Reconnecting,
}

/// Says quietly how fresh the page is, and once in a sentence what has just changed.
#[island]
pub fn Live() -> impl IntoView {
    let (freshness, set_freshness) = signal(Freshness::AsLoaded);
    let (news, set_news) = signal(String::new());
    Effect::new(move |_| {
        clock::start();
        keys::start();
        copy::start();
        Connection::start(set_freshness, set_news);
    });
    view! {
        <span class="live">
            {move || match freshness.get() {
                Freshness::AsLoaded => String::new(),
                Freshness::Updated(at) => format!("Updated {at}"),
                Freshness::Reconnecting => "Reconnecting…".to_owned(),
            }}
        </span>
        <span class="visually-hidden" role="status">{news}</span>
    }
}

/// The page's connection to the desk; it lives as long as the page.
struct Connection {
    set_freshness: WriteSignal<Freshness>,
    set_news: WriteSignal<String>,
    is_fetching: Cell<bool>,
    /// Something changed while the page was being fetched: it must be fetched once more.
    is_stale: Cell<bool>,
}

impl Connection {
    fn start(set_freshness: WriteSignal<Freshness>, set_news: WriteSignal<String>) {
        let this = Rc::new(Self { set_freshness, set_news, is_fetching: Cell::new(false), is_stale: Cell::new(false) });
        this.clone().listen();
        // A page that nobody sees is not fetched; it catches up when it is looked at.
        let seen = this.clone();
        let on_visible = Closure::<dyn Fn()>::new(move || {
            if !document().hidden() {
                seen.clone().fetch();
            }
        });
        let _ = document().add_event_listener_with_callback("visibilitychange", on_visible.as_ref().unchecked_ref());
        on_visible.forget();
        refresh::as_you_type(move || this.clone().fetch());
    }

    fn listen(self: Rc<Self>) {
        let Ok(source) = EventSource::new("/events") else { return };
        let opened = self.clone();
        let on_open = Closure::<dyn Fn()>::new(move || opened.clone().connected());
        source.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        on_open.forget();

        let told = self.clone();
        let on_message = Closure::<dyn Fn()>::new(move || told.clone().changed());
        source.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        on_message.forget();

        let failing = source.clone();
        let on_error = Closure::<dyn Fn()>::new(move || {
            self.set_freshness.set(Freshness::Reconnecting);
            if failing.ready_state() == EventSource::CLOSED {
                let again = self.clone();
                set_timeout(move || again.listen(), RETRY);
            }
        });
        source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        on_error.forget();
    }

    /// A page that is no longer fresh, or was cut off for a while, catches up.
    fn connected(self: Rc<Self>) {
        if window().performance().is_some_and(|performance| performance.now() < FRESH) {
            self.set_freshness.set(Freshness::Updated(clock::time_of_day()));
        } else {
            self.fetch();
        }
    }

    fn changed(self: Rc<Self>) {
        if !self.is_stale.replace(true) && !self.is_fetching.get() {
            set_timeout(move || self.fetch(), GATHER);
        }
    }

    fn fetch(self: Rc<Self>) {
        self.is_stale.set(true);
        if refresh::nothing_to_refresh() || document().hidden() || self.is_fetching.replace(true) {
            return;
        }
        leptos::task::spawn_local(async move {
            while self.is_stale.replace(false) {
                match refresh::page().await {
                    Ok(news) => {
                        self.set_freshness.set(Freshness::Updated(clock::time_of_day()));
                        if let Some(news) = news {
                            self.set_news.set(news);
                        }
                    }
                    Err(_) => self.set_freshness.set(Freshness::Reconnecting),
                }
            }
            self.is_fetching.set(false);
        });
    }
}
