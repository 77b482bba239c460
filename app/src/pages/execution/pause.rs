//! What a running execution waits for. Script keeps the times and the bar current.

use leptos::prelude::*;

use crate::{
    components::{DeadlineBar, TimeStyle, When},
    desk::{PauseReason, RunningPause},
};

#[component]
pub fn Pause(
    pause: RunningPause,
    /// The state that waits, if no heading says it.
    #[prop(optional_no_strip)]
    state: Option<String>,
) -> impl IntoView {
    let (reason, end) = match pause.reason {
        PauseReason::Answer => ("Waiting for an answer", "due"),
        PauseReason::Work => ("Waiting for its work to be done", "due"),
        PauseReason::Time => ("Waiting for the time to pass", "ends"),
        PauseReason::Retry => ("Waiting for the next attempt", "due"),
    };
    view! {
        <div class="deadline running-pause">
            <p>
                {state.map(|state| view! { <strong>{state}</strong> ": " })}
                {reason} " for "<strong><When at=pause.since style=TimeStyle::Elapsed/></strong>", since "
                <When at=pause.since style=TimeStyle::Second/>
                {pause
                    .deadline
                    .map(|at| {
                        view! {
                            "; " {end} " "<When at style=TimeStyle::Relative/>", on "
                            <When at style=TimeStyle::Second/>
                        }
                    })}
            </p>
            {pause.deadline.map(|deadline| view! { <DeadlineBar since=pause.since deadline/> })}
        </div>
    }
    .into_any()
}
