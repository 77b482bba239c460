//! Listing, describing and updating map runs.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::find_execution;
use crate::{
    Options, activation,
    arn::Arn,
    clock::epoch_seconds,
    engine::Engine,
    execution::FollowUps,
    map_runs as runs,
    protocol::{ARN, Body, Fault, Fields, LONG_ARN, Page, Text},
    store::{
        Stop,
        executions::Status,
        map_runs::{self, MapRun, RunStatus},
        state_machines,
    },
};

const NEXT_TOKEN: Text = Text::length(1..=1024);

/// The map run that an ARN names, and the name of its state machine.
pub(super) fn find(connection: &Connection, options: &Options, arn: &str) -> Result<(MapRun, String), Stop> {
    let missing = || Fault::ResourceNotFound(arn.to_owned());
    let (machine, label, id) = match Arn::parse(arn, options)? {
        Arn::MapRun { machine, label, id } => (machine, label, id),
        Arn::Elsewhere => return Err(missing().into()),
        other => return Err(other.wrong_type().into()),
    };
    let run = map_runs::by_uuid(connection, id)?.filter(|run| run.label == label).ok_or_else(missing)?;
    let of = crate::store::executions::state_machine(connection, run.execution)?;
    let found = state_machines::by_name(connection, machine)?.filter(|machine| machine.id == of).ok_or_else(missing)?;
    Ok((run, found.name))
}

pub(super) async fn list(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("executionArn", ARN)?;
    let page = Page::read(fields, NEXT_TOKEN)?;
    fields.check()?;
    let request = format!("ListMapRuns {arn}");
    let before = page.begin(engine.store.signer(), &request)?.unwrap_or(i64::MAX);
    let (options, signer) = (engine.options.clone(), engine.store.signer().clone());
    engine
        .store
        .read(move |connection| {
            let (execution, machine) = find_execution(connection, &options, &arn)?;
            let mut runs = map_runs::list(connection, execution.id, before, page.probe())?;
            let next = page.cut(&mut runs, &signer, &request, |last| last.id);
            let listed = runs.iter().map(|run| {
                let mut item = json!({
                    "executionArn": arn,
                    "mapRunArn": options.map_run_arn(&machine, run),
                    "stateMachineArn": options.state_machine_arn(&execution.machine_name(&machine)),
                    "startDate": epoch_seconds(run.started),
                });
                if let Some(stopped) = run.stopped {
                    item["stopDate"] = epoch_seconds(stopped).into();
                }
                item
            });
            Ok(Page::body("mapRuns", listed, next))
        })
        .await
}

pub(super) async fn describe(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("mapRunArn", LONG_ARN)?;
    fields.check()?;
    let options = engine.options.clone();
    engine
        .store
        .read(move |connection| {
            let (run, machine) = find(connection, &options, &arn)?;
            let counts = map_runs::counts(connection, run.id)?;
            let parent = crate::store::executions::name(connection, run.execution)?;
            let written = run.status == RunStatus::Succeeded;
            let mut all = json!({
                "mapRunArn": arn,
                "executionArn": options.row_arn(&machine, &parent),
                "status": run.status.word(),
                "startDate": epoch_seconds(run.started),
                "maxConcurrency": run.max_concurrency,
                "toleratedFailurePercentage": run.tolerated_percentage.unwrap_or(0.0),
                "toleratedFailureCount": run.tolerated_count.unwrap_or(0),
                "itemCounts": counted(&counts.items, run.items, written),
                "executionCounts": counted(&counts.children, run.children, written),
                "redriveCount": run.redrive_count,
            });
            if let Some(stopped) = run.stopped {
                all["stopDate"] = epoch_seconds(stopped).into();
            }
            if let Some(redriven) = run.redriven {
                all["redriveDate"] = epoch_seconds(redriven).into();
            }
            Ok(Body::json(&all))
        })
        .await
}

/// The number of children, or of items, by status.
fn counted(counts: &[i64; 6], total: i64, written: bool) -> Value {
    let of = |status: Status| counts[status as usize];
    json!({
        "pending": total - counts.iter().sum::<i64>(),
        "running": of(Status::Running),
        "succeeded": of(Status::Succeeded),
        "failed": of(Status::Failed),
        "timedOut": of(Status::TimedOut),
        "aborted": of(Status::Aborted),
        "total": total,
        // To the Map's output, or to S3 by its ResultWriter.
        "resultsWritten": if written { of(Status::Succeeded) } else { 0 },
        "failuresNotRedrivable": 0,
        "pendingRedrive": of(Status::PendingRedrive),
    })
}

pub(super) async fn update(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("mapRunArn", LONG_ARN)?;
    let max_concurrency = fields.optional_int("maxConcurrency", 0..=i64::from(i32::MAX))?;
    let percentage = fields.optional_number("toleratedFailurePercentage", 0.0, 100.0)?;
    let count = fields.optional_int("toleratedFailureCount", 0..=i64::MAX)?;
    fields.check()?;
    engine
        .store
        .write(move |transaction| {
            let connection = transaction.connection;
            let (run, _) = find(connection, transaction.options, &arn)?;
            map_runs::update(connection, run.id, max_concurrency, count, percentage)?;
            if run.status == RunStatus::Running {
                let mut follow_ups = FollowUps::new();
                runs::check_progress(transaction, &map_runs::get(connection, run.id)?, &mut follow_ups)?;
                activation::deliver_follow_ups(transaction, follow_ups)?;
            }
            Ok(Body::empty())
        })
        .await
}
