//! `POST /api/valuations`: the webhook for the valuation service.

use axum::{
    Router,
    extract::{DefaultBodyLimit, RawQuery, State},
    http::{HeaderMap, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;

use super::{
    Callbacks, Outcome,
    address::request_in,
    limit::{UnsignedLimit, limit_unsigned},
    response::{LIMIT, Malformed},
};
use crate::refusals::Problem;

/// The maximum number of bytes to receive before a callback is rejected unread.
const WIRE_LIMIT: usize = 1024 * 1024;

pub fn router(callbacks: Callbacks) -> Router {
    Router::new()
        .route("/api/valuations", post(receive))
        .layer(DefaultBodyLimit::max(WIRE_LIMIT))
        .layer(from_fn_with_state(UnsignedLimit::new(callbacks.urls.clone()), limit_unsigned))
        .with_state(callbacks)
}

async fn receive(
    State(callbacks): State<Callbacks>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let unread = if body.len() > LIMIT {
        Some(Malformed::TooLarge)
    } else if !crate::api::is_json(&headers) && headers.contains_key(header::CONTENT_TYPE) {
        Some(Malformed::ContentType)
    } else {
        None
    };
    let body = String::from_utf8_lossy(&body[..body.len().min(LIMIT)]).into_owned();
    let request = request_in(&query.unwrap_or_default());
    let callback = match callbacks.receive(request.as_deref(), body, unread).await {
        Ok(callback) => callback,
        Err(error) => {
            tracing::error!(%error, "cannot store a callback");
            return Problem::unavailable().into_response();
        }
    };
    let id = callback.id.clone();
    match callbacks.settle(callback).await {
        Ok(callback) => callback.outcome.respond(&callback.id),
        Err(error) => {
            tracing::error!(callback = id, %error, "a callback was stored but not settled; trying again later");
            Outcome::Received.respond(&id)
        }
    }
}
