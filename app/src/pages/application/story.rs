//! What happened to an application, in sentences.

use leptos::prelude::*;

use crate::{
    components::{Deadline, Glyph, Icon, TimeStyle, When, milliseconds},
    desk::{StoryEntry, StoryKind, WaitingItem, WaitingOn},
};

#[component]
pub fn Story(entries: Vec<StoryEntry>, waiting: Option<WaitingItem>) -> impl IntoView {
    let entries = entries.into_iter().enumerate().map(|(i, entry)| view! { <Entry number=i entry/> }).collect_view();
    view! {
        <section aria-labelledby="story">
            <h2 id="story" class="visually-hidden">"Story"</h2>
            <ol class="timeline">
                {entries}
                {waiting.map(|item| view! { <Now item/> })}
            </ol>
        </section>
    }
}

#[component]
fn Entry(number: usize, entry: StoryEntry) -> impl IntoView {
    let (glyph, class) = appearance(entry.kind);
    view! {
        <li id=format!("story-{number}") class=class data-version=milliseconds(entry.at)>
            <span class="timeline-icon"><Icon glyph/></span>
            <p>{entry.text}</p>
            <p class="under"><When at=entry.at style=TimeStyle::Second/></p>
        </li>
    }
}

/// Where the story stands while it is not over.
#[component]
fn Now(item: WaitingItem) -> impl IntoView {
    let id = item.id.clone();
    let waiting = match item.on {
        WaitingOn::ValuationService => "Waiting for the valuation service",
        WaitingOn::Staff => "Waiting for a manual valuation",
    };
    view! {
        <li id="story-now" class="tone-waiting now" data-version=id>
            <span class="timeline-icon"><Icon glyph=Glyph::Clock/></span>
            <p>{waiting}</p>
            <Deadline item/>
        </li>
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
        StoryKind::Decided => (Glyph::Scales, "tone-good"),
        StoryKind::Stopped => (Glyph::Stop, "tone-neutral"),
    }
}
