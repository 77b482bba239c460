//! The HTTP endpoint of the embedded AWS, for the AWS CLI and SDKs.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::post,
};
use bytes::Bytes;

use super::{Answer, Embedded, embedded::Target};

/// The limit of DynamoDB: 16 MB.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

pub fn router(embedded: Arc<Embedded>) -> Router {
    Router::new().route("/", post(answer)).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(embedded)
}

async fn answer(State(embedded): State<Arc<Embedded>>, headers: HeaderMap, body: Bytes) -> Response {
    // The endpoint checks no credentials, so web pages must not reach it, not even by DNS rebinding.
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return respond(Answer::error(403, "AccessDeniedException", "This endpoint is not for browsers"));
    }
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match Target::parse(target) {
        Some(target) => respond(embedded.answer(target, body).await),
        None => respond(Answer::error(
            400,
            "com.amazon.coral.service#UnknownOperationException",
            "X-Amz-Target must name an operation of DynamoDB or Step Functions",
        )),
    }
}

/// Builds the HTTP response with the headers that SDKs read: DynamoDB clients check the CRC-32, and all SDKs report the
/// request id.
fn respond(answer: Answer) -> Response {
    let crc = crc32fast::hash(&answer.body);
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    headers.insert("x-amz-crc32", HeaderValue::from(crc));
    if let Ok(id) = HeaderValue::from_str(&crate::random::id()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
