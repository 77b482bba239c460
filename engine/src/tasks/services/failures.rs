//! How AWS reports failed calls of functions and services.

use serde_json::{Value, json};

use crate::{FunctionError, Refusal, ServiceError, names::pascal_case};

/// AWS's limits on an error and a cause, in characters.
const MAX_ERROR: usize = 256;
const MAX_CAUSE: usize = 32_768;

/// Why a call failed, as Retry and Catch see it.
#[derive(Debug, Clone)]
pub(in crate::tasks) struct Failure {
    pub error: String,
    pub cause: String,
}

impl Failure {
    /// Truncates to the limits of SendTaskFailure, because a service may answer with any length.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: shortened(error.into(), MAX_ERROR), cause: shortened(cause.into(), MAX_CAUSE) }
    }
}

fn shortened(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    text
}

/// The failure of a function has the error type that the function reports. The cause is its payload.
pub(super) fn function_failure(function: &str, error: FunctionError) -> Failure {
    match error {
        FunctionError::Failed { error_type, message } => {
            let cause = json!({"errorMessage": message, "errorType": error_type}).to_string();
            Failure::new(error_type, cause)
        }
        FunctionError::Unhandled { payload } => match error_type(&payload) {
            Some(error_type) => Failure::new(error_type, payload),
            None => Failure::new(
                "Lambda.Unknown",
                format!(
                    "The cause could not be determined because Lambda did not return an error type. Returned payload: \
                     {payload}"
                ),
            ),
        },
        FunctionError::NotFound(_) => service_failure(&ServiceError {
            error: "Lambda.ResourceNotFoundException".into(),
            message: format!("Function not found: {function}"),
            refusal: Some(Refusal {
                code: "ResourceNotFoundException".into(),
                status: 404,
                request_id: uuid::Uuid::new_v4().to_string(),
            }),
        }),
        FunctionError::Service(error) => service_failure(&error),
    }
}

/// The error type in the payload of a failed function. There is none after a timeout, or if the process died: see "Handle Lambda service exceptions" in the developer guide.
fn error_type(payload: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    payload["errorType"].as_str().filter(|error_type| !error_type.is_empty()).map(str::to_owned)
}

/// `DynamoDB.ConditionalCheckFailedException`, as the optimised integrations report it.
pub(super) fn service_failure(error: &ServiceError) -> Failure {
    let Some(Refusal { code, status, request_id }) = &error.refusal else {
        return Failure::new(&error.error, &error.message);
    };
    // The service's name in the SDK of these integrations.
    let service = match error.error.split_once('.').map_or("", |(service, _)| service) {
        "DynamoDB" => "AmazonDynamoDBv2".to_owned(),
        "Lambda" => "AWSLambda".to_owned(),
        "S3" => "Amazon S3".to_owned(),
        service => format!("Amazon{service}"),
    };
    let cause = format!(
        "{} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)",
        error.message
    );
    Failure::new(&error.error, cause)
}

/// `DynamoDb.ConditionalCheckFailedException`, as `aws-sdk:*` reports it.
pub(super) fn sdk_failure(service: &str, error: ServiceError) -> Failure {
    let code = match error.error.split_once('.') {
        // Refused by the engine, not by the service.
        Some(("States", _)) => return Failure::new(error.error, error.message),
        Some((_, code)) => code,
        None => &error.error,
    };
    let service = sdk_name(service);
    // As in the SDK, an error that the API does not model is named after the service.
    let unmodelled = code.starts_with("Amazon") || code == "AWSLambdaException";
    let code = if unmodelled { format!("{service}Exception") } else { code.to_owned() };
    let cause = match error.refusal {
        None => error.message,
        Some(Refusal { status, request_id, .. }) => {
            format!("{} (Service: {service}, Status Code: {status}, Request ID: {request_id})", error.message)
        }
    };
    Failure::new(format!("{service}.{code}"), cause)
}

/// The service's name in the SDK for Java, which prefixes the errors of `aws-sdk:*`.
fn sdk_name(service: &str) -> String {
    match service {
        "dynamodb" => "DynamoDb".to_owned(),
        "eventbridge" => "EventBridge".to_owned(),
        other => pascal_case(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_of_a_function_has_its_error_type_and_payload() {
        let failed = FunctionError::Failed { error_type: "Unavailable".into(), message: "try later".into() };
        let failure = function_failure("f", failed);
        assert_eq!(failure.error, "Unavailable");
        assert_eq!(failure.cause, r#"{"errorMessage":"try later","errorType":"Unavailable"}"#);
    }

    fn refused(error: &str, code: &str) -> ServiceError {
        let refusal = Refusal { code: code.into(), status: 400, request_id: "R".into() };
        ServiceError { error: error.into(), message: "No".into(), refusal: Some(refusal) }
    }

    #[test]
    fn optimised_and_sdk_integrations_name_errors_differently() {
        let error = refused("DynamoDB.ConditionalCheckFailedException", "ConditionalCheckFailedException");
        assert_eq!(
            service_failure(&error).cause,
            "No (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException; Request ID: \
             R; Proxy: null)"
        );
        let failure = sdk_failure("dynamodb", error);
        assert_eq!(failure.error, "DynamoDb.ConditionalCheckFailedException");
        assert_eq!(failure.cause, "No (Service: DynamoDb, Status Code: 400, Request ID: R)");
    }

    #[test]
    fn an_error_that_the_api_does_not_model_is_named_after_the_service() {
        let error = refused("SNS.AmazonSNSException", "KMSUnknown");
        assert_eq!(service_failure(&error).error, "SNS.AmazonSNSException");
        assert_eq!(sdk_failure("sns", error).error, "Sns.SnsException");
        let error = refused("DynamoDB.AmazonDynamoDBException", "ValidationException");
        assert_eq!(sdk_failure("dynamodb", error).error, "DynamoDb.DynamoDbException");
    }

    #[test]
    fn a_missing_answer_is_reported_as_an_error_of_the_client() {
        let error = ServiceError {
            error: "SQS.SdkClientException".into(),
            message: "Unable to execute HTTP request: Connection refused".into(),
            refusal: None,
        };
        let failure = service_failure(&error);
        assert_eq!(failure.error, "SQS.SdkClientException");
        assert_eq!(failure.cause, "Unable to execute HTTP request: Connection refused");
        let failure = sdk_failure("sqs", error);
        assert_eq!(failure.error, "Sqs.SdkClientException");
        assert_eq!(failure.cause, "Unable to execute HTTP request: Connection refused");
    }

    #[test]
    fn the_payload_of_a_failed_function_becomes_the_cause_unchanged() {
        let payload = r#"{"errorMessage": "no", "errorType": "Exception", "stackTrace": ["  File \"a.py\""]}"#;
        let failure = function_failure("f", FunctionError::Unhandled { payload: payload.into() });
        assert_eq!((failure.error.as_str(), failure.cause.as_str()), ("Exception", payload));
    }

    #[test]
    fn a_function_that_fails_without_an_error_type_has_an_unknown_error() {
        let payload = r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#;
        let failure = function_failure("f", FunctionError::Unhandled { payload: payload.into() });
        assert_eq!(failure.error, "Lambda.Unknown");
        assert!(failure.cause.ends_with(&format!("Returned payload: {payload}")), "{}", failure.cause);
    }

    #[test]
    fn errors_and_causes_are_truncated_to_the_limits_of_aws() {
        let payload = json!({"errorType": "ä".repeat(300), "errorMessage": "ü".repeat(40_000)}).to_string();
        let failure = function_failure("f", FunctionError::Unhandled { payload });
        assert_eq!(failure.error.chars().count(), 256);
        assert_eq!(failure.cause.chars().count(), 32_768);
    }
}
