//! What every answer tells browsers, and which requests of theirs are refused. (A page's own content security policy
//! carries its nonce and is set where the page is rendered.)

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::problem::Problem;

/// For what is no page: it loads and frames nothing.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // Forms that send the browser back need the referrer of this site, and no other site does.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    response
}

/// Refuses what another site makes somebody's browser send here. What is no browser says nothing of the kind.
pub async fn same_site(request: Request, next: Next) -> Response {
    if request.method().is_safe() || !is_cross_site(request.headers()) {
        return next.run(request).await;
    }
    tracing::warn!(path = request.uri().path(), "refused what another site sent");
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross-site",
        "Sent by another site",
        "This was sent from a page of another site. Open the desk itself and try again.",
    )
    .into_response()
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => !matches!(site, "same-origin" | "none"),
        // Browsers that do not say so name the page's origin: its host must be the one that was asked.
        (None, Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, from)| from != host),
        (None, Some(_), None) => true,
        (None, None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn what_another_site_sends_is_told_from_the_desks_own_forms() {
        assert!(!is_cross_site(&with(&[("sec-fetch-site", "same-origin"), ("origin", "http://desk")])));
        assert!(!is_cross_site(&with(&[("origin", "http://desk:3000"), ("host", "desk:3000")])));
        assert!(!is_cross_site(&with(&[("host", "desk:3000")])), "no browser");
        assert!(is_cross_site(&with(&[("sec-fetch-site", "cross-site"), ("host", "desk")])));
        assert!(is_cross_site(&with(&[("sec-fetch-site", "same-site"), ("host", "desk")])));
        assert!(is_cross_site(&with(&[("origin", "https://evil.example"), ("host", "desk")])));
        assert!(is_cross_site(&with(&[("origin", "null"), ("host", "desk")])));
    }
}
