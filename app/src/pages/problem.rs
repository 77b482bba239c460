//! Pages that say what is not there or does not work, in the look of all others and with the right status.

use axum::http::StatusCode;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::{desk::DeskError, request};

/// Renders what the desk answered, or the page that says why it did not.
pub fn or_problem(page: Result<AnyView, DeskError>) -> AnyView {
    match page {
        Ok(view) => view,
        Err(DeskError::NotFound) => view! { <NotFoundPage/> }.into_any(),
        Err(_) => view! { <UnavailablePage/> }.into_any(),
    }
}

#[component]
pub fn NotFoundPage() -> impl IntoView {
    request::set_status(StatusCode::NOT_FOUND);
    view! {
        <Title text="Page not found"/>
        <div class="problem">
            <h1>"Page not found"</h1>
            <p>"If you typed the address, check it. If you followed a link, it may be old."</p>
            <p>"An application can be found by its reference, applicant, property or postcode with the search above."</p>
            <p><a href="/applications">"All applications"</a></p>
        </div>
    }
}

#[component]
fn UnavailablePage() -> impl IntoView {
    request::set_status(StatusCode::SERVICE_UNAVAILABLE);
    view! {
        <Title text="The desk cannot reach its data"/>
        <div class="problem">
            <h1>"The desk cannot reach its data"</h1>
            <p>"Nothing was lost, and no application has stopped: their workflows go on and wait for their answers."</p>
            <p><a href=request::path_and_query()>"Try again"</a></p>
        </div>
    }
}
