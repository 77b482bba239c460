//! The description of an execution that DescribeExecution returns.

use serde_json::{Map, Value, json};

use crate::{
    Options,
    clock::epoch_seconds,
    store::executions::{Data, Execution},
};

/// For how long after its end an execution can be redriven, in milliseconds: 14 days.
const PERIOD: i64 = 14 * 24 * 60 * 60 * 1000;

/// The members of DescribeExecution's answer.
pub(crate) fn description(
    options: &Options,
    execution: &Execution,
    machine: &str,
    data: Data,
    map_run_arn: Option<String>,
    included: bool,
    now: i64,
) -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            all.insert(name.to_owned(), value);
        }
    };
    put("executionArn", Some(options.arn_of(execution, machine).into()));
    put("stateMachineArn", Some(options.state_machine_arn(&execution.machine_name(machine)).into()));
    put("name", Some(execution.shown_name().into()));
    put("status", Some(execution.status.word().into()));
    put("startDate", Some(epoch_seconds(execution.started).into()));
    put("stopDate", execution.stopped.map(|at| epoch_seconds(at).into()));
    let details = json!({"included": included});
    put("inputDetails", Some(details.clone()));
    put("outputDetails", data.output.as_ref().map(|_| details));
    if included {
        put("input", Some(data.input.into()));
        put("output", data.output.map(Value::from));
        put("error", data.error.map(Value::from));
        put("cause", data.cause.map(Value::from));
    }
    put("mapRunArn", map_run_arn.map(Value::from));
    put("traceHeader", data.trace_header.map(Value::from));
    put("stateMachineVersionArn", execution.version.map(|number| options.qualified_arn(machine, number).into()));
    put("stateMachineAliasArn", execution.alias.as_ref().map(|alias| options.qualified_arn(machine, alias).into()));
    put("redriveCount", Some(execution.redrive_count.into()));
    put("redriveDate", execution.redriven.map(|at| epoch_seconds(at).into()));
    match redrive_obstacle(execution, now) {
        None if execution.child.is_some() => put("redriveStatus", Some("REDRIVABLE_BY_MAP_RUN".into())),
        None => put("redriveStatus", Some("REDRIVABLE".into())),
        Some(reason) => {
            put("redriveStatus", Some("NOT_REDRIVABLE".into()));
            put("redriveStatusReason", Some(reason.into()));
        }
    }
    all
}

/// Why the execution can't be redriven now, in AWS's words; `None` if it can.
pub(crate) fn redrive_obstacle(execution: &Execution, now: i64) -> Option<String> {
    if !execution.status.is_redrivable() {
        return Some(format!("Execution is {} and cannot be redriven", execution.status.word()));
    }
    let expired = execution.stopped.is_some_and(|stopped| now - stopped > PERIOD);
    expired.then(|| "Execution's redrivable period of 14 days has been exceeded".to_owned())
}
