//! Requests whose response a person may never see.

use axum::http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use leptos::prelude::*;

/// Sent by the client script when it fetches the open page again. Such a request must not consume what is shown only
/// once, such as a notice.
const REFRESH_HEADER: HeaderName = HeaderName::from_static("desk-refresh");

/// Whether a person may never see the response to a request with these headers: the client script refreshes the page,
/// or the browser prefetches a link.
pub fn is_unseen(headers: &HeaderMap) -> bool {
    let is_ahead = |purpose: &HeaderValue| purpose.as_bytes().starts_with(b"prefetch");
    headers.contains_key(REFRESH_HEADER) || headers.get("sec-purpose").is_some_and(is_ahead)
}

/// [`is_unseen`] for the current request.
pub fn is_answered_unseen() -> bool {
    use_context::<Parts>().is_some_and(|parts| is_unseen(&parts.headers))
}
