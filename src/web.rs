//! The layers around the desk's routes: pages, API, event stream and static files.

use std::{path::Path, sync::Arc, time::Duration};

use app::{App, desk::Desk, shell};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state, map_response},
    response::Response,
};
use leptos::{config::LeptosOptions, prelude::provide_context};
use leptos_axum::{LeptosRoutes, file_and_error_handler_with_context, generate_route_list};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer, Predicate,
        predicate::{DefaultPredicate, NotForContentType},
    },
    limit::RequestBodyLimitLayer,
    services::ServeDir,
    timeout::TimeoutLayer,
    trace::TraceLayer,
};

use crate::{
    clock::Clock,
    refusals::{self, Rendering},
    security::{self, OwnNames},
    sessions::{self, Sessions},
};

/// The maximum size of a form's body, in bytes.
const FORM_LIMIT: usize = 256 * 1024;

/// The maximum size of a request body of the API, in bytes. Individual routes have lower limits.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// The maximum time from the head of a request to the head of its response, including the request's body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The pages and their dependencies.
pub struct Pages {
    pub clock: Clock,
    pub desk: Arc<dyn Desk>,
    pub sessions: Sessions,
    /// Whether the desk is reached only by https.
    pub secure: bool,
    pub site_root: String,
    pub names: OwnNames,
}

impl Pages {
    pub fn router(self) -> Router {
        warn_if_site_is_missing(Path::new(&self.site_root));
        let options = LeptosOptions::builder().output_name("loan-desk").site_root(&*self.site_root).build();
        let context = {
            let desk = self.desk.clone();
            move || provide_context(desk.clone())
        };
        let rendering = Rendering { desk: self.desk, options: options.clone(), form_limit: FORM_LIMIT };
        let routes = generate_route_list(App);
        let pages = Router::new()
            .leptos_routes_with_context(&options, routes, context.clone(), {
                let options = options.clone();
                move || shell(options.clone())
            })
            .fallback(file_and_error_handler_with_context::<LeptosOptions, _>(context, shell))
            .layer(from_fn_with_state(self.clock, sessions::record_use))
            .layer(self.sessions.layer(self.secure))
            .layer(CatchPanicLayer::custom(refusals::panicked))
            .layer(from_fn_with_state(rendering, refusals::render_server_errors))
            .with_state(options.clone());
        protected(files(Path::new(&self.site_root), pages), FORM_LIMIT, REQUEST_TIMEOUT)
            .layer(from_fn_with_state(self.names, security::own_name))
            .layer(from_fn_with_state(options, refusals::refuse_as_page))
    }
}

/// The API and the event stream, whose refusals are problem+json.
pub fn machines(router: Router) -> Router {
    protected(router, BODY_LIMIT, REQUEST_TIMEOUT).layer(map_response(refusals::refuse_as_problem))
}

/// Protects routes with the same-site check, a body limit, a timeout and a panic handler.
fn protected(router: Router, body_limit: usize, timeout: Duration) -> Router {
    router
        .layer(from_fn(security::same_site))
        .layer(RequestBodyLimitLayer::new(body_limit))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, timeout))
        .layer(CatchPanicLayer::custom(refusals::panicked))
}

/// Warns if static files are missing, because pages would work but look broken.
fn warn_if_site_is_missing(site_root: &Path) {
    let missing = ["pkg/loan-desk.css", "pkg/loan-desk.js", "pkg/loan-desk.wasm"];
    if let Some(missing) = missing.into_iter().map(|file| site_root.join(file)).find(|file| !file.is_file()) {
        tracing::warn!(
            missing = %missing.display(),
            "pages will have no style and no script; set --site-root to the folder that `cargo xtask build` created"
        );
    }
}

/// Serves static files, and pages for all other addresses.
fn files(site_root: &Path, pages: Router) -> Router {
    let files = ServeDir::new(site_root)
        // `cargo xtask build` compresses them.
        .precompressed_br()
        .precompressed_gzip()
        .append_index_html_on_directories(false)
        .call_fallback_on_method_not_allowed(true)
        .fallback(pages);
    Router::new().fallback_service(files).layer(from_fn(cache))
}

/// Sets `Cache-Control`. Files with a version in their address are cached for a year; other files are revalidated,
/// usually with a `304`. Pages are private.
async fn cache(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let versioned = is_file && request.uri().query().is_some_and(|query| query.starts_with("v="));
    let mut response = next.run(request).await;
    let value = match (versioned && response.status() == StatusCode::OK, is_file) {
        (true, _) => "public, max-age=31536000, immutable",
        (false, true) => "no-cache",
        (false, false) => "private, no-cache",
    };
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(value));
    response
}

/// Adds the layers for all requests. `secure` means that the desk is reached only by https.
pub fn around(router: Router, secure: bool) -> Router {
    let uncompressed = DefaultPredicate::new().and(NotForContentType::SSE);
    router
        .layer(CompressionLayer::new().compress_when(uncompressed))
        .layer(from_fn_with_state(secure, security::headers))
        .layer(
            TraceLayer::new_for_http()
                // Log only the path, because the query of a callback contains a signature.
                .make_span_with(|request: &Request<Body>| {
                    tracing::info_span!("request", method = %request.method(), path = request.uri().path())
                })
                // Handlers log their own failures, so the layer does not log them again.
                .on_response(|response: &Response<_>, latency: Duration, _: &tracing::Span| {
                    let micros = latency.as_micros() as u64;
                    tracing::debug!(status = response.status().as_u16(), micros, "answered");
                })
                .on_failure(()),
        )
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, routing::get};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_answered_with_a_problem() {
        assert_eq!(REQUEST_TIMEOUT, Duration::from_secs(30));
        let never = Router::new().route("/", get(|| async { std::future::pending::<()>().await }));
        let router =
            protected(never, BODY_LIMIT, Duration::from_millis(1)).layer(map_response(refusals::refuse_as_problem));
        let answer = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        let problem: serde_json::Value =
            serde_json::from_slice(&to_bytes(answer.into_body(), 4096).await.unwrap()).unwrap();
        assert_eq!(problem["status"], 408);
    }
}
