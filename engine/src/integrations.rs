//! What the engine asks of the world outside: functions and services that its Task states call.

use async_trait::async_trait;
use serde_json::Value;

/// The world outside, given by whoever embeds the engine.
///
/// Calls are made at least once: one that was under way when the process died is made again after it starts.
#[async_trait]
pub trait Integrations: Send + Sync + 'static {
    /// Runs the function that `lambda:invoke` or a Lambda ARN names; `function` is the `FunctionName` or ARN as it
    /// stands in the definition. The answer is the function's own (the engine adds AWS's envelope where there is one).
    async fn invoke_function(&self, function: &str, payload: Value) -> Result<Value, FunctionError>;

    /// Calls an AWS service's action, say `dynamodb` and `putItem`, with parameters in that service's JSON.
    async fn call_service(&self, service: &str, action: &str, parameters: Value) -> Result<Value, ServiceError>;
}

/// Why a function gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The function itself failed: what AWS reports as `FunctionError: Unhandled`, with the payload
    /// `{"errorMessage", "errorType"}`.
    #[error("{error_type}: {message}")]
    Failed { error_type: String, message: String },
    #[error("Function not found: {0}")]
    NotFound(String),
}

/// A service's refusal, as `DynamoDB.ConditionalCheckFailedException` with the service's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {message}")]
pub struct ServiceError {
    /// `DynamoDB.ConditionalCheckFailedException`: what Catch and Retry match.
    pub error: String,
    pub message: String,
    pub status: u16,
    pub request_id: String,
}
