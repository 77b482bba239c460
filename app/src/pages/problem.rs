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

/// What a browser sent and could not be answered. In context, it takes the place of what is not found.
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// Path and query that were asked.
    pub address: String,
    /// The fields of the form that was sent there; `None` when it was a page that was asked for.
    pub form: Option<Vec<(String, String)>>,
}

/// For an address that no page has.
#[component]
pub fn NoPage() -> impl IntoView {
    match use_context::<Unanswered>() {
        Some(Unanswered { address, form: Some(fields) }) => view! { <UnansweredFormPage address fields/> }.into_any(),
        Some(Unanswered { address, form: None }) => view! { <FailedPage address/> }.into_any(),
        None => view! { <NotFoundPage/> }.into_any(),
    }
}

/// Holds what was typed and sends it again. Whatever a form does, it does once.
#[component]
fn UnansweredFormPage(address: String, fields: Vec<(String, String)>) -> impl IntoView {
    request::set_status(StatusCode::SERVICE_UNAVAILABLE);
    let fields = fields.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value/> });
    view! {
        <Title text="The desk could not answer"/>
        <div class="problem">
            <h1>"The desk could not answer"</h1>
            <p>"It cannot reach its data just now, so what you sent may not have been recorded."</p>
            <p>"What you typed is kept on this page. Send it again in a moment: what was recorded after all is not done twice."</p>
            <form id="again" method="post" action=address>
                {fields.collect_view()}
                <button class="button" type="submit">"Send it again"</button>
            </form>
        </div>
    }
}

#[component]
fn FailedPage(address: String) -> impl IntoView {
    request::set_status(StatusCode::INTERNAL_SERVER_ERROR);
    view! {
        <Title text="This page cannot be shown"/>
        <div class="problem">
            <h1>"This page cannot be shown"</h1>
            <p>"The desk failed to put it together. It has been logged, and no application has stopped."</p>
            <p><a href=address>"Try again"</a></p>
        </div>
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

/// Why a request was refused before it came to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A page of another site had it sent.
    OtherSite,
    /// The browser knows the desk by a name that the desk does not have.
    UnknownName,
    TooLarge,
    /// It was not there in time, or the desk was not done with it in time.
    TooSlow,
    /// It could not be read, or not at this address.
    NotTaken,
}

impl Refused {
    pub fn of(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::FORBIDDEN => Some(Self::OtherSite),
            StatusCode::MISDIRECTED_REQUEST => Some(Self::UnknownName),
            StatusCode::PAYLOAD_TOO_LARGE => Some(Self::TooLarge),
            StatusCode::REQUEST_TIMEOUT => Some(Self::TooSlow),
            status => status.is_client_error().then_some(Self::NotTaken),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::OtherSite => "This came from another site",
            Self::UnknownName => "The desk does not have this name",
            Self::TooLarge => "That was too much",
            Self::TooSlow => "That took too long",
            Self::NotTaken => "The desk could not take this",
        }
    }

    /// What happened, and what to do.
    fn words(self) -> [&'static str; 2] {
        const TYPED: &str = "Go back in your browser: what you typed is still there.";
        match self {
            Self::OtherSite => [
                "A page of another site sent it, so the desk did nothing with it.",
                "If it was you who wanted it, open the desk itself and do it there.",
            ],
            Self::UnknownName => [
                "It answers to its own address only, so that no other site can pass itself off as it.",
                "Open it at the address that its operator gave you. Operators name it with --public-url; a proxy in \
                 front of it must pass the Host header on.",
            ],
            Self::TooLarge => ["The desk took nothing of it. Shorten it and send it again.", TYPED],
            Self::TooSlow => {
                ["The desk gave up waiting. What you sent may have been recorded all the same: look first.", TYPED]
            }
            Self::NotTaken => ["It was not sent as the desk's own pages send it, so nothing was done.", TYPED],
        }
    }
}

#[component]
pub fn RefusedPage(refused: Refused) -> impl IntoView {
    view! {
        <Title text=refused.title()/>
        <div class="problem">
            <h1>{refused.title()}</h1>
            {refused.words().map(|words| view! { <p>{words}</p> })}
            <p><a href="/">"Today"</a></p>
        </div>
    }
}
