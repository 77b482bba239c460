//! A rate limit on unsigned callbacks. Signed callbacks are not limited, so nobody can block a genuine one by sending
//! others.

use std::num::NonZeroU32;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::{Callbacks, endpoint::request_in};
use crate::{limits::RateLimit, signing::SignedRequest};

/// The average number of unsigned callbacks accepted per second. It is well above what a valuer sends, because a valuer
/// that cannot use signed addresses sends only unsigned callbacks.
const RATE: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// The number of unsigned callbacks accepted at once after a pause.
const BURST: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

#[derive(Clone)]
pub struct UnsignedLimit {
    callbacks: Callbacks,
    limit: RateLimit,
}

impl UnsignedLimit {
    pub fn new(callbacks: Callbacks) -> Self {
        Self { callbacks, limit: RateLimit::per_second(RATE, BURST) }
    }
}

/// Refuses unsigned callbacks above the limit with 429.
pub async fn limit_unsigned(State(limit): State<UnsignedLimit>, request: Request, next: Next) -> Response {
    let named = request_in(request.uri().query().unwrap_or_default());
    let is_signed = matches!(limit.callbacks.urls.check(named.as_deref()), SignedRequest::Signed(_));
    if !is_signed && let Some(refused) = limit.limit.refuse() {
        return refused;
    }
    next.run(request).await
}
