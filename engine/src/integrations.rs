//! The functions and services that Task states call. The embedder implements [`Integrations`].

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::watch;

/// The functions and services that Task states call.
///
/// Calls are made at least once: a call that was in progress when the process died is made again after the restart,
/// with the same [`Attempt::idempotency_key`].
///
/// The engine drops the future of a call once nothing waits for its answer. See [`Cancellation`].
#[async_trait]
pub trait Integrations: Send + Sync + 'static {
    /// Runs the function that `lambda:invoke` or a Lambda ARN refers to. Return the function's own answer; the engine
    /// adds AWS's envelope if there is one.
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError>;

    /// Calls an action of an AWS service with parameters in that service's JSON.
    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError>;

    /// Gets the object with the items of a map run from S3, with `Body` as text. Unlike the answer of a Task, the object
    /// may have up to 32 MiB. By default this is `call_service` with `getObject` of `s3`.
    async fn read_object(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        self.call_service(call).await
    }

    /// Returns why Tasks can't call this action, as half a sentence such as "it needs --sqs-endpoint", or `None` (the
    /// default) if they can. A definition with such a Task is refused. The engine never asks this about
    /// `lambda:invoke`, because a missing function is only noticed when it is called.
    fn unavailable(&self, service: &str, action: &str) -> Option<String> {
        let _ = (service, action);
        None
    }
}

/// A function to run.
#[derive(Clone)]
#[non_exhaustive]
pub struct Invocation {
    /// `FunctionName`, or the ARN that is the Task's Resource.
    pub function: String,
    pub payload: Value,
    /// A version or an alias.
    pub qualifier: Option<String>,
    pub invocation_type: InvocationType,
    /// In base64.
    pub client_context: Option<String>,
    /// `LogType: Tail`: the caller also wants the end of the function's log.
    pub log_tail: bool,
    pub attempt: Attempt,
}

impl Invocation {
    /// An invocation that waits for the function's answer and does not belong to an execution.
    pub fn new(function: impl Into<String>, payload: Value) -> Self {
        Self {
            function: function.into(),
            payload,
            qualifier: None,
            invocation_type: InvocationType::RequestResponse,
            client_context: None,
            log_tail: false,
            attempt: Attempt::detached(),
        }
    }
}

/// An action of an AWS service to call.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServiceCall {
    /// For example `dynamodb`, without `aws-sdk:`. EventBridge is `events` in an optimised integration and
    /// `eventbridge` in one of the SDK.
    pub service: String,
    /// For example `putItem`.
    pub action: String,
    pub parameters: Value,
    pub attempt: Attempt,
}

impl ServiceCall {
    /// A call that does not belong to an execution.
    pub fn new(service: impl Into<String>, action: impl Into<String>, parameters: Value) -> Self {
        Self { service: service.into(), action: action.into(), parameters, attempt: Attempt::detached() }
    }
}

/// The attempt at a task that a call is made for. Each Retry is an attempt of its own.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// `None` for a call by TestState, or one that an older release of the engine requested.
    pub execution_arn: Option<String>,
    /// 1 for the first attempt of the state, and one more for each Retry.
    pub number: u32,
    /// When the engine stops waiting: the task's timeout, or the maximum duration of any call ([`Attempt::LONGEST`]).
    pub deadline: OffsetDateTime,
    /// The same whenever the call of this attempt is made, and different for every other call. A receiver that
    /// remembers the keys it has seen can avoid doing the work twice. At most 300 ASCII characters.
    pub idempotency_key: String,
    pub cancellation: Cancellation,
}

impl Attempt {
    /// The maximum duration of any call. Lambda allows 15 minutes; the rest leaves time for a client's own timeout.
    pub const LONGEST: Duration = Duration::from_secs(16 * 60);

    /// A first attempt that does not belong to an execution, begins now and is never cancelled.
    #[must_use]
    pub fn detached() -> Self {
        Self {
            execution_arn: None,
            number: 1,
            deadline: OffsetDateTime::now_utc() + Self::LONGEST,
            idempotency_key: uuid::Uuid::new_v4().to_string(),
            cancellation: Cancellation::never(),
        }
    }

    /// One of several calls that the engine makes for this attempt, with an idempotency key of its own. The same `part`
    /// gives the same key.
    #[must_use]
    pub(crate) fn part(&self, part: usize) -> Self {
        Self { idempotency_key: format!("{}/{part}", self.idempotency_key), ..self.clone() }
    }
}

/// Whether the engine still waits for the answer of a call. It stops waiting when the task times out, when its branch
/// is aborted, and when the execution ends or is stopped.
///
/// A cancelled call has [`Cancellation::GRACE`] to finish, for example to record what it has sent. Then its future is
/// dropped. Work that the call has spawned elsewhere continues, unless it watches this.
#[derive(Debug, Clone)]
pub struct Cancellation {
    /// Closed when the call is cancelled. `None` if it never is.
    waiting: Option<watch::Receiver<()>>,
}

/// Cancels a call when it is dropped.
#[derive(Debug)]
pub(crate) struct Canceller {
    _waiting: watch::Sender<()>,
}

impl Cancellation {
    /// How long a cancelled call may continue.
    pub const GRACE: Duration = Duration::from_secs(10);

    /// A call that is never cancelled.
    #[must_use]
    pub fn never() -> Self {
        Self { waiting: None }
    }

    pub(crate) fn new() -> (Canceller, Self) {
        let (sender, receiver) = watch::channel(());
        (Canceller { _waiting: sender }, Self { waiting: Some(receiver) })
    }

    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.has_changed().is_err())
    }

    /// Returns once the call is cancelled.
    pub async fn cancelled(&self) {
        match &self.waiting {
            // Nothing is ever sent, so this ends when the sender is dropped.
            Some(waiting) => while waiting.clone().changed().await.is_ok() {},
            None => std::future::pending().await,
        }
    }
}

/// Lambda's `InvocationType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvocationType {
    RequestResponse,
    /// The function runs later, and its answer is discarded.
    Event,
    /// The function does not run. The caller only asks whether it could.
    DryRun,
}

impl InvocationType {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestResponse => "RequestResponse",
            Self::Event => "Event",
            Self::DryRun => "DryRun",
        }
    }
}

/// A function's answer. `Invoked::from(value)` is the answer of a function that returned `value`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Invoked {
    /// `None` if the answer was discarded.
    pub payload: Option<Value>,
    /// 200 for an answer, 202 for `Event`, 204 for `DryRun`.
    pub status: u16,
    pub executed_version: Option<String>,
    /// The end of the function's log, in base64.
    pub log_result: Option<String>,
    /// `None` if there was no HTTP exchange. The engine then generates one.
    pub exchange: Option<Exchange>,
}

impl From<Value> for Invoked {
    fn from(payload: Value) -> Self {
        let executed_version = Some("$LATEST".to_owned());
        Self { payload: Some(payload), status: 200, executed_version, log_result: None, exchange: None }
    }
}

/// A service's answer. `ServiceAnswer::from(value)` is an answer without an HTTP exchange.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServiceAnswer {
    pub output: Value,
    /// `None` if there was no HTTP exchange. The engine then generates one.
    pub exchange: Option<Exchange>,
}

impl From<Value> for ServiceAnswer {
    fn from(output: Value) -> Self {
        Self { output, exchange: None }
    }
}

/// An HTTP exchange, as `SdkHttpMetadata` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    pub request_id: String,
    /// The length of the answer's body in bytes.
    pub length: usize,
}

impl Exchange {
    pub fn new(request_id: impl Into<String>, length: usize) -> Self {
        Self { request_id: request_id.into(), length }
    }
}

/// Why a function returned no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// The function itself failed: what AWS reports as `FunctionError: Unhandled`, with the payload
    /// `{"errorMessage", "errorType"}`.
    #[error("{error_type}: {message}")]
    Failed { error_type: String, message: String },
    /// The function itself failed, with its original payload, which becomes the cause unchanged.
    #[error("the function failed")]
    Unhandled { payload: String },
    #[error("Function not found: {0}")]
    NotFound(String),
    /// Lambda refused to run the function, or could not be reached.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// Why a service call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {message}")]
#[non_exhaustive]
pub struct ServiceError {
    /// What Catch and Retry match, for example `DynamoDB.ConditionalCheckFailedException`.
    pub error: String,
    pub message: String,
    /// The service's own answer. `None` if none arrived, or if it does not look like a refusal.
    pub refusal: Option<Refusal>,
}

impl ServiceError {
    /// A failure without an answer from the service.
    pub fn new(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error: error.into(), message: message.into(), refusal: None }
    }

    /// The failure that the service reported with `refusal`.
    #[must_use]
    pub fn refused(self, refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..self }
    }
}

/// A service's answer that reports a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The service's own name for the error. `NotFound` of SNS, for example, is caught as `SNS.NotFoundException`.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    pub request_id: String,
}

impl Refusal {
    pub fn new(code: impl Into<String>, status: u16, request_id: impl Into<String>) -> Self {
        Self { code: code.into(), status, request_id: request_id.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_is_cancelled_when_its_canceller_is_dropped() {
        let (canceller, cancellation) = Cancellation::new();
        let copy = cancellation.clone();
        assert!(!copy.is_cancelled());
        drop(canceller);
        copy.cancelled().await;
        assert!(cancellation.is_cancelled());
        assert!(!Cancellation::never().is_cancelled());
    }

    #[test]
    fn each_part_of_an_attempt_has_its_own_key() {
        let attempt = Attempt::detached();
        assert_eq!(attempt.part(1).idempotency_key, attempt.part(1).idempotency_key);
        assert_ne!(attempt.part(1).idempotency_key, attempt.part(2).idempotency_key);
    }
}
