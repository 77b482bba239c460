//! The story of an application, ending with what it waits for, or with the state of its workflow, while it is open.

use leptos::prelude::*;

use crate::{
    components::{Deadline, Glyph, Icon, StoryList, TimeStyle, When},
    desk::{RunningState, StoryEntry, WaitingItem},
};

#[component]
pub fn Story(entries: Vec<StoryEntry>, waiting: Option<WaitingItem>, state: Option<RunningState>) -> impl IntoView {
    view! {
        <section aria-labelledby="story">
            <h2 id="story" class="visually-hidden">"Story"</h2>
            <StoryList entries>
                {waiting.map(|item| view! { <Now item/> })} {state.map(|state| view! { <Running state/> })}
            </StoryList>
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

#[component]
fn Running(state: RunningState) -> impl IntoView {
    let RunningState { name, since } = state;
    view! {
        <li id="story-now" class="tone-neutral now" data-version=name.clone()>
            <span class="timeline-icon"><Icon glyph=Glyph::ArrowRight/></span>
            <p>"The workflow is in the state " <code>{name.clone()}</code></p>
            <p class="under">"since " <When at=since style=TimeStyle::Second/></p>
        </li>
    }
}
