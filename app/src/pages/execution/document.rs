//! JSON documents and errors of an execution.

use leptos::prelude::*;

use crate::{
    components::{Glyph, Icon},
    desk::Failure,
};

/// A document that can be opened and closed. `id` is unique on the page.
#[component]
pub fn Document(id: &'static str, name: &'static str, json: String, is_open: bool) -> impl IntoView {
    view! {
        <details id=id open=is_open>
            <summary>{name}</summary>
            <Json json/>
        </details>
    }
    .into_any()
}

/// JSON with a button to copy it.
#[component]
pub fn Json(json: String) -> impl IntoView {
    view! {
        <div class="json">
            <button class="copy" type="button" data-copy>"Copy"</button>
            <pre tabindex="0">{json}</pre>
        </div>
    }
    .into_any()
}

/// The name and the cause of an error.
#[component]
pub fn FailureText(failure: Failure) -> impl IntoView {
    view! {
        <p class="failure">
            <Icon glyph=Glyph::Alert/>
            <strong>{failure.error.unwrap_or_else(|| "No error name".to_owned())}</strong>
        </p>
        {failure.cause.map(|cause| view! { <p class="cause">{cause}</p> })}
    }
    .into_any()
}
