//! A rate limit on unsigned callbacks. Signed callbacks are not limited, so nobody can block a genuine one by sending
//! others.

use std::num::NonZeroU32;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::address::request_in;
use crate::{
    limits::RateLimit,
    signing::{CallbackUrls, SignedRequest},
};

/// The average number of unsigned callbacks accepted per second. It is well above what a valuer sends, because a valuer
/// that cannot use signed addresses sends only unsigned callbacks.
const RATE: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// The number of unsigned callbacks accepted at once after a pause.
const BURST: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

#[derive(Clone)]
pub struct UnsignedLimit {
    urls: CallbackUrls,
    limit: RateLimit,
}

impl UnsignedLimit {
    pub fn new(urls: CallbackUrls) -> Self {
        Self { urls, limit: RateLimit::per_second(RATE, BURST) }
    }
}

/// Refuses unsigned callbacks above the limit with 429.
pub async fn limit_unsigned(State(limit): State<UnsignedLimit>, request: Request, next: Next) -> Response {
    let named = request_in(request.uri().query().unwrap_or_default());
    let is_signed = matches!(limit.urls.check(named.as_deref()), SignedRequest::Signed(_));
    if !is_signed && let Some(refused) = limit.limit.refuse() {
        return refused;
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, body::Body, http::StatusCode, middleware::from_fn_with_state, routing::post};
    use tower::ServiceExt;

    use super::*;
    use crate::{
        aws::{Aws, Embedded},
        clock::Clock,
        deploy,
        invocation::PausedTaskId,
        settings::Settings,
    };

    #[tokio::test]
    async fn unsigned_callbacks_above_the_limit_are_refused_and_signed_ones_never() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let embedded = Embedded::open(folder.path(), clock.clone()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        let public_url = "http://desk.example".parse().unwrap();
        let hour = Duration::from_secs(3600);
        let urls = CallbackUrls::load(&Settings::new(aws), &clock, &public_url, hour).await.unwrap();
        let signed = urls.sign(&PausedTaskId::from_key("request"), clock.now() + hour).to_string();
        let limit = UnsignedLimit { urls, limit: RateLimit::per_second(NonZeroU32::MIN, NonZeroU32::MIN) };
        let router = Router::new().route("/api/valuations", post(|| async {}));
        let router = router.layer(from_fn_with_state(limit, limit_unsigned));
        let call = async |address: &str| {
            let answer = router.clone().oneshot(Request::post(address).body(Body::empty()).unwrap()).await.unwrap();
            answer.status()
        };
        let mut unsigned = Vec::new();
        for _ in 0..20 {
            unsigned.push(call("/api/valuations").await);
            assert_eq!(call(&signed).await, StatusCode::OK);
        }
        assert_eq!(unsigned[0], StatusCode::OK);
        assert!(unsigned.contains(&StatusCode::TOO_MANY_REQUESTS), "{unsigned:?}");
    }
}
