//! StartSyncExecution: starts an EXPRESS execution and answers with its result.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{StartRequest, admit, executions::INCLUDED_DATA};
use crate::{
    clock::epoch_seconds,
    engine::Engine,
    protocol::{Body, Fault, Fields},
    store::{StorageError, executions::Execution},
};

pub(super) async fn start_sync_execution(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let mut request = StartRequest::read(fields)?;
    let included = fields.optional_word("includedData", &INCLUDED_DATA)? != Some("METADATA_ONLY");
    fields.check()?;
    request.check(&engine.options)?;
    let name = request.name.get_or_insert_with(|| Uuid::new_v4().to_string()).clone();
    let id = request.express_id.insert(Uuid::new_v4().to_string());
    // Registered first, because it may end before the start is answered.
    let ended = engine.reactions.endings.of(&Execution::express_name(&name, id));
    let asked = request.clone();
    let started = engine
        .store
        .write(move |transaction| {
            let admitted = admit(transaction, &request)?;
            admitted.begin(transaction)?;
            Ok(admitted)
        })
        .await?;
    let ended = ended.await.map_err(|_| StorageError::Closed)?;

    let mut answer = Map::new();
    answer.insert("executionArn".into(), started.arn.into());
    let machine = asked.state_machine_arn.split(':').take(7).collect::<Vec<_>>().join(":");
    answer.insert("stateMachineArn".into(), machine.into());
    answer.insert("name".into(), name.into());
    answer.insert("startDate".into(), epoch_seconds(started.started).into());
    answer.insert("stopDate".into(), epoch_seconds(ended.stopped).into());
    answer.insert("status".into(), ended.status.word().into());
    let details = json!({"included": included});
    let mut data = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            answer.insert(name.into(), value);
        }
    };
    data("inputDetails", Some(details.clone()));
    data("outputDetails", ended.output.as_ref().map(|_| details));
    if included {
        data("input", Some(asked.input.into()));
        data("output", ended.output.map(Value::from));
    }
    data("error", ended.error.map(Value::from));
    data("cause", ended.cause.map(Value::from));
    data("traceHeader", asked.trace_header.map(Value::from));
    let duration = ended.stopped - started.started;
    // AWS bills in steps of 100 ms and 64 MB, rounded up.
    let billed = (duration.max(1) + 99) / 100 * 100;
    data("billingDetails", Some(json!({"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": billed})));
    Ok(Body::json(&answer))
}
