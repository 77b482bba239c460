//! What all services share: an endpoint, actions and named errors.

use std::{sync::Arc, time::Duration};

use ::http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::http::{Http, Response, ServiceRequest};
use crate::{Exchange, Refusal, ServiceAnswer, ServiceError};

/// The maximum size of an answer, in bytes. Lambda answers with up to 6 MB. A state's result can have 262,144 bytes.
const MAX_RESPONSE: usize = 8 << 20;

/// A kind of service.
pub(super) struct Kind {
    /// The name in messages, for example `EventBridge`.
    pub name: &'static str,
    /// The command-line flag that makes the service available.
    pub flag: &'static str,
    /// The supported actions.
    pub actions: &'static [&'static str],
    /// The name in signatures, for example `events`.
    pub signing: &'static str,
    /// The prefix of errors of the optimised integration, for example `SQS`.
    pub prefix: &'static str,
    /// The error for everything that the service's API does not model, for example `AmazonSQSException`.
    pub unmodelled: &'static str,
    /// The codes of modelled errors that differ from the names of their exceptions.
    pub codes: &'static [(&'static str, &'static str)],
}

/// Errors that look modelled although no service's API models them.
const COMMON: &[&str] = &[
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "NotAuthorizedException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
];

impl Kind {
    /// The error name that Catch and Retry match for the service's error `code`.
    fn error(&self, code: &str) -> String {
        let known = self.codes.iter().find(|(known, _)| *known == code).map(|(_, exception)| *exception);
        let modelled = known.or((code.ends_with("Exception") && !COMMON.contains(&code)).then_some(code));
        format!("{}.{}", self.prefix, modelled.unwrap_or(self.unmodelled))
    }

    /// The error that AWS's SDK reports when there was no answer.
    pub fn no_answer(&self, why: &str) -> ServiceError {
        ServiceError {
            error: format!("{}.SdkClientException", self.prefix),
            message: format!("Unable to execute HTTP request: {why}"),
            refusal: None,
        }
    }
}

/// A service at an endpoint.
pub(super) struct Service {
    pub kind: &'static Kind,
    http: Arc<Http>,
    base: String,
    timeout: Duration,
}

/// A request without the service's URL.
#[derive(Default)]
pub(super) struct Call {
    pub method: Method,
    /// Encoded, for example `/bucket/key?list-type=2`.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Service {
    pub fn new(kind: &'static Kind, http: Arc<Http>, base: String, timeout: Duration) -> Self {
        Self { kind, http, base, timeout }
    }

    pub async fn send(&self, call: Call) -> Result<Response, ServiceError> {
        self.send_with_limit(call, MAX_RESPONSE).await
    }

    /// Sends a request whose answer can have up to `max_response` bytes.
    pub async fn send_with_limit(&self, call: Call, max_response: usize) -> Result<Response, ServiceError> {
        let request = ServiceRequest {
            method: call.method,
            url: format!("{}{}", self.base, call.path),
            headers: call.headers,
            body: call.body,
            signing: self.kind.signing,
            timeout: self.timeout,
            max_response,
        };
        self.http.send(request).await.map_err(|why| {
            tracing::warn!(service = self.kind.name, endpoint = self.base, why, "a service gave no answer");
            self.kind.no_answer(&why)
        })
    }

    /// Builds the error for a refusal from the parts that the service's protocol provides.
    pub fn refused(&self, response: &Response, error_document: ErrorDocument) -> ServiceError {
        let ErrorDocument { exception, code, message } = error_document;
        let exception = exception.as_deref().unwrap_or_default();
        let code = code.unwrap_or_else(|| exception.to_owned());
        let error = self.kind.error(exception);
        let message = message.unwrap_or_else(|| format!("The service answered with status {}", response.status));
        let refusal = Refusal { code, status: response.status, request_id: response.request_id() };
        ServiceError { error, message, refusal: Some(refusal) }
    }
}

/// The parts of a refusal.
#[derive(Default)]
pub(super) struct ErrorDocument {
    pub exception: Option<String>,
    /// The service's own code, if it differs.
    pub code: Option<String>,
    pub message: Option<String>,
}

impl Response {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn exchange(&self) -> Exchange {
        Exchange { request_id: self.request_id(), length: self.body.len() }
    }

    pub fn answer(&self, output: serde_json::Value) -> ServiceAnswer {
        ServiceAnswer { output, exchange: Some(self.exchange()) }
    }
}

/// The characters that RFC 3986 does not require to be encoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const UNRESERVED_AND_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');

/// Encodes text for a query, a form or a path segment.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Like [`encoded`], but leaves slashes.
pub(super) fn encoded_path(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED_AND_SLASH).to_string()
}

/// Formats `?a=b&c=d`. Empty without members.
pub(super) fn query<'a>(members: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let members: Vec<String> = members.into_iter().map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
    if members.is_empty() { String::new() } else { format!("?{}", members.join("&")) }
}

/// Converts a document to text where the service expects text, as AWS does.
pub(super) fn stringify(parameters: &mut serde_json::Value, member: &str) {
    if let Some(value) = parameters.get_mut(member)
        && !value.is_string()
        && !value.is_null()
    {
        *value = value.to_string().into();
    }
}
