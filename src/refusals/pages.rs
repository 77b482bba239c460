//! Errors for people: pages in the desk's layout.

use std::sync::Arc;

use app::{Refused, Unanswered, desk::Desk, refused_shell, shell};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse, Response},
};
use leptos::{config::LeptosOptions, prelude::provide_context};
use leptos_axum::render_app_async_with_context;

use super::Problem;

/// The header that marks the response of a failed server function.
const SERVER_FN_ERROR: &str = "serverfnerror";

/// What is needed to render the page of a server error.
#[derive(Clone)]
pub struct Rendering {
    pub desk: Arc<dyn Desk>,
    pub options: LeptosOptions,
    /// The maximum size of a form's body, in bytes.
    pub form_limit: usize,
}

/// Renders a page if a person's request ends in a server error that is not a page. The page contains what the person typed,
/// taken from the request instead of the session, because the session may be what cannot be written.
pub async fn render_server_errors(State(rendering): State<Rendering>, request: Request, next: Next) -> Response {
    if !is_for_a_person(request.headers()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, rendering.form_limit).await else {
        return Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    };
    let headers = parts.headers.clone();
    let unanswered = Unanswered {
        address: parts.uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned(),
        form: (parts.method == Method::POST).then(|| url::form_urlencoded::parse(&body).into_owned().collect()),
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_server_error() || is_html(response.headers(), &header::CONTENT_TYPE) {
        return response;
    }
    rendering.render(headers, unanswered).await
}

impl Rendering {
    async fn render(self, headers: HeaderMap, unanswered: Unanswered) -> Response {
        let (desk, options) = (self.desk, self.options);
        let context = move || {
            provide_context(desk.clone());
            provide_context(unanswered.clone());
        };
        let page = render_app_async_with_context(context, move || shell(options.clone()));
        let mut request = Request::new(Body::empty());
        // Render an unknown address, because the requested one may fail again.
        *request.uri_mut() = Uri::from_static("/desk/unanswered");
        *request.headers_mut() = headers;
        page(request).await.into_response()
    }
}

/// Renders refusals (404, 405, 413 and so on) as pages in the desk's layout.
pub async fn refuse_as_page(State(options): State<LeptosOptions>, request: Request, next: Next) -> Response {
    // Keep the parts of the request that the page's frame reads.
    let mut ask = Request::new(Body::empty());
    *ask.uri_mut() = request.uri().clone();
    if let Some(cookies) = request.headers().get(header::COOKIE) {
        ask.headers_mut().insert(header::COOKIE, cookies.clone());
    }
    let response = next.run(request).await;
    let Some(status) = refusal(&response) else { return response };
    let Some(refused) = Refused::of(status) else { return response };
    let page = render_app_async_with_context(|| {}, move || refused_shell(options.clone(), refused));
    let mut page = page(ask).await;
    *page.status_mut() = status;
    page.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for name in [header::ALLOW, header::SET_COOKIE] {
        for value in response.headers().get_all(&name) {
            page.headers_mut().append(name.clone(), value.clone());
        }
    }
    page
}

/// The status of a refusal that is not rendered as a page yet.
fn refusal(response: &Response) -> Option<StatusCode> {
    // Leptos redirects with the error in the address, where nobody would see it. The form was malformed, because server
    // functions handle all other errors themselves.
    if response.status().is_redirection() && response.headers().contains_key(SERVER_FN_ERROR) {
        return Some(StatusCode::BAD_REQUEST);
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    (!is_page).then(|| response.status())
}

/// Whether the response is for a person: browsers ask for HTML when they open a page or submit a form.
fn is_for_a_person(headers: &HeaderMap) -> bool {
    is_html(headers, &header::ACCEPT)
}

fn is_html(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("text/html"))
}
