//! The machine interface: `/api/applications`. (The valuation service's webhook stands with the callbacks.)
//!
//! Every refusal is a problem+json, also of what never reaches a handler.

mod applications;
mod json;

use axum::{Router, http::StatusCode, response::IntoResponse, routing::any};

pub use applications::{check, router as applications};
pub use json::{JsonBody, is_json};

use crate::problem::Problem;

/// What is under `/api` and nothing else is.
pub fn fallback() -> Router {
    let nothing = || async { Problem::not_found("There is nothing at this address.").into_response() };
    Router::new().route("/api", any(nothing)).route("/api/{*rest}", any(nothing))
}

/// A status of the router's own becomes a problem as well.
pub async fn refuse_as_problem(response: axum::response::Response) -> axum::response::Response {
    let bare = response.headers().get(axum::http::header::CONTENT_TYPE).is_none_or(|kind| {
        // What axum and its layers refuse by themselves is plain text.
        kind.as_bytes().starts_with(b"text/plain")
    });
    match response.status() {
        status if bare && (status.is_client_error() || status.is_server_error()) => with_headers(response, status),
        _ => response,
    }
}

/// The problem, with what the refusal said besides: `Allow` above all.
fn with_headers(refused: axum::response::Response, status: StatusCode) -> axum::response::Response {
    let mut response = Problem::of_status(status).into_response();
    for (name, value) in refused.headers() {
        if name != axum::http::header::CONTENT_TYPE && name != axum::http::header::CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}
