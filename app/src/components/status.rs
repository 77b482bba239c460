//! A status as icon and text. The colour carries no information of its own.

use leptos::prelude::*;

use super::{Glyph, Icon};
use crate::domain::{ApplicationStatus, Tone};

#[component]
pub fn Status(status: ApplicationStatus) -> impl IntoView {
    view! {
        <span class=format!("status {}", tone_class(status.tone()))>
            <Icon glyph=glyph(status)/>
            <span>{status.to_string()}</span>
        </span>
    }
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
