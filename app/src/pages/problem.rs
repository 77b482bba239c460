//! Error pages in the desk's layout, with the matching HTTP status.

use axum::http::StatusCode;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    desk::{DeskError, StepFunctionsError},
    request,
};

/// Renders the page, or an error page.
pub fn or_problem(page: Result<AnyView, DeskError>) -> AnyView {
    match page {
        Ok(view) => view,
        Err(DeskError::NotFound) => view! { <NotFoundPage/> }.into_any(),
        Err(DeskError::StepFunctions(error)) => view! { <StepFunctionsPage error/> }.into_any(),
        Err(_) => view! { <UnavailablePage/> }.into_any(),
    }
}

/// A request that failed with an internal error. If it is provided as context, [`NoPage`] shows it instead of "not
/// found".
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// The path and query of the request.
    pub address: String,
    /// The fields of the submitted form, or `None` if the request was for a page.
    pub form: Option<Vec<(String, String)>>,
}

/// The page for an unknown address.
#[component]
pub fn NoPage() -> impl IntoView {
    match use_context::<Unanswered>() {
        Some(Unanswered { address, form: Some(fields) }) => view! { <UnansweredFormPage address fields/> }.into_any(),
        Some(Unanswered { address, form: None }) => view! { <FailedPage address/> }.into_any(),
        None => view! { <NotFoundPage/> }.into_any(),
    }
}

/// Keeps the submitted fields and offers to send them again, which is safe because all forms are idempotent.
#[component]
fn UnansweredFormPage(address: String, fields: Vec<(String, String)>) -> impl IntoView {
    request::set_status(StatusCode::SERVICE_UNAVAILABLE);
    let fields = fields.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value/> });
    view! {
        <Title text="The desk could not answer"/>
        <div class="problem">
            <h1>"The desk could not answer"</h1>
            <p>"It cannot reach its data at the moment, so what you sent may not have been recorded."</p>
            <p>"What you typed is kept on this page. Send it again in a moment. If it was recorded after all, it is not recorded twice."</p>
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
            <p>"An error occurred while the desk prepared it. The error has been logged, and no application has stopped."</p>
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
            <p>"If you typed the address, check it. If you followed a link, it may be out of date."</p>
            <p>"Use the search above to find an application by reference, applicant, property or postcode."</p>
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
            <p>"Nothing was lost, and no application has stopped. The workflows continue."</p>
            <p><a href=request::path_and_query()>"Try again"</a></p>
        </div>
    }
}

/// The page for what Step Functions refuses to show. The rest of the desk works.
#[component]
fn StepFunctionsPage(error: StepFunctionsError) -> impl IntoView {
    request::set_status(StatusCode::BAD_GATEWAY);
    view! {
        <Title text="Step Functions refused this"/>
        <div class="problem">
            <h1>"Step Functions refused this"</h1>
            <p>{error.to_string()}</p>
            <p>"Nothing was changed, and the workflows continue."</p>
            <p><a href=request::path_and_query()>"Try again"</a></p>
        </div>
    }
}

/// Why a request was refused before it reached a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A page of another site sent it.
    OtherSite,
    /// Its host name is not one of the desk's names.
    UnknownName,
    TooLarge,
    /// It did not arrive in time, or handling it took too long.
    TooSlow,
    /// It was malformed or not valid for this address.
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
            Self::UnknownName => "The desk does not use this address",
            Self::TooLarge => "That was too large",
            Self::TooSlow => "That took too long",
            Self::NotTaken => "The desk could not accept this",
        }
    }

    /// What happened and what to do.
    fn words(self) -> [&'static str; 2] {
        const TYPED: &str = "Go back in your browser: what you typed is still there.";
        match self {
            Self::OtherSite => [
                "A page of another site sent it, so the desk ignored it.",
                "If you meant to do this, open the desk itself and do it there.",
            ],
            Self::UnknownName => [
                "It answers only at its own address, so that no other site can impersonate it.",
                "Open it at the address that its operator gave you. Operators set it with --public-url; a proxy in \
                 front of the desk must forward the Host header.",
            ],
            Self::TooLarge => ["The desk did not accept it. Shorten it and send it again.", TYPED],
            Self::TooSlow => [
                "The request timed out. What you sent may have been recorded, so check before you send it again.",
                TYPED,
            ],
            Self::NotTaken => ["It was not sent by one of the desk's own forms, so nothing was done.", TYPED],
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
