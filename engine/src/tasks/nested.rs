//! Tasks that call Step Functions itself: `states:startExecution` and `aws-sdk:sfn:*`.

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::{envelope, services::Failure};
use crate::{
    Exchange, activation,
    clock::from_millis,
    engine::Engine,
    interpreter::{Event, Pattern, Payload, TaskId, timestamp},
    names::{pascal_case, with_first},
    operations::{self, StartRequest},
    protocol::Fault,
    store::{
        ExecutionId, Stop, Transaction,
        calls::{self, Waiting},
    },
};

/// A task that starts an execution.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub parent: ExecutionId,
    pub task: TaskId,
    pub pattern: Pattern,
    pub parameters: Payload,
}

/// Starts the child and answers the task in one transaction, so that a repeated call starts only one child.
pub(super) async fn start(engine: &Engine, start: Start) -> Result<(), Fault> {
    engine.store.write(move |transaction| start_child(transaction, &start)).await
}

fn start_child(transaction: &mut Transaction<'_>, start: &Start) -> Result<(), Stop> {
    let &Start { parent, task, pattern, .. } = start;
    if !still_wanted(transaction.connection, parent, task)? {
        return Ok(());
    }
    let admitted = request(start.parameters.value())
        .and_then(|request| request.check(transaction.options).map(|()| request))
        .map_err(Stop::Refused)
        .and_then(|request| operations::admit(transaction, &request));
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(Stop::Refused(fault)) => {
            let (error, cause) = refusal(&fault);
            let _ = activation::deliver(
                transaction,
                parent,
                Event::TaskFailed { task, error: Some(error), cause: Some(cause) },
            )?;
            return Ok(());
        }
        Err(broken) => return Err(broken),
    };
    let mut answer = Map::new();
    answer.insert("ExecutionArn".into(), admitted.arn.clone().into());
    answer.insert("StartDate".into(), admitted.started.into());
    let wire = json!({"executionArn": admitted.arn, "startDate": admitted.started});
    let exchange = Exchange { request_id: uuid::Uuid::new_v4().to_string(), length: wire.to_string().len() };
    let output = Payload::from(envelope::answer("states", Value::Object(answer), Some(exchange), transaction.now));
    if pattern == Pattern::RequestResponse {
        let _ = activation::deliver(transaction, parent, Event::TaskSucceeded { task, output })?;
    } else {
        // Register the wait first, because the child may end at once.
        if let Some(waiting) = Waiting::of(parent, task, pattern) {
            calls::wait_for(transaction.connection, admitted.id, &waiting)?;
        }
        let _ = activation::deliver(transaction, parent, Event::TaskSubmitted { task, output })?;
    }
    admitted.begin(transaction)?;
    Ok(())
}

/// Removes the call. Returns whether it was still there, that is, neither answered nor abandoned.
fn still_wanted(connection: &Connection, parent: ExecutionId, task: TaskId) -> rusqlite::Result<bool> {
    calls::remove(connection, parent, task)
}

fn request(parameters: &Value) -> Result<StartRequest, Fault> {
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).map(str::to_owned);
    let state_machine_arn =
        text("StateMachineArn").ok_or_else(|| Fault::InvalidArn("Invalid ARN prefix: null".into()))?;
    let input = match parameters.get("Input") {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(Value::String(input)) => input.clone(),
        Some(input) => input.to_string(),
    };
    Ok(StartRequest {
        state_machine_arn,
        name: text("Name"),
        input,
        trace_header: text("TraceHeader"),
        express_id: None,
    })
}

/// A refusal by Step Functions as AWS reports it to the task that called it.
fn refusal(fault: &Fault) -> (String, String) {
    let code = fault.code();
    let error = if code.ends_with("Exception") { code.to_owned() } else { format!("{code}Exception") };
    let cause = format!(
        "{fault} (Service: AWSStepFunctions; Status Code: {}; Error Code: {code}; Request ID: {}; Proxy: null)",
        fault.status(),
        uuid::Uuid::new_v4()
    );
    (format!("StepFunctions.{error}"), cause)
}

/// `aws-sdk:sfn:*`: any operation, with its members' names in Pascal case.
pub(super) async fn call_ourselves(engine: &Engine, action: &str, parameters: Value) -> Result<Payload, Failure> {
    let operation = pascal_case(action);
    let body = renamed(as_text(parameters), char::to_ascii_lowercase).to_string();
    match Box::pin(operations::answer(engine, &operation, body.as_bytes())).await {
        Ok(body) => {
            let answer = serde_json::from_slice(&body.0).unwrap_or(Value::Null);
            Ok(with_dates(renamed(answer, char::to_ascii_uppercase)).into())
        }
        Err(fault) => {
            let code = fault.code();
            let error = if code.ends_with("Exception") { code.to_owned() } else { format!("{code}Exception") };
            let cause = format!(
                "{fault} (Service: Sfn, Status Code: {}, Request ID: {})",
                fault.status(),
                uuid::Uuid::new_v4()
            );
            Err(Failure { error: format!("Sfn.{error}"), cause })
        }
    }
}

/// AWS also accepts a document where the protocol expects its text.
fn as_text(mut parameters: Value) -> Value {
    for (name, value) in parameters.as_object_mut().into_iter().flatten() {
        if matches!(name.as_str(), "Input" | "Output" | "Definition") && !value.is_string() && !value.is_null() {
            *value = value.to_string().into();
        }
    }
    parameters
}

/// Formats times as the AWS SDK for Java does: `2026-11-22T10:20:30.123Z`.
fn with_dates(mut answer: Value) -> Value {
    match &mut answer {
        Value::Object(members) => {
            for (name, value) in members {
                let seconds = value.as_f64().filter(|_| name.ends_with("Date") || name == "Timestamp");
                *value = match seconds {
                    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a date have no fraction")]
                    Some(seconds) => timestamp(from_millis((seconds * 1000.0).round() as i64)).into(),
                    None => with_dates(value.take()),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = with_dates(item.take())),
        _ => {}
    }
    answer
}

/// Changes the first letter of each member name. Documents are strings in this protocol and stay unchanged.
fn renamed(value: Value, change: fn(&char) -> char) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, value)| (with_first(&name, change), renamed(value, change))).collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| renamed(item, change)).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_change_their_first_letter_and_documents_stay_unchanged() {
        let parameters = json!({"StateMachineArn": "a", "Input": "{\"Name\":1}", "Tags": [{"Key": "k"}]});
        assert_eq!(
            renamed(parameters, char::to_ascii_lowercase),
            json!({"stateMachineArn": "a", "input": "{\"Name\":1}", "tags": [{"key": "k"}]})
        );
    }

    #[test]
    fn documents_and_times_are_converted_to_text() {
        assert_eq!(as_text(json!({"Input": {"A": 1}, "Name": "n"})), json!({"Input": "{\"A\":1}", "Name": "n"}));
        assert_eq!(
            with_dates(json!({"Executions": [{"StartDate": 1795348955.118, "RedriveCount": 0}]})),
            json!({"Executions": [{"StartDate": "2026-11-22T12:02:35.118Z", "RedriveCount": 0}]})
        );
    }

    #[test]
    fn a_refusal_has_the_name_that_the_sdk_uses() {
        let (error, cause) = refusal(&Fault::ExecutionAlreadyExists("arn".into()));
        assert_eq!(error, "StepFunctions.ExecutionAlreadyExistsException");
        assert!(cause.starts_with("Execution Already Exists: 'arn' (Service: AWSStepFunctions; Status Code: 400;"));
    }
}
