//! The machine interface: `/api/applications`. (The valuation service's webhook stands with the callbacks.)
//!
//! Every refusal is a problem+json, also of what never reaches a handler.

mod applications;
mod json;
mod submission;

use axum::{
    Router,
    body::to_bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};

pub use applications::router as applications;
pub use json::{JsonBody, is_json};

use crate::problem::Problem;

/// What is under `/api` and nothing else is.
pub fn fallback() -> Router {
    let nothing = || async { Problem::not_found("There is nothing at this address.").into_response() };
    Router::new().route("/api", any(nothing)).route("/api/{*rest}", any(nothing))
}

/// Bytes of the router's own words that are passed on.
const WORDS_LIMIT: usize = 1024;

/// A status of the router's own becomes a problem as well.
pub async fn refuse_as_problem(response: Response) -> Response {
    let bare = response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| {
        // What axum and its layers refuse by themselves is plain text.
        kind.as_bytes().starts_with(b"text/plain")
    });
    match response.status() {
        status if bare && (status.is_client_error() || status.is_server_error()) => as_problem(response, status).await,
        _ => response,
    }
}

/// The problem, with what the refusal said besides: `Allow` above all.
async fn as_problem(refused: Response, status: StatusCode) -> Response {
    let (head, body) = refused.into_parts();
    let problem = match to_bytes(body, WORDS_LIMIT).await {
        // Which part of an address could not be read, and why.
        Ok(words) if status == StatusCode::BAD_REQUEST && !words.is_empty() => {
            let words = String::from_utf8_lossy(&words);
            Problem::new(status, "bad-request", "Bad request", words)
        }
        _ => Problem::of_status(status),
    };
    let mut response = problem.into_response();
    for (name, value) in &head.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}
