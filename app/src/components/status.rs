//! A status as icon and text. The colour carries no information of its own.

use leptos::prelude::*;

use super::{Glyph, Icon};
use crate::domain::{ApplicationStatus, Tone};

#[component]
pub fn Status(
    status: ApplicationStatus,
    /// The state of the workflow of an application in progress.
    #[prop(optional_no_strip)]
    state: Option<String>,
) -> impl IntoView {
    let text = state.map_or_else(|| status.to_string(), |state| format!("{status}: {state}"));
    view! {
        <span class=format!("status {}", tone_class(status.tone())) title=status.meaning()>
            <Icon glyph=glyph(status)/>
            <span>{text}</span>
        </span>
    }
}

/// What every status means and what to do about it, folded.
#[component]
pub fn StatusLegend() -> impl IntoView {
    let statuses = ApplicationStatus::ALL.map(|status| {
        view! {
            <div>
                <dt><Status status/></dt>
                <dd>{status.meaning()} " " {status.next_step()}</dd>
            </div>
        }
    });
    view! {
        <details class="legend" id="legend">
            <summary>"What the statuses mean"</summary>
            <dl>{statuses.collect_view()}</dl>
        </details>
    }
    .into_any()
}

fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral => "tone-neutral",
        Tone::Waiting => "tone-waiting",
        Tone::Good => "tone-good",
        Tone::Bad => "tone-bad",
    }
}

fn glyph(status: ApplicationStatus) -> Glyph {
    match status {
        ApplicationStatus::Submitted => Glyph::Send,
        ApplicationStatus::WaitingForValuation => Glyph::Clock,
        ApplicationStatus::WaitingForManualValuation => Glyph::Person,
        ApplicationStatus::InProgress => Glyph::ArrowRight,
        ApplicationStatus::Valued => Glyph::Document,
        ApplicationStatus::Approved => Glyph::Check,
        ApplicationStatus::Referred => Glyph::Scales,
        ApplicationStatus::Declined => Glyph::Cross,
        ApplicationStatus::NeedsAttention => Glyph::Alert,
        ApplicationStatus::Stopped => Glyph::Stop,
    }
}
