//! Security headers of all responses, and checks against requests by other sites. (Pages set their own content security
//! policy, which contains a nonce, when they are rendered.)

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use url::{Host, Url};

use crate::refusals::Problem;

/// Tells browsers to use https for a year.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The content security policy of responses that are not pages: they load and frame nothing.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Sets the security headers. `secure` means that the desk is reached only by https.
pub async fn headers(State(secure): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    // Redirects after forms need the referrer within this site. Other sites get none.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    response
}

/// Refuses requests that another site makes a browser send. Clients other than browsers do not send the headers that
/// this check reads.
pub async fn same_site(request: Request, next: Next) -> Response {
    if request.method().is_safe() || !is_cross_site(request.headers()) {
        return next.run(request).await;
    }
    tracing::warn!(path = request.uri().path(), "refused a cross-site request");
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross-site",
        "Sent by another site",
        "A page of another site sent this request. Open the desk itself and try again.",
    )
    .into_response()
}

/// The host names of the desk: those of this machine, and the one of `--public-url`.
#[derive(Debug, Clone)]
pub struct OwnNames(Option<Arc<str>>);

impl OwnNames {
    pub fn new(public_url: &Url) -> Self {
        match public_url.host() {
            Some(Host::Domain(name)) => Self(Some(name.to_ascii_lowercase().into())),
            // IP addresses are always accepted.
            _ => Self(None),
        }
    }

    /// Whether a `Host` header names the desk. Any IP address does, because DNS rebinding needs a name.
    fn include(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
        address.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.0.as_deref() == Some(&*name)
    }
}

/// Refuses requests with an unknown `Host`. The desk has no sign-in, so a malicious page could otherwise reach it by
/// rebinding its own name to the desk's address.
pub async fn own_name(State(names): State<OwnNames>, request: Request, next: Next) -> Response {
    // Browsers always send a host.
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    if host.is_none_or(|host| names.include(host)) {
        return next.run(request).await;
    }
    tracing::warn!(path = request.uri().path(), "refused a request with an unknown host name");
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "unknown-name",
        "Not the desk's name",
        "The desk does not answer to the name in the Host header. Use its address, or set the name with --public-url; \
         a proxy in front of the desk must forward the Host header.",
    )
    .into_response()
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => !matches!(site, "same-origin" | "none"),
        // Older browsers send only the origin, whose host must then be that of the request.
        (None, Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, from)| from != host),
        (None, Some(_), None) => true,
        (None, None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_desks_own_names_and_ip_addresses_are_accepted() {
        let names = OwnNames::new(&"https://Desk.Example".parse().unwrap());
        for own in
            ["desk.example", "DESK.example:443", "desk.example.", "localhost:3000", "127.0.0.1:3000", "[::1]:3000"]
        {
            assert!(names.include(own), "{own}");
        }
        for other in ["evil.example", "desk.example.evil.example", "127.0.0.1.evil.example:3000", "", "localhost.evil"]
        {
            assert!(!names.include(other), "{other}");
        }
        let unnamed = OwnNames::new(&"http://127.0.0.1:3000".parse().unwrap());
        assert!(unnamed.include("192.168.0.7:3000") && unnamed.include("[fe80::1]"));
        assert!(!unnamed.include("desk.example"));
    }

    fn with(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn cross_site_requests_are_distinguished_from_the_desks_own_forms() {
        assert!(!is_cross_site(&with(&[("sec-fetch-site", "same-origin"), ("origin", "http://desk")])));
        assert!(!is_cross_site(&with(&[("origin", "http://desk:3000"), ("host", "desk:3000")])));
        assert!(!is_cross_site(&with(&[("host", "desk:3000")])), "no browser");
        assert!(is_cross_site(&with(&[("sec-fetch-site", "cross-site"), ("host", "desk")])));
        assert!(is_cross_site(&with(&[("sec-fetch-site", "same-site"), ("host", "desk")])));
        assert!(is_cross_site(&with(&[("origin", "https://evil.example"), ("host", "desk")])));
        assert!(is_cross_site(&with(&[("origin", "null"), ("host", "desk")])));
    }
}
