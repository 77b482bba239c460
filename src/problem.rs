//! What went wrong, for machines: `application/problem+json` (RFC 9457).

use app::desk::CatchingUp;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A refusal that names its kind. It never holds more than the caller may know.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    /// The last part of `type`, stable: `reference-taken`.
    kind: &'static str,
    title: &'static str,
    detail: String,
    /// Members of its own. Not a map, which would make every `Result` that may hold a problem large.
    more: Vec<(&'static str, Value)>,
}

impl Problem {
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, title, detail: detail.into(), more: Vec::new() }
    }

    /// Adds a member of its own, say the callback's id.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// The data cannot be reached. Whoever makes this has logged why.
    pub fn unavailable() -> Self {
        let detail = "The desk cannot reach its data just now. Try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable", detail)
    }

    /// The desk has not read all of its tables yet, and a part would be taken for the whole.
    pub fn catching_up(catching_up: CatchingUp) -> Self {
        let detail =
            "The desk is reading its data for the first time, and has not all of it yet. Try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "catching-up", "Catching up", detail).with("read", catching_up.read)
    }

    /// For what the router itself refuses.
    pub fn of_status(status: StatusCode) -> Self {
        let (kind, title, detail) = match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method-not-allowed", "Method not allowed", "This address does not take that method.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "Too large", "The body is larger than this address takes."),
            StatusCode::REQUEST_TIMEOUT => ("timeout", "Timed out", "The request took too long."),
            status if status.is_client_error() => (
                "not-accepted",
                "Not accepted",
                "The request is not one that this address takes. Nothing was done; sending it again changes nothing.",
            ),
            _ => ("failed", "The request failed", "The desk could not do this. It has been logged."),
        };
        Self::new(status, kind, title, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:loan-desk:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        let mut response = (self.status, body.to_string()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_failed_at_the_desk_is_said_to_have_been_logged() {
        for status in (400..600).filter_map(|code| StatusCode::from_u16(code).ok()) {
            let logged = Problem::of_status(status).detail.contains("logged");
            assert_eq!(logged, status.is_server_error(), "{status}");
        }
    }
}
