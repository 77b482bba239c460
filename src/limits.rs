//! Limits on unsigned callbacks and on event streams.

use std::{num::NonZeroU32, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use crate::refusals::Problem;

/// A rate limit that all clients share, because clients behind a proxy have the same address.
#[derive(Clone)]
pub struct RateLimit(Arc<DefaultDirectRateLimiter>);

impl RateLimit {
    /// Allows `rate` requests a second on average, and `burst` at once after a pause.
    pub fn per_second(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        Self(Arc::new(RateLimiter::direct(Quota::per_second(rate).allow_burst(burst))))
    }

    /// Counts a request. Returns the refusal if the limit is exceeded.
    pub fn refuse(&self) -> Option<Response> {
        self.0.check().err().map(|_| {
            let detail = "There are too many requests of this kind at the moment. Send it again in a second.";
            refused(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests", detail))
        })
    }
}

/// A limit on concurrent streaming responses.
#[derive(Clone)]
pub struct StreamLimit(Arc<Semaphore>);

impl StreamLimit {
    pub fn new(at_most: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_most)))
    }
}

/// Refuses a request if the limit of concurrent responses is reached. A response counts until its last byte is sent or
/// its client disconnects.
pub async fn limit_streams(State(limit): State<StreamLimit>, request: Request, next: Next) -> Response {
    let Ok(permit) = limit.0.try_acquire_owned() else {
        let detail = "Too many pages listen to this desk at the moment. Reload the page to see what has changed.";
        return refused(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many", "Too many listeners", detail));
    };
    let (head, body) = next.run(request).await.into_parts();
    let body = body.into_data_stream().map(move |chunk| {
        let _held = &permit;
        chunk
    });
    Response::from_parts(head, Body::from_stream(body))
}

fn refused(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn_with_state, routing::get};
    use futures_util::stream;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn requests_above_the_rate_are_refused_with_a_retry_after_header() {
        let one = NonZeroU32::MIN;
        let limit = RateLimit::per_second(one, one.saturating_add(1));
        assert!(limit.refuse().is_none() && limit.refuse().is_none());
        let refused = (0..10).find_map(|_| limit.refuse()).expect("one of ten at once is refused");
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    }

    #[tokio::test]
    async fn a_stream_counts_until_its_client_disconnects() {
        let endless = || async { Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>("more"))) };
        let limit = StreamLimit::new(1);
        let router = Router::new().route("/", get(endless)).layer(from_fn_with_state(limit, limit_streams));
        let ask = || router.clone().oneshot(Request::new(Body::empty()));
        let first = ask().await.unwrap();
        assert_eq!(first.status(), 200);
        assert_eq!(ask().await.unwrap().status(), 503);
        drop(first);
        assert_eq!(ask().await.unwrap().status(), 200);
    }
}
