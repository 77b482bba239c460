//! The story of an application, ending with the current task while the application is open.

use leptos::prelude::*;

use crate::{
    components::{Deadline, Glyph, Icon, StoryList},
    desk::{StoryEntry, WaitingItem},
};

#[component]
pub fn Story(entries: Vec<StoryEntry>, waiting: Option<WaitingItem>) -> impl IntoView {
    view! {
        <section aria-labelledby="story">
            <h2 id="story" class="visually-hidden">"Story"</h2>
            <StoryList entries>{waiting.map(|item| view! { <Now item/> })}</StoryList>
        </section>
    }
}

#[component]
fn Now(item: WaitingItem) -> impl IntoView {
    let id = item.id.clone();
    let waiting = item.kind.waiting_for();
    view! {
        <li id="story-now" class="tone-waiting now" data-version=id>
            <span class="timeline-icon"><Icon glyph=Glyph::Clock/></span>
            <p>{waiting}</p>
            <Deadline item lead="Answer due"/>
        </li>
    }
}
