//! Describing, listing and stopping executions.

use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;

use super::{find_execution, find_machine, map_runs};
use crate::{
    Options, activation,
    arn::Arn,
    clock::{epoch_seconds, millis},
    description::description,
    engine::Engine,
    interpreter::Event,
    protocol::{ARN, Body, CAUSE, ERROR, Fault, Fields, LONG_ARN, Page, Text},
    store::{
        Stop,
        executions::{self, Execution, Filter, Of, Status},
        state_machines::StateMachine,
    },
};

pub(super) const INCLUDED_DATA: [&str; 2] = ["ALL_DATA", "METADATA_ONLY"];

pub(super) async fn describe_execution(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("executionArn", ARN)?;
    let included = fields.optional_word("includedData", &INCLUDED_DATA)? != Some("METADATA_ONLY");
    fields.check()?;
    let now = millis(engine.clock.now());
    engine.store.glance(|connection| {
        let (execution, machine) = find_execution(connection, &engine.options, &arn)?;
        let data = executions::data(connection, execution.id)?;
        let map_run_arn = map_run_arn(connection, &engine.options, &execution, &machine)?;
        Ok(Body::json(&description(&engine.options, &execution, &machine, data, map_run_arn, included, now)))
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    execution_arn: String,
    state_machine_arn: String,
    name: String,
    status: &'static str,
    start_date: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<String>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Executions {
    executions: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// The page token of ListExecutions may be longer than that of other lists.
const NEXT_TOKEN: Text = Text::length(1..=3096);
/// The values of statusFilter, in the order in which AWS lists them.
const STATUS_FILTERS: [&str; 6] = ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];

pub(super) async fn list_executions(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.optional_text("stateMachineArn", ARN)?;
    let map_run = fields.optional_text("mapRunArn", LONG_ARN)?;
    let status = fields.optional_word("statusFilter", &STATUS_FILTERS)?;
    let redriven = fields.optional_word("redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"])?;
    let page = Page::read(fields, NEXT_TOKEN)?;
    fields.check()?;
    let arn = match (arn, map_run) {
        (Some(arn), None) => arn,
        (None, Some(map_run)) => map_run,
        (Some(_), Some(_)) => {
            return Err(Fault::Validation("Only one of stateMachineArn and mapRunArn can be given".into()));
        }
        (None, None) => return Err(Fault::Validation("Must provide a StateMachine ARN or MapRun ARN".into())),
    };
    let request = format!("ListExecutions {arn} {status:?} {redriven:?}");
    let before = page.begin(engine.store.signer(), &request)?.unwrap_or(i64::MAX);
    let (options, signer) = (engine.options.clone(), engine.store.signer().clone());
    engine
        .store
        .read(move |connection| {
            let mut filter = Filter { redriven: redriven.map(|word| word == "REDRIVEN"), ..Filter::default() };
            filter.status = status.and_then(Status::of_word);
            let (of, machine, map_run_arn) = match Arn::parse(&arn, &options)? {
                Arn::MapRun { .. } => {
                    let (run, machine) = map_runs::find(connection, &options, &arn)?;
                    if run.express {
                        return Err(Fault::StateMachineTypeNotSupported.into());
                    }
                    (Of::MapRun(run.id), machine, Some(arn.as_str()))
                }
                named => {
                    let machine = listed_machine(connection, &options, &arn, &named, &mut filter)?;
                    (Of::StateMachine(machine.id), machine.name, None)
                }
            };
            let (rows, next) = executions::list(connection, of, &filter, before, page.size())?;
            let next_token = next.map(|next| signer.page_token(&request, next));
            let executions = rows.iter().map(|row| listed(&options, row, &machine, map_run_arn)).collect();
            Ok(Body::json(&Executions { executions, next_token }))
        })
        .await
}

/// The state machine whose executions are listed. A version or an alias is added to the filter.
fn listed_machine(
    connection: &Connection,
    options: &Options,
    arn: &str,
    named: &Arn<'_>,
    filter: &mut Filter,
) -> Result<StateMachine, Stop> {
    let machine = match named {
        Arn::Version { machine, number } => {
            filter.version = Some(*number);
            options.state_machine_arn(machine)
        }
        Arn::Alias { machine, name } => {
            filter.alias = Some((*name).to_owned());
            options.state_machine_arn(machine)
        }
        _ => arn.to_owned(),
    };
    let machine = find_machine(connection, options, &machine).map_err(|stop| match stop {
        Stop::Refused(Fault::StateMachineDoesNotExist(_)) => Fault::StateMachineDoesNotExist(arn.to_owned()).into(),
        stop => stop,
    })?;
    if machine.express { Err(Fault::StateMachineTypeNotSupported.into()) } else { Ok(machine) }
}

/// The ARN of the map run that an execution is a child of.
pub(super) fn map_run_arn(
    connection: &Connection,
    options: &Options,
    execution: &Execution,
    machine: &str,
) -> rusqlite::Result<Option<String>> {
    let run = execution.child.map(|child| crate::store::map_runs::get(connection, child.map_run)).transpose()?;
    Ok(run.map(|run| options.map_run_arn(machine, &run)))
}

fn listed(options: &Options, execution: &Execution, machine: &str, map_run_arn: Option<&str>) -> Listed {
    Listed {
        execution_arn: options.arn_of(execution, machine),
        state_machine_arn: options.state_machine_arn(&execution.machine_name(machine)),
        name: execution.shown_name().to_owned(),
        status: execution.status.word(),
        start_date: epoch_seconds(execution.started),
        stop_date: execution.stopped.map(epoch_seconds),
        map_run_arn: map_run_arn.map(str::to_owned),
        item_count: execution.child.map(|child| child.items),
        state_machine_version_arn: execution.version.map(|number| options.qualified_arn(machine, number)),
        state_machine_alias_arn: execution.alias.as_ref().map(|alias| options.qualified_arn(machine, alias)),
        redrive_count: execution.redrive_count,
        redrive_date: execution.redriven.map(epoch_seconds),
    }
}

/// An execution that has ended stays unchanged; the answer says when it ended.
pub(super) async fn stop_execution(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("executionArn", ARN)?;
    let error = fields.optional_text("error", ERROR)?;
    let cause = fields.optional_text("cause", CAUSE)?;
    fields.check()?;
    let stopped = engine
        .store
        .write(move |transaction| {
            let (execution, _) = find_execution(transaction.connection, transaction.options, &arn)?;
            if let Some(stopped) = execution.stopped {
                return Ok(stopped);
            }
            let event = Event::Stop { error: error.clone(), cause: cause.clone() };
            let _ = activation::deliver(transaction, execution.id, event)?;
            Ok(millis(transaction.now))
        })
        .await?;
    Ok(Body::json(&json!({"stopDate": epoch_seconds(stopped)})))
}
