//! The story of an application: sentences with their times.

use leptos::prelude::*;
use time::{Duration, OffsetDateTime};

use super::{Glyph, Icon, TimeStyle, When, milliseconds};
use crate::{
    desk::{StoryEntry, StoryKind},
    domain::uk_day,
};

/// Times to a deadline that are shorter than this are shown with seconds.
const SHORT: Duration = Duration::minutes(10);

#[component]
pub fn StoryList(
    entries: Vec<StoryEntry>,
    /// Shown after the entries: the current state.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let entries = entries.into_iter().enumerate().map(|(i, entry)| view! { <Entry number=i entry/> }).collect_view();
    view! { <ol class="timeline">{entries} {children.map(|children| children())}</ol> }.into_any()
}

#[component]
fn Entry(number: usize, entry: StoryEntry) -> impl IntoView {
    let (glyph, class) = appearance(entry.kind);
    let due = entry.due.map(|at| view! { " "<When at style=style_of_deadline(entry.at, at)/> });
    let details = entry.details.map(|details| {
        view! {
            <details class="raw" id=format!("story-{number}-details")>
                <summary>"Error in Step Functions"</summary>
                <p><code>{details}</code></p>
            </details>
        }
    });
    view! {
        <li id=format!("story-{number}") class=class data-version=milliseconds(entry.at)>
            <span class="timeline-icon"><Icon glyph/></span>
            <p>{entry.text}{due}</p>
            <p class="under"><When at=entry.at style=TimeStyle::Second/></p>
            {details}
        </li>
    }
    .into_any()
}

/// A short deadline is shown with seconds, like the time at which it began.
fn style_of_deadline(from: OffsetDateTime, deadline: OffsetDateTime) -> TimeStyle {
    if uk_day(from) != uk_day(deadline) {
        TimeStyle::Minute
    } else if deadline - from < SHORT {
        TimeStyle::TimeWithSeconds
    } else {
        TimeStyle::Time
    }
}

fn appearance(kind: StoryKind) -> (Glyph, &'static str) {
    match kind {
        StoryKind::Submitted => (Glyph::Document, "tone-neutral"),
        StoryKind::Requested => (Glyph::Send, "tone-neutral"),
        StoryKind::Answered => (Glyph::Answer, "tone-good"),
        StoryKind::Kept => (Glyph::Archive, "tone-waiting"),
        StoryKind::Lapsed => (Glyph::Clock, "tone-waiting"),
        StoryKind::Failed => (Glyph::Alert, "tone-bad"),
        StoryKind::Referred => (Glyph::Scales, "tone-waiting"),
        StoryKind::Decided => (Glyph::Scales, "tone-neutral"),
        StoryKind::Stopped => (Glyph::Stop, "tone-neutral"),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_deadline_is_never_shown_as_earlier_than_the_request() {
        let from = datetime!(2026-11-24 17:28:35 UTC);
        assert_eq!(style_of_deadline(from, from + Duration::seconds(20)), TimeStyle::TimeWithSeconds);
        assert_eq!(style_of_deadline(from, from + Duration::HOUR), TimeStyle::Time);
        assert_eq!(style_of_deadline(from, from + Duration::days(5)), TimeStyle::Minute);
    }
}
