//! The story of an application: sentences with their times.

use leptos::prelude::*;
use time::OffsetDateTime;

use super::{Glyph, Icon, TimeStyle, When, milliseconds};
use crate::{
    desk::{StoryEntry, StoryKind},
    domain::uk_day,
};

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
    let is_same_day = |at: OffsetDateTime| uk_day(at) == uk_day(entry.at);
    let due = entry.due.map(|at| {
        let style = if is_same_day(at) { TimeStyle::Time } else { TimeStyle::Minute };
        view! { " "<When at style/> }
    });
    view! {
        <li id=format!("story-{number}") class=class data-version=milliseconds(entry.at)>
            <span class="timeline-icon"><Icon glyph/></span>
            <p>{entry.text}{due}</p>
            <p class="under"><When at=entry.at style=TimeStyle::Second/></p>
        </li>
    }
    .into_any()
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
