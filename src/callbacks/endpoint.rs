//! `POST /api/valuations`: where the valuation service calls back.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use serde::Deserialize;

use super::{
    Callbacks, Outcome,
    response::{LIMIT, Malformed},
};
use crate::problem::Problem;

/// Bytes that are taken off the wire before a callback is cut off unread.
const WIRE_LIMIT: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Parameters {
    request: Option<String>,
}

pub fn router(callbacks: Callbacks) -> Router {
    Router::new().route("/api/valuations", post(receive)).layer(DefaultBodyLimit::max(WIRE_LIMIT)).with_state(callbacks)
}

async fn receive(
    State(callbacks): State<Callbacks>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = if body.len() > LIMIT {
        Outcome::Malformed(Malformed::TooLarge)
    } else if !crate::api::is_json(&headers) && headers.contains_key(header::CONTENT_TYPE) {
        Outcome::Malformed(Malformed::ContentType)
    } else {
        Outcome::Received
    };
    let body = String::from_utf8_lossy(&body[..body.len().min(LIMIT)]).into_owned();
    let callback = match callbacks.receive(parameters.request.as_deref(), body, outcome).await {
        Ok(callback) => callback,
        Err(error) => {
            tracing::error!(%error, "a callback could not be written down");
            return Problem::unavailable().into_response();
        }
    };
    let id = callback.id.clone();
    match callbacks.settle(callback).await {
        Ok(callback) => callback.outcome.respond(&callback.id),
        Err(error) => {
            tracing::error!(callback = id, %error, "a callback was written down but not settled; it will be tried again");
            Outcome::Received.respond(&id)
        }
    }
}
