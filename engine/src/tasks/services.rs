//! Making a task's call and putting its answer, or its failure, into the shape that AWS gives it.

use serde_json::{Map, Value, json};

use super::envelope;
use crate::{
    FunctionError, ServiceError,
    engine::Engine,
    interpreter::{Payload, Work},
};

/// Why a call failed: what Retry and Catch match, and why.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub error: String,
    pub cause: String,
}

pub(super) async fn perform(engine: &Engine, work: Work) -> Result<Payload, Failure> {
    match work {
        Work::Function { function, payload } => {
            let answer = engine.integrations.invoke_function(&function, payload).await;
            answer.map(Payload::from).map_err(|error| function_failure(&function, error))
        }
        Work::Service { service, action, parameters, .. } => match service.strip_prefix("aws-sdk:") {
            Some("sfn") => super::nested::call_ourselves(engine, &action, parameters).await,
            Some(service) => {
                let answer = engine.integrations.call_service(service, &action, parameters).await;
                answer.map(Payload::from).map_err(|error| sdk_failure(service, &error))
            }
            None if service == "lambda" && action == "invoke" => invoke(engine, parameters).await,
            None => {
                let answer = engine.integrations.call_service(&service, &action, parameters).await;
                let answer = answer.map_err(|error| service_failure(&error))?;
                let length = answer.to_string().len();
                let members = match answer {
                    Value::Object(members) => members,
                    _ => Map::new(),
                };
                Ok(envelope::answer(members, length, engine.clock.now()).into())
            }
        },
        // Activities are offered to workers, not called.
        Work::Activity { activity_arn, .. } => Err(Failure {
            error: "States.Runtime".into(),
            cause: format!("The activity {activity_arn} was called like a function"),
        }),
    }
}

/// Makes a call on which no execution waits; a failure is its error and cause.
pub(crate) async fn call_once(engine: &Engine, work: Work) -> Result<Payload, (String, String)> {
    perform(engine, work).await.map_err(|failure| (failure.error, failure.cause))
}

/// `lambda:invoke`.
async fn invoke(engine: &Engine, mut parameters: Value) -> Result<Payload, Failure> {
    let function = match parameters.get("FunctionName") {
        Some(Value::String(function)) => function.clone(),
        _ => {
            return Err(Failure {
                error: "States.Runtime".into(),
                cause: "The field 'FunctionName' is required and must be a string".into(),
            });
        }
    };
    let payload = parameters.get_mut("Payload").map_or_else(|| json!({}), Value::take);
    let answer = engine.integrations.invoke_function(&function, payload).await;
    let answer = answer.map_err(|error| function_failure(&function, error))?;
    Ok(envelope::invocation(answer, engine.clock.now()).into())
}

/// A function that failed gives its own error's type; the cause is what it answered, as JSON.
fn function_failure(function: &str, error: FunctionError) -> Failure {
    match error {
        FunctionError::Failed { error_type, message } => {
            let cause = json!({"errorMessage": message, "errorType": error_type}).to_string();
            Failure { error: error_type, cause }
        }
        FunctionError::NotFound(_) => Failure {
            error: "Lambda.ResourceNotFoundException".into(),
            cause: format!(
                "Function not found: {function} (Service: AWSLambda; Status Code: 404; Error Code: \
                 ResourceNotFoundException; Request ID: {}; Proxy: null)",
                uuid::Uuid::new_v4()
            ),
        },
    }
}

/// `DynamoDB.ConditionalCheckFailedException`, as the optimised integrations report it.
fn service_failure(error: &ServiceError) -> Failure {
    let (service, code) = error.error.split_once('.').unwrap_or(("", &error.error));
    // What the SDK of these integrations calls the service.
    let service = if service == "DynamoDB" { "AmazonDynamoDBv2".to_owned() } else { format!("Amazon{service}") };
    let cause = format!(
        "{} (Service: {service}; Status Code: {}; Error Code: {code}; Request ID: {}; Proxy: null)",
        error.message, error.status, error.request_id
    );
    Failure { error: error.error.clone(), cause }
}

/// `DynamoDb.ConditionalCheckFailedException`, as `aws-sdk:*` reports it.
fn sdk_failure(service: &str, error: &ServiceError) -> Failure {
    let (_, code) = error.error.split_once('.').unwrap_or(("", &error.error));
    let service = sdk_name(service);
    let cause = format!(
        "{} (Service: {service}, Status Code: {}, Request ID: {})",
        error.message, error.status, error.request_id
    );
    Failure { error: format!("{service}.{code}"), cause }
}

/// What the SDK for Java calls the service, which `aws-sdk:*` puts before its errors.
pub(super) fn sdk_name(service: &str) -> String {
    match service {
        "dynamodb" => "DynamoDb".to_owned(),
        "eventbridge" => "EventBridge".to_owned(),
        other => {
            let mut letters = other.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_functions_failure_carries_its_type_and_answer() {
        let failed = FunctionError::Failed { error_type: "Unavailable".into(), message: "try later".into() };
        let failure = function_failure("f", failed);
        assert_eq!(failure.error, "Unavailable");
        assert_eq!(failure.cause, r#"{"errorMessage":"try later","errorType":"Unavailable"}"#);
    }

    #[test]
    fn the_two_kinds_of_integration_name_the_same_error_differently() {
        let error = ServiceError {
            error: "DynamoDB.ConditionalCheckFailedException".into(),
            message: "The conditional request failed".into(),
            status: 400,
            request_id: "R".into(),
        };
        assert_eq!(
            service_failure(&error).cause,
            "The conditional request failed (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: \
             ConditionalCheckFailedException; Request ID: R; Proxy: null)"
        );
        let failure = sdk_failure("dynamodb", &error);
        assert_eq!(failure.error, "DynamoDb.ConditionalCheckFailedException");
        assert_eq!(
            failure.cause,
            "The conditional request failed (Service: DynamoDb, Status Code: 400, Request ID: R)"
        );
    }
}
