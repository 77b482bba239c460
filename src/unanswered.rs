//! Renders server errors as pages for people. The page contains what a person typed, taken from the request instead of
//! the session, because the session may be what cannot be written.

use std::sync::Arc;

use app::{Unanswered, desk::Desk, shell};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse, Response},
};
use leptos::{config::LeptosOptions, prelude::provide_context};

use crate::problem::Problem;

/// What is needed to render the page.
#[derive(Clone)]
pub struct Rendering {
    pub desk: Arc<dyn Desk>,
    pub options: LeptosOptions,
    /// The maximum size of a form's body, in bytes.
    pub form_limit: usize,
}

/// Renders the error page if a person's request ends in a server error that is not a page.
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
        let page = leptos_axum::render_app_async_with_context(context, move || shell(options.clone()));
        let mut request = Request::new(Body::empty());
        // Render an unknown address, because the requested one may fail again.
        *request.uri_mut() = Uri::from_static("/desk/unanswered");
        *request.headers_mut() = headers;
        page(request).await.into_response()
    }
}

/// Whether the response is for a person: browsers ask for HTML when they open a page or submit a form.
fn is_for_a_person(headers: &HeaderMap) -> bool {
    is_html(headers, &header::ACCEPT)
}

fn is_html(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("text/html"))
}
