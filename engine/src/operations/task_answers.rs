//! Answering a task by its token.

use crate::{
    activation::{self, Delivered},
    engine::Engine,
    interpreter::{Event, Payload, TaskId},
    protocol::{Body, CAUSE, DATA, ERROR, Fault, Fields, TASK_TOKEN},
    store::calls,
};

use super::start::MAX_DATA;

pub(super) async fn send_task_success(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let token = fields.text("taskToken", TASK_TOKEN)?;
    let output = fields.text("output", DATA)?;
    fields.check()?;
    // The token is checked first, so that callers without one learn nothing about outputs.
    let known = engine.store.signer().read_task_token(&token)?;
    if output.len() > MAX_DATA {
        return Err(Fault::InvalidOutput(format!("the output is longer than {MAX_DATA} bytes")));
    }
    let output = Payload::parse(output).map_err(|error| Fault::InvalidOutput(error.to_string()))?;
    answer(engine, known, move |task| Event::TaskSucceeded { task, output: output.clone() }).await
}

pub(super) async fn send_task_failure(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let token = fields.text("taskToken", TASK_TOKEN)?;
    let error = fields.optional_text("error", ERROR)?;
    let cause = fields.optional_text("cause", CAUSE)?;
    fields.check()?;
    let known = engine.store.signer().read_task_token(&token)?;
    answer(engine, known, move |task| Event::TaskFailed { task, error: error.clone(), cause: cause.clone() }).await
}

async fn answer(
    engine: &Engine,
    (execution, task): (crate::store::ExecutionId, TaskId),
    event: impl Fn(TaskId) -> Event + Send + 'static,
) -> Result<Body, Fault> {
    engine
        .store
        .write(move |transaction| {
            match activation::deliver(transaction, execution, event(task))? {
                Delivered::NotPending => return Err(Fault::TaskTimedOut.into()),
                // The answer may arrive before the task's call has returned. The call need not be repeated.
                Delivered::Yes => calls::remove(transaction.connection, execution, task)?,
            };
            Ok(Body::empty())
        })
        .await
}

pub(super) async fn send_task_heartbeat(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let token = fields.text("taskToken", TASK_TOKEN)?;
    fields.check()?;
    let (execution, task) = engine.store.signer().read_task_token(&token)?;
    engine
        .store
        .write(move |transaction| match activation::deliver(transaction, execution, Event::TaskHeartbeat { task })? {
            Delivered::NotPending => Err(Fault::TaskTimedOut.into()),
            Delivered::Yes => Ok(Body::empty()),
        })
        .await
}
