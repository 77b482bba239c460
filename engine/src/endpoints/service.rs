//! What all services have in common: an address, actions, and errors with names.

use std::{sync::Arc, time::Duration};

use ::http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::http::{Ask, Http, Reply};
use crate::{Exchange, Refusal, ServiceAnswer, ServiceError};

/// The longest answer that is read, in bytes: Lambda answers with up to 6 MB. States may hold 262,144 bytes.
const LONGEST: usize = 8 << 20;

/// A service as such.
pub(super) struct Kind {
    /// In messages: `EventBridge`.
    pub name: &'static str,
    /// What brings it.
    pub flag: &'static str,
    /// What can be asked of it.
    pub actions: &'static [&'static str],
    /// As signatures name it: `events`.
    pub signing: &'static str,
    /// Before the point in errors of the optimised integrations: `SQS`.
    pub prefix: &'static str,
    /// The error for all that its API does not model: `AmazonSQSException`.
    pub unmodelled: &'static str,
    /// Names that the service gives to errors its API models, where they are not the exceptions' own.
    pub codes: &'static [(&'static str, &'static str)],
}

/// What no service's API models, though it looks as if.
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
    /// What Catch and Retry match when the service says `code`.
    fn error(&self, code: &str) -> String {
        let known = self.codes.iter().find(|(known, _)| *known == code).map(|(_, exception)| *exception);
        let modelled = known.or((code.ends_with("Exception") && !COMMON.contains(&code)).then_some(code));
        format!("{}.{}", self.prefix, modelled.unwrap_or(self.unmodelled))
    }

    /// As AWS's SDK reports that there was no answer.
    pub fn no_answer(&self, why: &str) -> ServiceError {
        ServiceError {
            error: format!("{}.SdkClientException", self.prefix),
            message: format!("Unable to execute HTTP request: {why}"),
            refusal: None,
        }
    }
}

/// A service at its address.
pub(super) struct Service {
    pub kind: &'static Kind,
    http: Arc<Http>,
    base: String,
    patience: Duration,
}

/// A request as a service describes it: all but where the service is.
#[derive(Default)]
pub(super) struct Call {
    pub method: Method,
    /// `/bucket/key?list-type=2`, encoded.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Service {
    pub fn new(kind: &'static Kind, http: Arc<Http>, base: String, patience: Duration) -> Self {
        Self { kind, http, base, patience }
    }

    pub async fn send(&self, call: Call) -> Result<Reply, ServiceError> {
        self.send_for(call, LONGEST).await
    }

    /// Sends a request whose answer may have so many bytes.
    pub async fn send_for(&self, call: Call, longest: usize) -> Result<Reply, ServiceError> {
        let ask = Ask {
            method: call.method,
            url: format!("{}{}", self.base, call.path),
            headers: call.headers,
            body: call.body,
            signing: self.kind.signing,
            patience: self.patience,
            longest,
        };
        self.http.send(ask).await.map_err(|why| {
            tracing::warn!(service = self.kind.name, endpoint = self.base, why, "a service gave no answer");
            self.kind.no_answer(&why)
        })
    }

    /// A refusal, of the parts that the service's protocol has for one.
    pub fn refused(&self, reply: &Reply, said: Said) -> ServiceError {
        let Said { exception, code, message } = said;
        let exception = exception.as_deref().unwrap_or_default();
        let code = code.unwrap_or_else(|| exception.to_owned());
        let error = self.kind.error(exception);
        let message = message.unwrap_or_else(|| format!("The service answered with status {}", reply.status));
        let refusal = Refusal { code, status: reply.status, request_id: reply.request_id() };
        ServiceError { error, message, refusal: Some(refusal) }
    }
}

/// What a service said when it refused.
#[derive(Default)]
pub(super) struct Said {
    pub exception: Option<String>,
    /// Its own name for it, where that is another.
    pub code: Option<String>,
    pub message: Option<String>,
}

impl Reply {
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

/// What RFC 3986 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const UNRESERVED_AND_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');

/// Text as it can stand in a query, a form, or between two slashes.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The same, with slashes left.
pub(super) fn encoded_path(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED_AND_SLASH).to_string()
}

/// `?a=b&c=d`; empty when there is nothing.
pub(super) fn query<'a>(members: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let members: Vec<String> = members.into_iter().map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
    if members.is_empty() { String::new() } else { format!("?{}", members.join("&")) }
}

/// Where a service takes text, AWS takes a document too, and sends its text.
pub(super) fn make_text(parameters: &mut serde_json::Value, member: &str) {
    if let Some(value) = parameters.get_mut(member)
        && !value.is_string()
        && !value.is_null()
    {
        *value = value.to_string().into();
    }
}
