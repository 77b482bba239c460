//! Errors for programs: problem+json.

use axum::{
    body::to_bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::Problem;

/// The maximum number of bytes of the router's own message to pass on.
const WORDS_LIMIT: usize = 1024;

/// Converts error responses of the router and its layers to problems.
pub async fn refuse_as_problem(response: Response) -> Response {
    let bare = response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| {
        // axum and its layers respond with plain text.
        kind.as_bytes().starts_with(b"text/plain")
    });
    match response.status() {
        status if bare && (status.is_client_error() || status.is_server_error()) => as_problem(response, status).await,
        _ => response,
    }
}

/// Converts a refusal to a problem, and keeps its headers such as `Allow`.
async fn as_problem(refused: Response, status: StatusCode) -> Response {
    let (head, body) = refused.into_parts();
    let problem = match to_bytes(body, WORDS_LIMIT).await {
        // The message says which part of the address is not valid, and why.
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
