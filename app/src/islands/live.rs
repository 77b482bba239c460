//! Listens for changes at the desk and refreshes the page.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{Element, EventSource, MessageEvent};

use super::{clock, copy, drafts, elements::all, keys, manual_valuation, refresh, states};

/// Changes come in bursts, so the client waits this long for more of them before it fetches the page again.
const GATHER: Duration = Duration::from_millis(150);
/// The same for a page that was fetched less than [`BUSY`] milliseconds ago.
const GATHER_WHEN_BUSY: Duration = Duration::from_secs(1);
const BUSY: f64 = 1_000.0;
/// A page that connects within this many milliseconds of its request has missed nothing, because the desk sends recent
/// changes to a new listener.
const FRESH: f64 = 2_000.0;
/// How often a page is fetched again that shows something whose changes are not announced.
const POLLED: Duration = Duration::from_secs(5);
/// The delay before reconnecting after the browser has given up.
const RETRY: Duration = Duration::from_secs(3);
/// How often a page is fetched again that shows something of which the desk sends no changes: `data-polled`.
const POLL: Duration = Duration::from_secs(5);

/// How current the page is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Freshness {
    /// Unchanged since the server rendered it.
    AsLoaded,
    /// Last refreshed at this time of day.
    Updated(String),
    Reconnecting,
}

/// Shows how current the page is, and announces changes in a polite live region.
#[island]
pub fn Live() -> impl IntoView {
    let (freshness, set_freshness) = signal(Freshness::AsLoaded);
    let (news, set_news) = signal(String::new());
    Effect::new(move |_| {
        clock::start();
        keys::start();
        copy::start();
        drafts::start();
        manual_valuation::start();
        scroll_to_middle();
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

/// The page's event stream. Only a visible page has one: browsers limit the number of connections to a site, and people
/// open many tabs.
struct Connection {
    source: RefCell<Option<EventSource>>,
    set_freshness: WriteSignal<Freshness>,
    set_news: WriteSignal<String>,
    is_fetching: Cell<bool>,
    /// Whether something changed while the page was being fetched, so that it must be fetched again.
    is_stale: Cell<bool>,
    /// In milliseconds since the epoch.
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
        // Step Functions does not announce the steps of a running workflow.
        let polled = this.clone();
        set_interval(
            move || {
                if document().query_selector("[data-polled]").is_ok_and(|region| region.is_some()) {
                    polled.fetch();
                }
            },
            POLLED,
        );
        // Cannot fail: the document is a valid event target.
        let _ = document().add_event_listener_with_callback("visibilitychange", &on_visibility);
        let polling = this.clone();
        set_interval(
            move || {
                if !all(&document(), "[data-polled]").is_empty() {
                    polling.fetch();
                }
            },
            POLL,
        );
        let selecting = this.clone();
        states::start(move || selecting.fetch());
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
        source.set_onmessage(Some(&message_handler(move |message| this.changed(&message))));
        let this = self.clone();
        source.set_onerror(Some(&handler(move || this.failed())));
        self.source.replace(Some(source));
    }

    fn close(&self) {
        if let Some(source) = self.source.take() {
            source.close();
        }
    }

    /// Handles a lost connection. The browser reconnects by itself, except after an error response.
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

    /// Refreshes a page that is out of date or was disconnected.
    fn connected(self: &Rc<Self>) {
        if !was_fetched_ahead() && window().performance().is_some_and(|performance| performance.now() < FRESH) {
            self.set_freshness.set(Freshness::Updated(clock::time_of_day()));
        } else {
            self.fetch();
        }
    }

    /// Handles a change event: fetches the page again only if it shows what changed.
    fn changed(self: &Rc<Self>, message: &MessageEvent) {
        let event = ChangeEvent::read(message);
        event.show_counts();
        if !event.concerns_the_page() {
            self.set_freshness.set(Freshness::Updated(clock::time_of_day()));
        } else if !self.is_stale.replace(true) && !self.is_fetching.get() {
            let this = self.clone();
            let wait = if js_sys::Date::now() - self.fetched_at.get() < BUSY { GATHER_WHEN_BUSY } else { GATHER };
            set_timeout(move || this.fetch(), wait);
        }
    }

    fn fetch(self: &Rc<Self>) {
        self.is_stale.set(true);
        if refresh::is_error_page() || document().hidden() || self.is_fetching.replace(true) {
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

/// A change event from the desk.
struct ChangeEvent {
    /// References of the changed applications. `None` if they are unknown.
    changed: Option<Vec<String>>,
    /// An object that maps names of counts to counts.
    counts: JsValue,
}

impl ChangeEvent {
    fn read(message: &MessageEvent) -> Self {
        let text = message.data().as_string().unwrap_or_default();
        let news = js_sys::JSON::parse(&text).unwrap_or(JsValue::NULL);
        let member = |name: &str| js_sys::Reflect::get(&news, &name.into()).unwrap_or(JsValue::NULL);
        let changed = member("changed").dyn_into::<js_sys::Array>().ok();
        let changed = changed.map(|changed| changed.iter().filter_map(|one| one.as_string()).collect());
        Self { changed, counts: member("counts") }
    }

    /// A count as text, or `None` if the event does not contain it.
    fn count(&self, name: &str) -> Option<String> {
        let count = js_sys::Reflect::get(&self.counts, &name.into()).ok()?.as_f64()?;
        // A count is whole, and formatting a float would add several kilobytes.
        Some((count as u64).to_string())
    }

    /// Updates standalone counts, which needs no new page.
    fn show_counts(&self) {
        for element in all(&document(), "[data-count]") {
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
        let Some(changed) = &self.changed else { return true };
        let shows_changed =
            |element: Element| words(&element, "data-shows").iter().any(|reference| changed.contains(reference));
        let has_other_counts = |element: Element| {
            words(&element, "data-counts")
                .iter()
                .filter_map(|count| count.split_once('='))
                .any(|(name, shown)| self.count(name).is_some_and(|count| count != shown))
        };
        all(&document(), "[data-shows]").into_iter().any(shows_changed)
            || all(&document(), "[data-counts]").into_iter().any(has_other_counts)
    }
}

/// Scrolls content that is wider than the screen to its middle.
fn scroll_to_middle() {
    for wide in all(&document(), "[data-middle]") {
        wide.set_scroll_left((wide.scroll_width() - wide.client_width()) / 2);
    }
}

/// Whether the browser prefetched this page.
fn was_fetched_ahead() -> bool {
    let Some(performance) = window().performance() else { return false };
    let navigation = performance.get_entries_by_type("navigation").get(0);
    js_sys::Reflect::get(&navigation, &"deliveryType".into()).is_ok_and(|how| how == "navigational-prefetch")
}

/// A JavaScript function that calls `call`. The browser frees it together with the object that it is attached to.
fn handler(call: impl Fn() + 'static) -> js_sys::Function {
    Closure::<dyn Fn()>::new(call).into_js_value().unchecked_into()
}

fn message_handler(call: impl Fn(MessageEvent) + 'static) -> js_sys::Function {
    Closure::<dyn Fn(MessageEvent)>::new(call).into_js_value().unchecked_into()
}
