//! Listens for what changes at the desk, and lets the page show it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{Element, EventSource, MessageEvent};

use super::{clock, copy, keys, refresh};

/// Changes come in bursts; this long is waited for more before the page is fetched again.
const GATHER: Duration = Duration::from_millis(150);
/// The same for a page that was fetched less than so many milliseconds ago.
const AT_A_BUSY_DESK: Duration = Duration::from_secs(1);
const BUSY: f64 = 1_000.0;
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
        show_the_middle();
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

/// The page's connection to the desk. Only a page that is seen has one: browsers allow few at a time to one site, and
/// people have many tabs.
struct Connection {
    source: RefCell<Option<EventSource>>,
    set_freshness: WriteSignal<Freshness>,
    set_news: WriteSignal<String>,
    is_fetching: Cell<bool>,
    /// Something changed while the page was being fetched: it must be fetched once more.
    is_stale: Cell<bool>,
    /// In milliseconds since 1970.
    fetched_at: Cell<f64>,
}

impl Connection {
    fn start(set_freshness: WriteSignal<Freshness>, set_news: WriteSignal<String>) {
        let this = Rc::new(Self {
            source: RefCell::default(),
            set_freshness,
            set_news,
            is_fetching: Cell::new(false),
            is_stale: Cell::new(false),
            fetched_at: Cell::new(0.0),
        });
        this.listen();
        let seen = this.clone();
        let on_visibility = handler(move || if document().hidden() { seen.close() } else { seen.listen() });
        // Fails only for an event target that is gone, and the document is not.
        let _ = document().add_event_listener_with_callback("visibilitychange", &on_visibility);
        refresh::as_you_type(move || this.fetch());
    }

    fn listen(self: &Rc<Self>) {
        if document().hidden() || self.source.borrow().is_some() {
            return;
        }
        let Ok(source) = EventSource::new("/events") else { return };
        let this = self.clone();
        source.set_onopen(Some(&handler(move || this.connected())));
        let this = self.clone();
        source.set_onmessage(Some(&message_handler(move |message| this.told(&message))));
        let this = self.clone();
        source.set_onerror(Some(&handler(move || this.failed())));
        self.source.replace(Some(source));
    }

    fn close(&self) {
        if let Some(source) = self.source.take() {
            source.close();
        }
    }

    /// The browser connects again by itself, unless the desk has answered with an error.
    fn failed(self: &Rc<Self>) {
        self.set_freshness.set(Freshness::Reconnecting);
        let has_given_up =
            self.source.borrow().as_ref().is_some_and(|source| source.ready_state() == EventSource::CLOSED);
        if has_given_up {
            self.close();
            let this = self.clone();
            set_timeout(move || this.listen(), RETRY);
        }
    }

    /// A page that is no longer fresh, or was cut off for a while, catches up.
    fn connected(self: &Rc<Self>) {
        if !was_fetched_ahead() && window().performance().is_some_and(|performance| performance.now() < FRESH) {
            self.set_freshness.set(Freshness::Updated(clock::time_of_day()));
        } else {
            self.fetch();
        }
    }

    /// The desk has told what changed. The page is fetched again only if it shows that.
    fn told(self: &Rc<Self>, message: &MessageEvent) {
        let news = News::read(message);
        news.show_counts();
        if !news.concerns_the_page() {
            self.set_freshness.set(Freshness::Updated(clock::time_of_day()));
        } else if !self.is_stale.replace(true) && !self.is_fetching.get() {
            let this = self.clone();
            let wait = if js_sys::Date::now() - self.fetched_at.get() < BUSY { AT_A_BUSY_DESK } else { GATHER };
            set_timeout(move || this.fetch(), wait);
        }
    }

    fn fetch(self: &Rc<Self>) {
        self.is_stale.set(true);
        if refresh::nothing_to_refresh() || document().hidden() || self.is_fetching.replace(true) {
            return;
        }
        let this = self.clone();
        leptos::task::spawn_local(async move {
            while this.is_stale.replace(false) {
                this.fetched_at.set(js_sys::Date::now());
                match refresh::page().await {
                    Ok(news) => {
                        this.set_freshness.set(Freshness::Updated(clock::time_of_day()));
                        if let Some(news) = news {
                            this.set_news.set(news);
                        }
                    }
                    Err(_) => {
                        this.set_freshness.set(Freshness::Reconnecting);
                        let again = this.clone();
                        set_timeout(move || again.fetch(), RETRY);
                    }
                }
            }
            this.is_fetching.set(false);
        });
    }
}

/// What the desk tells when something has changed.
struct News {
    /// References of applications; empty when it cannot be told which.
    changed: Vec<String>,
    /// An object with the counts by their names.
    counts: JsValue,
}

impl News {
    fn read(message: &MessageEvent) -> Self {
        let text = message.data().as_string().unwrap_or_default();
        let news = js_sys::JSON::parse(&text).unwrap_or(JsValue::NULL);
        let member = |name: &str| js_sys::Reflect::get(&news, &name.into()).unwrap_or(JsValue::NULL);
        let changed = member("changed").dyn_into::<js_sys::Array>().unwrap_or_default();
        Self { changed: changed.iter().filter_map(|one| one.as_string()).collect(), counts: member("counts") }
    }

    /// A count as text; `None` when it was not told.
    fn count(&self, name: &str) -> Option<String> {
        let count = js_sys::Reflect::get(&self.counts, &name.into()).ok()?.as_f64()?;
        Some(count.to_string())
    }

    /// A count that stands by itself needs no new page.
    fn show_counts(&self) {
        for element in refresh::all(&document(), "[data-count]") {
            if let Some(count) = self.count(&element.get_attribute("data-count").unwrap_or_default()) {
                element.set_text_content(Some(if count == "0" { "" } else { &count }));
            }
        }
    }

    fn concerns_the_page(&self) -> bool {
        let words = |element: &Element, name: &str| -> Vec<String> {
            let text = element.get_attribute(name).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        };
        let shows_changed =
            |element: Element| words(&element, "data-shows").iter().any(|reference| self.changed.contains(reference));
        let has_other_counts = |element: Element| {
            words(&element, "data-counts")
                .iter()
                .filter_map(|count| count.split_once('='))
                .any(|(name, shown)| self.count(name).is_some_and(|count| count != shown))
        };
        self.changed.is_empty()
            || refresh::all(&document(), "[data-shows]").into_iter().any(shows_changed)
            || refresh::all(&document(), "[data-counts]").into_iter().any(has_other_counts)
    }
}

/// What is too wide for the screen begins in its middle.
fn show_the_middle() {
    for wide in refresh::all(&document(), "[data-middle]") {
        wide.set_scroll_left((wide.scroll_width() - wide.client_width()) / 2);
    }
}

/// Whether the browser had this page before the person asked for it.
fn was_fetched_ahead() -> bool {
    let Some(performance) = window().performance() else { return false };
    let navigation = performance.get_entries_by_type("navigation").get(0);
    js_sys::Reflect::get(&navigation, &"deliveryType".into()).is_ok_and(|how| how == "navigational-prefetch")
}

/// A function that a browser can call; the browser frees it with what it is attached to.
fn handler(call: impl Fn() + 'static) -> js_sys::Function {
    Closure::<dyn Fn()>::new(call).into_js_value().unchecked_into()
}

fn message_handler(call: impl Fn(MessageEvent) + 'static) -> js_sys::Function {
    Closure::<dyn Fn(MessageEvent)>::new(call).into_js_value().unchecked_into()
}
