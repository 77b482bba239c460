//! Makes the call of a task and converts the answer or failure into AWS's format.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::envelope;
use crate::{
    Attempt, FunctionError, Invocation, InvocationType, Options, Refusal, ServiceAnswer, ServiceCall, ServiceError,
    engine::{CallOutcome, Engine},
    interpreter::{Payload, Work},
    names::pascal_case,
};

/// AWS's limits on an error and a cause, in characters.
const MAX_ERROR: usize = 256;
const MAX_CAUSE: usize = 32_768;

/// Why a call failed: what Retry and Catch match, and why.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub error: String,
    pub cause: String,
}

/// Makes a call in a task of its own, so that a panic ends only that call.
pub(super) async fn perform_alone(engine: &Arc<Engine>, work: Work, attempt: Attempt) -> Result<Payload, Failure> {
    let calls_function = match &work {
        Work::Function { .. } => true,
        Work::Service { service, action, .. } => service == "lambda" && action == "invoke",
        _ => false,
    };
    let performed = {
        let engine = engine.clone();
        alone(async move { perform(&engine, work, attempt).await }).await
    };
    performed.unwrap_or_else(|no_answer| {
        Err(match no_answer {
            NoAnswer::TooLate if calls_function => {
                // As Lambda reports a function that timed out.
                let message = format!("Task timed out after {:.2} seconds", Attempt::LONGEST.as_secs_f32());
                let payload = json!({"errorMessage": message}).to_string();
                function_failure("", FunctionError::Unhandled { payload })
            }
            no_answer => Failure::new("States.TaskFailed", no_answer.to_string()),
        })
    })
}

/// Why a call came to no end.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    /// The panic hook has logged what it was.
    #[error("The call failed unexpectedly")]
    Panicked,
    #[error("No answer within {} seconds", Attempt::LONGEST.as_secs())]
    TooLate,
}

/// Runs a call in a task of its own. The call is dropped when it takes longer than [`Attempt::LONGEST`], and when this
/// future is dropped.
async fn alone<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> Result<T, NoAnswer> {
    let mut task = JoinSet::new();
    task.spawn(call);
    match tokio::time::timeout(Attempt::LONGEST, task.join_next()).await {
        Ok(Some(Ok(answer))) => Ok(answer),
        Ok(_) => Err(NoAnswer::Panicked),
        Err(_) => Err(NoAnswer::TooLate),
    }
}

async fn perform(engine: &Engine, work: Work, attempt: Attempt) -> Result<Payload, Failure> {
    match work {
        Work::Function { function, payload } => {
            let invocation = Invocation { attempt, ..Invocation::new(function.clone(), payload.into_value()) };
            let invoked = engine.integrations.invoke_function(invocation).await;
            let invoked = invoked.map_err(|error| function_failure(&function, error))?;
            Ok(invoked.payload.unwrap_or_default().into())
        }
        Work::Service { service, action, parameters, .. } => {
            let parameters = parameters.into_value();
            match service.strip_prefix("aws-sdk:") {
                Some("sfn") => super::nested::call_ourselves(engine, &action, parameters).await,
                Some(service) => {
                    let call = ServiceCall { service: service.to_owned(), action, parameters, attempt };
                    let answer = engine.integrations.call_service(call).await;
                    let answer = answer.map_err(|error| sdk_failure(service, error))?;
                    Ok(as_sdk_names(service, answer.output).into())
                }
                None if service == "lambda" && action == "invoke" => invoke(engine, parameters, attempt).await,
                None => {
                    let call = ServiceCall { service: service.clone(), action, parameters, attempt };
                    let answer = engine.integrations.call_service(call).await;
                    let ServiceAnswer { output, exchange } = answer.map_err(|error| service_failure(&error))?;
                    let output = envelope::answer(&service, output, exchange, engine.clock.now());
                    if service == "events" && output["FailedEntryCount"].as_u64().is_some_and(|failed| failed > 0) {
                        return Err(Failure::new("EventBridge.FailedEntry", output.to_string()));
                    }
                    Ok(output.into())
                }
            }
        }
        // Workers poll for activity tasks; they are not called.
        Work::Activity { activity_arn, .. } => {
            let cause = format!("The activity {activity_arn} was called like a function");
            Err(Failure::new("States.Runtime", cause))
        }
        // Handled by the tasks of map runs.
        Work::ReadItems(_) | Work::WriteResults { .. } => {
            Err(Failure::new("States.Runtime", "A map run's data was called like a function"))
        }
    }
}

/// Calls S3 for a map run. A failure is its cause, in the words of the optimised integrations.
pub(super) async fn call_s3(
    engine: &Arc<Engine>,
    action: &str,
    parameters: Value,
    attempt: Attempt,
) -> Result<Value, String> {
    let integrations = engine.integrations.clone();
    let call = ServiceCall { attempt, ..ServiceCall::new("s3", action, parameters) };
    s3_output(alone(async move { integrations.call_service(call).await }).await)
}

/// Gets the object with a map run's items.
pub(super) async fn read_object(engine: &Arc<Engine>, parameters: Value, attempt: Attempt) -> Result<Value, String> {
    let integrations = engine.integrations.clone();
    let call = ServiceCall { attempt, ..ServiceCall::new("s3", "getObject", parameters) };
    s3_output(alone(async move { integrations.read_object(call).await }).await)
}

fn s3_output(answer: Result<Result<ServiceAnswer, ServiceError>, NoAnswer>) -> Result<Value, String> {
    let answer = answer.map_err(|no_answer| no_answer.to_string())?;
    answer.map(|answer| answer.output).map_err(|error| service_failure(&error).cause)
}

/// Makes a call that no execution waits for. A failure is its error and cause.
pub(crate) fn call_once(engine: &Engine, work: Work) -> CallOutcome<'_> {
    Box::pin(async move {
        perform(engine, work, Attempt::detached()).await.map_err(|failure| (failure.error, failure.cause))
    })
}

/// `lambda:invoke`.
async fn invoke(engine: &Engine, parameters: Value, attempt: Attempt) -> Result<Payload, Failure> {
    let invocation = Invocation { attempt, ..invocation(parameters)? };
    let function = qualified(&engine.options, &invocation);
    let invoked = engine.integrations.invoke_function(invocation).await;
    let invoked = invoked.map_err(|error| function_failure(&function, error))?;
    Ok(envelope::invocation(invoked, engine.clock.now()).into())
}

fn invocation(mut parameters: Value) -> Result<Invocation, Failure> {
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).map(str::to_owned);
    let wrong = |why: &str| Failure::new("States.Runtime", why);
    let function =
        text("FunctionName").ok_or_else(|| wrong("The field 'FunctionName' is required and must be a string"))?;
    let invocation_type = match parameters.get("InvocationType").map(Value::as_str) {
        None | Some(Some("RequestResponse")) => InvocationType::RequestResponse,
        Some(Some("Event")) => InvocationType::Event,
        Some(Some("DryRun")) => InvocationType::DryRun,
        Some(_) => return Err(wrong("The field 'InvocationType' must be one of Event, RequestResponse, DryRun")),
    };
    let (qualifier, client_context) = (text("Qualifier"), text("ClientContext"));
    let log_tail = parameters.get("LogType").and_then(Value::as_str) == Some("Tail");
    let payload = match parameters.get_mut("Payload").map(Value::take) {
        None | Some(Value::Null) => json!({}),
        // A text is the request's body. Lambda refuses one that is no JSON; here the function gets it as a string.
        Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        Some(payload) => payload,
    };
    Ok(Invocation { qualifier, invocation_type, client_context, log_tail, ..Invocation::new(function, payload) })
}

/// The ARN by which Lambda names a function that is missing: with its version or alias, or `$LATEST`.
fn qualified(options: &Options, invocation: &Invocation) -> String {
    let rest = invocation.function.split_once("function:").map_or(&*invocation.function, |(_, rest)| rest);
    let (name, own) = rest.split_once(':').map_or((rest, None), |(name, qualifier)| (name, Some(qualifier)));
    let qualifier = invocation.qualifier.as_deref().or(own).unwrap_or("$LATEST");
    let prefix = match invocation.function.split_once(":function:") {
        Some((prefix, _)) if prefix.starts_with("arn:") => prefix.to_owned(),
        _ => format!("arn:aws:lambda:{}:{}", options.region, options.account_id),
    };
    format!("{prefix}:function:{name}:{qualifier}")
}

impl Failure {
    /// Truncates to the limits of SendTaskFailure, because a service may answer with any length.
    fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: shortened(error.into(), MAX_ERROR), cause: shortened(cause.into(), MAX_CAUSE) }
    }
}

fn shortened(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    text
}

/// A function that failed gives its own error's type; the cause is what it answered, as JSON.
fn function_failure(function: &str, error: FunctionError) -> Failure {
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

/// A timeout, or a process that died, has none: see "Handle Lambda service exceptions" in the developer guide.
fn error_type(payload: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    payload["errorType"].as_str().filter(|error_type| !error_type.is_empty()).map(str::to_owned)
}

/// `DynamoDB.ConditionalCheckFailedException`, as the optimised integrations report it.
fn service_failure(error: &ServiceError) -> Failure {
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
fn sdk_failure(service: &str, error: ServiceError) -> Failure {
    let code = match error.error.split_once('.') {
        // Refused by the engine, not by the service.
        Some(("States", _)) => return Failure::new(error.error, error.message),
        Some((_, code)) => code,
        None => &error.error,
    };
    let service = sdk_name(service);
    // What a service's API does not model has the name of the whole service, as the SDK has it.
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

/// Names members as the SDK for Java does, in Pascal case: SQS's `MD5OfBody` is `md5OfBody` there.
fn as_sdk_names(service: &str, output: Value) -> Value {
    match output {
        Value::Object(members) if service == "sqs" => members
            .into_iter()
            .map(|(name, value)| {
                let name = name.strip_prefix("MD5").map(|rest| format!("Md5{rest}")).unwrap_or(name);
                (name, as_sdk_names(service, value))
            })
            .collect(),
        Value::Array(items) if service == "sqs" => items.into_iter().map(|item| as_sdk_names(service, item)).collect(),
        other => other,
    }
}

/// The service's name in the SDK for Java, which prefixes the errors of `aws-sdk:*`.
pub(super) fn sdk_name(service: &str) -> String {
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
    fn a_functions_failure_carries_its_type_and_answer() {
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
    fn the_two_kinds_of_integration_name_the_same_error_differently() {
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
    fn what_an_api_does_not_model_has_the_name_of_the_whole_service() {
        let error = refused("SNS.AmazonSNSException", "KMSUnknown");
        assert_eq!(service_failure(&error).error, "SNS.AmazonSNSException");
        assert_eq!(sdk_failure("sns", error).error, "Sns.SnsException");
        let error = refused("DynamoDB.AmazonDynamoDBException", "ValidationException");
        assert_eq!(sdk_failure("dynamodb", error).error, "DynamoDb.DynamoDbException");
    }

    #[test]
    fn a_service_that_gave_no_answer_is_the_clients_failure() {
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
    fn a_functions_own_payload_is_the_cause_to_the_letter() {
        let payload = r#"{"errorMessage": "no", "errorType": "Exception", "stackTrace": ["  File \"a.py\""]}"#;
        let failure = function_failure("f", FunctionError::Unhandled { payload: payload.into() });
        assert_eq!((failure.error.as_str(), failure.cause.as_str()), ("Exception", payload));
    }

    #[test]
    fn a_function_that_gave_no_error_type_failed_for_unknown_reasons() {
        let payload = r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#;
        let failure = function_failure("f", FunctionError::Unhandled { payload: payload.into() });
        assert_eq!(failure.error, "Lambda.Unknown");
        assert!(failure.cause.ends_with(&format!("Returned payload: {payload}")), "{}", failure.cause);
    }

    #[test]
    fn errors_and_causes_are_no_longer_than_awss() {
        let payload = json!({"errorType": "ä".repeat(300), "errorMessage": "ü".repeat(40_000)}).to_string();
        let failure = function_failure("f", FunctionError::Unhandled { payload });
        assert_eq!(failure.error.chars().count(), 256);
        assert_eq!(failure.cause.chars().count(), 32_768);
    }

    #[test]
    fn an_invocation_is_asked_for_with_all_that_lambda_takes() {
        let asked = invocation(json!({
            "FunctionName": "f", "Qualifier": "live", "InvocationType": "Event", "LogType": "Tail",
            "ClientContext": "e30=", "Payload": {"a": 1}
        }))
        .unwrap();
        assert_eq!(asked.function, "f");
        assert_eq!(asked.qualifier.as_deref(), Some("live"));
        assert_eq!(asked.invocation_type, InvocationType::Event);
        assert_eq!(asked.client_context.as_deref(), Some("e30="));
        assert!(asked.log_tail);
        assert_eq!(asked.payload, json!({"a": 1}));
        assert!(invocation(json!({"FunctionName": "f", "InvocationType": "Later"})).is_err());
    }

    #[test]
    fn a_text_as_payload_is_the_body_itself() {
        let payload = |payload: Value| invocation(json!({"FunctionName": "f", "Payload": payload})).map(|i| i.payload);
        for (given, sent) in [
            (json!("{}"), json!({})),
            (json!("\"HelloWorld\""), json!("HelloWorld")),
            (json!("0"), json!(0)),
            (json!("[1]"), json!([1])),
            (json!("true"), json!(true)),
            (json!("null"), Value::Null),
            (json!("HelloWorld"), json!("HelloWorld")),
            (Value::Null, json!({})),
            (json!({"a": "0"}), json!({"a": "0"})),
        ] {
            assert_eq!(payload(given.clone()).unwrap(), sent, "{given}");
        }
    }

    #[test]
    fn a_missing_function_is_named_with_its_qualifier() {
        let options = Options::new("000000000000", "eu-west-2");
        let named = |function: &str, qualifier: Option<&str>| {
            let qualifier = qualifier.map(str::to_owned);
            qualified(&options, &Invocation { qualifier, ..Invocation::new(function, Value::Null) })
        };
        let arn = "arn:aws:lambda:eu-west-2:000000000000:function:greet";
        assert_eq!(named("greet", None), format!("{arn}:$LATEST"));
        assert_eq!(named(arn, None), format!("{arn}:$LATEST"));
        assert_eq!(named("greet:live", None), format!("{arn}:live"));
        assert_eq!(named(arn, Some("3")), format!("{arn}:3"));
    }
}
