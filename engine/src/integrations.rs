//! What the engine asks of the world outside: functions and services that its Task states call.

use async_trait::async_trait;
use serde_json::Value;

/// The world outside, given by whoever embeds the engine.
///
/// Calls are made at least once: one that was under way when the process died is made again after it starts.
#[async_trait]
pub trait Integrations: Send + Sync + 'static {
    /// Runs the function that `lambda:invoke` or a Lambda ARN names. The answer is the function's own (the engine adds
    /// AWS's envelope where there is one).
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError>;

    /// Calls an AWS service's action, say `dynamodb` and `putItem`, with parameters in that service's JSON. `aws-sdk:`
    /// does not stand before the service; only there EventBridge is `eventbridge`, otherwise it is `events`.
    async fn call_service(&self, service: &str, action: &str, parameters: Value)
    -> Result<ServiceAnswer, ServiceError>;

    /// Gets the object with a map run's items from S3, `Body` as text. Other than a Task's, it may be long: up to
    /// 32 MiB are taken. By default the same as `getObject` of `s3`.
    async fn read_object(&self, parameters: Value) -> Result<ServiceAnswer, ServiceError> {
        self.call_service("s3", "getObject", parameters).await
    }

    /// Why no Task can call this action here, as half a sentence: "it needs --sqs-endpoint". A definition that has it
    /// is then refused. `None`, which is the default, when it can be called. Never asked of `lambda:invoke`: which
    /// functions there are is only known when they are called.
    fn unavailable(&self, service: &str, action: &str) -> Option<String> {
        let _ = (service, action);
        None
    }
}

/// How a function is to be run.
#[derive(Clone)]
pub struct Invocation {
    /// `FunctionName`, or the ARN that is the Task's Resource.
    pub function: String,
    pub payload: Value,
    /// A version or an alias.
    pub qualifier: Option<String>,
    pub invocation_type: InvocationType,
    /// In base64.
    pub client_context: Option<String>,
    /// `LogType: Tail`: the end of the function's log is wanted too.
    pub log_tail: bool,
}

impl Invocation {
    /// Runs a function and waits for its answer.
    pub fn new(function: impl Into<String>, payload: Value) -> Self {
        Self {
            function: function.into(),
            payload,
            qualifier: None,
            invocation_type: InvocationType::RequestResponse,
            client_context: None,
            log_tail: false,
        }
    }
}

/// Lambda's `InvocationType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvocationType {
    RequestResponse,
    /// The function runs later; nobody waits for its answer.
    Event,
    /// The function does not run: only whether it could is asked.
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

/// What a function answered. Made of a JSON value where that is all there is.
#[derive(Clone)]
pub struct Invoked {
    /// `None` when nobody waited for it.
    pub payload: Option<Value>,
    /// 200; 202 of an `Event`, 204 of a `DryRun`.
    pub status: u16,
    pub executed_version: Option<String>,
    /// The end of the function's log, in base64.
    pub log_result: Option<String>,
    pub exchange: Option<Exchange>,
}

impl From<Value> for Invoked {
    fn from(payload: Value) -> Self {
        let executed_version = Some("$LATEST".to_owned());
        Self { payload: Some(payload), status: 200, executed_version, log_result: None, exchange: None }
    }
}

/// What a service answered. Made of a JSON value where that is all there is.
#[derive(Clone)]
pub struct ServiceAnswer {
    pub output: Value,
    pub exchange: Option<Exchange>,
}

impl From<Value> for ServiceAnswer {
    fn from(output: Value) -> Self {
        Self { output, exchange: None }
    }
}

/// An exchange over HTTP, as `SdkHttpMetadata` tells of it. Where there was none, the engine makes one up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub request_id: String,
    /// Bytes of the answer's body.
    pub length: usize,
}

/// Why a function gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The function itself failed: what AWS reports as `FunctionError: Unhandled`, with the payload
    /// `{"errorMessage", "errorType"}`.
    #[error("{error_type}: {message}")]
    Failed { error_type: String, message: String },
    /// The same with the payload as it came, stack trace and all: it becomes the cause to the letter.
    #[error("the function failed")]
    Unhandled { payload: String },
    #[error("Function not found: {0}")]
    NotFound(String),
    /// Lambda refused to run it, or could not be reached.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// Why a service did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {message}")]
pub struct ServiceError {
    /// `DynamoDB.ConditionalCheckFailedException`: what Catch and Retry match.
    pub error: String,
    pub message: String,
    /// The service's own answer. `None` when none came, or when it does not look like a refusal.
    pub refusal: Option<Refusal>,
}

/// How a service said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The service's own name for the error, say `NotFound` of what is caught as `SNS.NotFoundException`.
    pub code: String,
    pub status: u16,
    pub request_id: String,
}
