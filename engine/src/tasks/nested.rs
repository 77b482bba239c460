//! Tasks that call Step Functions itself: `states:startExecution` and `aws-sdk:sfn:*`.

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::{envelope, services::Failure};
use crate::{
    engine::Engine,
    interpreter::{Event, Pattern, Payload, TaskId},
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
    pub parameters: Value,
}

/// Starts the child and answers the task in one transaction: however often the call is made, one child starts.
pub(super) async fn start(engine: &Engine, start: Start) -> Result<(), Fault> {
    engine.store.write(move |transaction| start_child(transaction, &start)).await
}

fn start_child(transaction: &mut Transaction<'_>, start: &Start) -> Result<(), Stop> {
    let &Start { parent, task, pattern, .. } = start;
    if !still_wanted(transaction.connection, parent, task)? {
        return Ok(());
    }
    let admitted = request(&start.parameters)
        .and_then(|request| request.check(transaction.options).map(|()| request))
        .map_err(Stop::Refused)
        .and_then(|request| operations::admit(transaction, &request));
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(Stop::Refused(fault)) => {
            let (error, cause) = refusal(&fault);
            let _ = transaction.deliver(parent, Event::TaskFailed { task, error: Some(error), cause: Some(cause) })?;
            return Ok(());
        }
        Err(broken) => return Err(broken),
    };
    let mut answer = Map::new();
    answer.insert("ExecutionArn".into(), admitted.arn.clone().into());
    answer.insert("StartDate".into(), admitted.started.into());
    let length = json!({"executionArn": admitted.arn, "startDate": admitted.started}).to_string().len();
    let output = Payload::from(envelope::answer(answer, length, transaction.now));
    if pattern == Pattern::RequestResponse {
        let _ = transaction.deliver(parent, Event::TaskSucceeded { task, output })?;
    } else {
        // The child may end at once: whoever waits for it waits first.
        if let Some(waiting) = Waiting::of(parent, task, pattern) {
            calls::wait_for(transaction.connection, admitted.id, &waiting)?;
        }
        let _ = transaction.deliver(parent, Event::TaskSubmitted { task, output })?;
    }
    admitted.begin(transaction)?;
    Ok(())
}

/// The call is still to be made: it was neither answered nor abandoned. From now on it is not.
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

/// As AWS reports what Step Functions refuses to Step Functions.
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
    let operation = with_first(action, char::to_ascii_uppercase);
    let body = renamed(parameters, char::to_ascii_lowercase).to_string();
    match Box::pin(operations::answer(engine, &operation, body.as_bytes())).await {
        Ok(body) => {
            let answer = serde_json::from_slice(&body.0).unwrap_or(Value::Null);
            Ok(renamed(answer, char::to_ascii_uppercase).into())
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

/// The same with every member's first letter changed. Documents are strings in this protocol: none is touched.
fn renamed(value: Value, change: fn(&char) -> char) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, value)| (with_first(&name, change), renamed(value, change))).collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| renamed(item, change)).collect()),
        other => other,
    }
}

fn with_first(name: &str, change: fn(&char) -> char) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| std::iter::once(change(&first)).chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_change_their_first_letter_and_documents_nothing() {
        let parameters = json!({"StateMachineArn": "a", "Input": "{\"Name\":1}", "Tags": [{"Key": "k"}]});
        assert_eq!(
            renamed(parameters, char::to_ascii_lowercase),
            json!({"stateMachineArn": "a", "input": "{\"Name\":1}", "tags": [{"key": "k"}]})
        );
    }

    #[test]
    fn a_refusal_is_named_as_the_sdk_names_it() {
        let (error, cause) = refusal(&Fault::ExecutionAlreadyExists("arn".into()));
        assert_eq!(error, "StepFunctions.ExecutionAlreadyExistsException");
        assert!(cause.starts_with("Execution Already Exists: 'arn' (Service: AWSStepFunctions; Status Code: 400;"));
    }
}
