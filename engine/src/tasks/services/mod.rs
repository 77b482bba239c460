//! Makes the call of a task and converts the answer or failure into AWS's format.

mod failures;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

pub(super) use self::failures::Failure;
use self::failures::{function_failure, sdk_failure, service_failure};
use super::envelope;
use crate::{
    Attempt, FunctionError, Invocation, InvocationType, Options, ServiceAnswer, ServiceCall, ServiceError,
    engine::{CallOutcome, Engine},
    interpreter::{Payload, Work},
};

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

/// Why a call has no answer.
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

/// Calls S3 for a map run. A failure is its cause as the optimised integrations report it.
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

/// Makes a call that no execution waits for. A failure consists of its error and cause.
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
        // A string is the body of the request. Lambda refuses a body that is not JSON. Here it stays a string.
        Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        Some(payload) => payload,
    };
    Ok(Invocation { qualifier, invocation_type, client_context, log_tail, ..Invocation::new(function, payload) })
}

/// The ARN with which Lambda reports a missing function. It includes the version or alias, or `$LATEST`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_has_all_parameters_of_lambda() {
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
    fn a_string_as_payload_is_the_body_of_the_request() {
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
    fn a_missing_function_is_reported_with_its_qualifier() {
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
