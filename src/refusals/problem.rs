//! Errors for API clients: `application/problem+json` (RFC 9457).

use app::desk::Incomplete;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::timestamp;

/// A refusal that names its kind. It never holds more than the caller may know.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    /// The last part of `type`, such as `reference-taken`. It is stable.
    kind: &'static str,
    title: &'static str,
    detail: String,
    /// Additional members. A map would make every `Result` with a problem larger.
    more: Vec<(&'static str, Value)>,
}

impl Problem {
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, title, detail: detail.into(), more: Vec::new() }
    }

    /// Adds a member, such as the callback's id.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// The data cannot be reached. The caller has logged the cause.
    pub fn unavailable() -> Self {
        let detail = "The desk cannot reach its data. Try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable", detail)
    }

    /// For a list that may lack something: a part would be taken for the whole.
    pub fn incomplete(incomplete: Incomplete) -> Self {
        let refuse = |kind, title, detail: &str| Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail);
        match incomplete {
            Incomplete::CatchingUp { read } => {
                let detail = "The desk is reading its data for the first time, and has not all of it yet. Try again in a moment.";
                refuse("catching-up", "Catching up", detail).with("read", read)
            }
            Incomplete::OutOfDate { since } => {
                let detail = "The desk cannot write its copy of the data, so its lists lack the latest changes. Single \
                              applications are up to date.";
                refuse("out-of-date", "Out of date", detail).with("since", timestamp::write(since))
            }
        }
    }

    /// The problem for a status set by the router itself.
    pub fn of_status(status: StatusCode) -> Self {
        let (kind, title, detail) = match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method-not-allowed", "Method not allowed", "This address does not support that method.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "Too large", "The body exceeds the limit of this address."),
            StatusCode::REQUEST_TIMEOUT => ("timeout", "Timed out", "The request took too long."),
            status if status.is_client_error() => (
                "not-accepted",
                "Not accepted",
                "This address does not accept the request. Nothing was done, and sending it again will not help.",
            ),
            _ => ("failed", "The request failed", "An error occurred. It has been logged."),
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
    fn only_server_errors_say_that_they_were_logged() {
        for status in (400..600).filter_map(|code| StatusCode::from_u16(code).ok()) {
            let logged = Problem::of_status(status).detail.contains("logged");
            assert_eq!(logged, status.is_server_error(), "{status}");
        }
    }
}
