//! RedriveExecution: resumes an execution that ended without success where it failed.

use serde_json::json;

use super::find_execution;
use crate::{
    activation,
    clock::{epoch_seconds, millis},
    description::redrive_obstacle,
    engine::Engine,
    interpreter::{Event, ExecutionState},
    protocol::{ARN, Body, Fault, Fields, Text},
    store::executions,
};

const CLIENT_TOKEN: Text = Text::length(1..=64);
pub(super) async fn redrive_execution(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("executionArn", ARN)?;
    let client_token = fields.optional_text("clientToken", CLIENT_TOKEN)?;
    fields.check()?;
    let redriven = engine
        .store
        .write(move |transaction| {
            let connection = transaction.connection;
            let (execution, _) = find_execution(connection, transaction.options, &arn)?;
            let id = execution.id;
            if let (Some(token), Some(redriven)) = (&client_token, execution.redriven)
                && executions::redriven_by(connection, id)?.as_ref() == Some(token)
            {
                return Ok(redriven);
            }
            let now = millis(transaction.now);
            if execution.child.is_some() {
                let reason = "Execution is the child of a map run: redrive the execution that started the run";
                return Err(Fault::ExecutionNotRedrivable(reason.to_owned()).into());
            }
            if let Some(obstacle) = redrive_obstacle(&execution, now) {
                return Err(Fault::ExecutionNotRedrivable(obstacle).into());
            }
            let state = executions::state(connection, id)?;
            let state = state.and_then(|state| serde_json::from_slice::<ExecutionState>(&state).ok());
            if !state.is_some_and(|state| state.is_redrivable()) {
                let reason = "Execution's history has no room for more events, or nothing in it can be resumed";
                return Err(Fault::ExecutionNotRedrivable(reason.to_owned()).into());
            }
            executions::redrive(connection, id, now, client_token.as_deref())?;
            let _ = activation::deliver(transaction, id, Event::Redrive)?;
            Ok(now)
        })
        .await?;
    Ok(Body::json(&json!({"redriveDate": epoch_seconds(redriven)})))
}
