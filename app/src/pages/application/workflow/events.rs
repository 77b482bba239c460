//! The history of the execution as a table, with pauses as bars between rows.

use leptos::prelude::*;

use super::Json;
use crate::{
    components::{TimeStyle, When, milliseconds},
    desk::EventView,
    time_words,
};

/// The time between two events, in milliseconds, from which it is shown as a pause.
const PAUSE: i64 = 1_000;

#[component]
pub fn EventTable(events: Vec<EventView>) -> impl IntoView {
    let started = events.first().map_or(0, |event| milliseconds(event.at));
    let before = std::iter::once(None).chain(events.iter().map(|event| Some(milliseconds(event.at))));
    let longest =
        events.windows(2).map(|pair| milliseconds(pair[1].at) - milliseconds(pair[0].at)).max().unwrap_or_default();
    let rows = before
        .zip(events.clone())
        .map(|(before, event)| {
            let since_previous = before.map(|before| milliseconds(event.at) - before);
            let pause = since_previous.filter(|length| *length >= PAUSE);
            view! {
                {pause.map(|length| view! { <Pause length longest/> })}
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
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Row(event: EventView, started: i64, since_previous: Option<i64>) -> impl IntoView {
    let id = event.id;
    let since = since_previous.map_or_else(|| "–".to_owned(), |length| format!("+{}", time_words::precise(length)));
    view! {
        <tr id=format!("event-{id}") data-version=id>
            <td class="number quiet">{id}</td>
            <th scope="row">
                {if event.details.is_empty() {
                    event.event_type.into_any()
                } else {
                    view! {
                        <details id=format!("event-{id}-details")>
                            <summary>{event.event_type}</summary>
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
fn Pause(length: i64, longest: i64) -> impl IntoView {
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
