//! A page of the history of the execution as a table, with pauses as bars between rows.

use leptos::prelude::*;

use super::{document::Json, links::Links, pause::Pause};
use crate::{
    components::{Glyph, Icon, TimeStyle, When, milliseconds},
    desk::{EventView, HistoryPage, RunningPause},
    time_words,
};

/// The time between two events, in milliseconds, from which it is shown as a pause.
const PAUSE: i64 = 1_000;

#[component]
pub fn EventTable(
    history: HistoryPage,
    links: Links,
    /// The states that wait now.
    waiting: Vec<(String, RunningPause)>,
) -> impl IntoView {
    let (started, longest) = (milliseconds(history.started_at), history.longest_pause);
    let pages = Pages::of(&history, &links);
    // The pauses that go on now follow the last event.
    let waiting = if history.is_last() { waiting } else { Vec::new() };
    let waiting = waiting.into_iter().map(|(state, pause)| {
        view! { <tr class="pause"><td colspan="6"><Pause pause state=Some(state)/></td></tr> }
    });
    let mut previous = history.previous_at.map(milliseconds);
    let rows = history
        .events
        .into_iter()
        .map(|event| {
            let at = milliseconds(event.at);
            let since_previous = previous.replace(at).map(|previous| at - previous);
            let pause = since_previous.filter(|length| *length >= PAUSE);
            view! {
                {pause.map(|length| view! { <PastPause length longest/> })}
                <Row event started since_previous/>
            }
        })
        .collect_view();
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Table of events">
            <table class="table events">
                <caption class="visually-hidden">"Events of the execution, oldest first"</caption>
                <thead>
                    <tr>
                        <th scope="col" class="number">"Id"</th>
                        <th scope="col">"Event"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Time"</th>
                        <th scope="col" class="number">"Elapsed"</th>
                        <th scope="col" class="number">"Since previous"</th>
                    </tr>
                </thead>
                <tbody>{rows} {waiting.collect_view()}</tbody>
            </table>
        </div>
        {pages.map(Pages::view)}
    }
    .into_any()
}

/// Links to the pages of events before and after the one that is shown.
#[derive(Debug, PartialEq, Eq)]
struct Pages {
    shown: String,
    earlier: Option<String>,
    later: Option<String>,
}

impl Pages {
    /// `None` when all events are on one page.
    fn of(history: &HistoryPage, links: &Links) -> Option<Self> {
        let address = |event: usize| links.to_event(event);
        let last = history.skipped + history.events.len();
        (history.total > history.events.len()).then(|| Self {
            shown: format!("Events {} to {last} of {}", history.skipped + 1, history.total),
            earlier: (history.skipped > 0).then(|| address(history.skipped.saturating_sub(HistoryPage::SIZE) + 1)),
            later: (last < history.total).then(|| address(last + 1)),
        })
    }

    fn view(self) -> impl IntoView {
        view! {
            <nav class="paging" aria-label="Pages of events">
                {self.earlier.map(|href| view! { <a class="button quiet" href=href rel="prev">"Earlier events"</a> })}
                <span>{self.shown}</span>
                {self.later.map(|href| view! { <a class="button quiet" href=href rel="next">"Later events"</a> })}
            </nav>
        }
        .into_any()
    }
}

#[component]
fn Row(event: EventView, started: i64, since_previous: Option<i64>) -> impl IntoView {
    let id = event.id;
    let since = since_previous.map_or_else(|| "–".to_owned(), |length| format!("+{}", time_words::precise(length)));
    let is_failure = event.failure.is_some();
    let error = event.failure.and_then(|failure| failure.error);
    let kind = view! {
        {is_failure.then(|| view! { <Icon glyph=Glyph::Alert/> })}
        {event.event_type}
        {error.map(|error| view! { " "<code class="error-name">{error}</code> })}
    };
    view! {
        <tr id=format!("event-{id}") class=is_failure.then_some("failed-event") data-version=id>
            <td class="number quiet">{id}</td>
            <th scope="row">
                {if event.details.is_empty() {
                    kind.into_any()
                } else {
                    view! {
                        <details id=format!("event-{id}-details")>
                            <summary>{kind}</summary>
                            <Json json=event.details/>
                        </details>
                    }
                    .into_any()
                }}
            </th>
            <td>{event.state}</td>
            <td><When at=event.at style=TimeStyle::Clock/></td>
            <td class="number">{time_words::precise(milliseconds(event.at) - started)}</td>
            <td class="number quiet">{since}</td>
        </tr>
    }
    .into_any()
}

/// A pause of the execution. The length of its bar is relative to the longest pause, which takes the whole row.
#[component]
fn PastPause(length: i64, longest: i64) -> impl IntoView {
    let share = (length * 100 / longest.max(1)).max(1);
    view! {
        <tr class="pause">
            <td colspan="6">
                <span>"Pause of " {time_words::precise(length)}</span>
                <svg class="pause-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                    <rect width=share height="4"/>
                </svg>
            </td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    fn history(skipped: usize, shown: usize, total: usize) -> HistoryPage {
        let at = OffsetDateTime::UNIX_EPOCH;
        let event = |id| EventView {
            id,
            previous_id: 0,
            event_type: "PassStateEntered".to_owned(),
            state: None,
            at,
            failure: None,
            details: String::new(),
        };
        let events = (0..shown).map(|_| event(1)).collect();
        HistoryPage { events, skipped, total, started_at: at, previous_at: None, longest_pause: 0 }
    }

    #[test]
    fn a_history_that_fits_on_one_page_has_no_links() {
        assert_eq!(Pages::of(&history(0, 200, 200), &Links::default()), None);
        assert_eq!(Pages::of(&history(0, 0, 0), &Links::default()), None);
    }

    #[test]
    fn each_page_links_to_the_pages_beside_it_and_keeps_the_state() {
        let links = Links { page: Some("tab=workflow".into()), state: Some("Ask & wait".into()), event: Some(201) };
        let pages = |skipped, shown| Pages::of(&history(skipped, shown, 450), &links).unwrap();
        let at = |event: &str| Some(format!("?tab=workflow&state=Ask%20%26%20wait{event}#events"));
        let address = |event: usize| at(&if event > 1 { format!("&event={event}") } else { String::new() });
        let first = Pages { shown: "Events 1 to 200 of 450".into(), earlier: None, later: address(201) };
        assert_eq!(pages(0, 200), first);
        let middle = Pages { shown: "Events 201 to 400 of 450".into(), earlier: address(1), later: address(401) };
        assert_eq!(pages(200, 200), middle);
        let last = Pages { shown: "Events 401 to 450 of 450".into(), earlier: address(201), later: None };
        assert_eq!(pages(400, 50), last);
    }
}
