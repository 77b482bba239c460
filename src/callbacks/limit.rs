//! A limit on callbacks that do not come to a signed address. Those that do are not limited, so nobody can keep a genuine
//! one out by sending others.

use std::num::NonZeroU32;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::{Callbacks, endpoint::request_in};
use crate::{limits::RateLimit, signing::SignedRequest};

/// Unsigned callbacks that are taken each second in the long run. A valuer that cannot keep the signed address sends no
/// others, so this is well above what a valuer sends.
const RATE: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// Unsigned callbacks that are taken at once after a pause.
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

/// Refuses with 429 what is above the limit.
pub async fn limit_unsigned(State(limit): State<UnsignedLimit>, request: Request, next: Next) -> Response {
    let named = request_in(request.uri().query().unwrap_or_default());
    let is_signed = matches!(limit.callbacks.urls.check(named.as_deref()), SignedRequest::Signed(_));
    if !is_signed && let Some(refused) = limit.limit.refuse() {
        return refused;
    }
    next.run(request).await
}
