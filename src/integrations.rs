//! The integrations of the embedded Step Functions: the desk's functions, the embedded DynamoDB, and external
//! endpoints.

use std::sync::Weak;

use asl_engine::{
    FunctionError, Integrations, Invocation, Invoked, Refusal, ServiceAnswer, ServiceCall, ServiceError,
    endpoints::Endpoints,
};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;

use crate::{
    aws::{Embedded, Target},
    changes::Changes,
    functions::Functions,
    random,
};

pub struct DeskIntegrations {
    pub functions: Functions,
    /// Weak, because the embedded Step Functions owns these integrations.
    pub embedded: Weak<Embedded>,
    /// Endpoints of other functions and services.
    pub endpoints: Endpoints,
    pub changes: Changes,
}

#[async_trait]
impl Integrations for DeskIntegrations {
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError> {
        if Functions::has(&invocation.function) {
            self.functions.invoke(&invocation.function, invocation.payload).await.map(Invoked::from)
        } else {
            self.endpoints.invoke_function(invocation).await
        }
    }

    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        if call.service != "dynamodb" {
            return self.endpoints.call_service(call).await;
        }
        let operation = capitalised(&call.action);
        let embedded = self
            .embedded
            .upgrade()
            .ok_or_else(|| ServiceError::new("DynamoDB.InternalServerError", "The embedded DynamoDB is closed"))?;
        let answer = embedded.answer(Target::DynamoDb(&operation), Bytes::from(call.parameters.to_string())).await;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status == 200 {
            // Writes by the workflow also change what pages show.
            self.changes.nudge();
            return Ok(body.into());
        }
        let code = body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default();
        let message = body.get("message").or_else(|| body.get("Message")).and_then(Value::as_str).unwrap_or_default();
        let refusal = Refusal::new(code, answer.status, random::id());
        Err(ServiceError::new(error_name(code), message).refused(refusal))
    }

    async fn read_object(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        self.endpoints.read_object(call).await
    }

    fn unavailable(&self, service: &str, action: &str) -> Option<String> {
        if service == "dynamodb" { None } else { self.endpoints.unavailable(service, action) }
    }
}

/// The operation of an action: `updateItem` is `UpdateItem`.
fn capitalised(action: &str) -> String {
    let mut letters = action.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// The error name that the optimised DynamoDB integration uses. All errors that its API does not model have the same
/// name.
fn error_name(code: &str) -> String {
    match code {
        "ValidationException" | "SerializationException" | "UnknownOperationException" | "" => {
            "DynamoDB.AmazonDynamoDBException".to_owned()
        }
        code => format!("DynamoDB.{code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_names_that_catchers_and_retriers_match() {
        assert_eq!(error_name("ConditionalCheckFailedException"), "DynamoDB.ConditionalCheckFailedException");
        assert_eq!(error_name("ValidationException"), "DynamoDB.AmazonDynamoDBException");
        assert_eq!(capitalised("updateItem"), "UpdateItem");
    }
}
