//! Activities, and the workers that ask for their tasks.

use std::time::Duration;

use serde_json::{Value, json};

use super::{check_name, tags};
use crate::{
    Options,
    activation::{self, Delivered},
    arn::Arn,
    clock::{epoch_seconds, millis},
    engine::Engine,
    interpreter::Event,
    protocol::{ARN, Body, Fault, Fields, NAME, Page, Text},
    store::{
        Stop, Transaction,
        activities::{self, Activity},
        tags as tag_rows,
    },
};

const NEXT_TOKEN: Text = Text::length(1..=1024);

pub(super) async fn create_activity(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let name = fields.text("name", NAME)?;
    let tags = tags::read(fields)?;
    let encryption = super::settings::encryption(fields)?.to_string();
    fields.check()?;
    check_name(&name)?;
    let arn = engine.options.activity_arn(&name);
    engine
        .store
        .write(move |transaction| {
            let connection = transaction.connection;
            let created = match activities::by_name(connection, &name)? {
                // A repeated request. Tags are not compared and stay unchanged.
                Some(before) if before.encryption == encryption => before.created,
                Some(_) => return Err(Fault::ActivityAlreadyExists(arn.clone()).into()),
                None => {
                    let now = millis(transaction.now);
                    activities::insert(connection, &name, &encryption, now)?;
                    for (key, value) in &tags {
                        tag_rows::put(connection, &arn, key, value)?;
                    }
                    now
                }
            };
            Ok(Body::json(&json!({"activityArn": arn, "creationDate": epoch_seconds(created)})))
        })
        .await
}

/// The activity's name in its ARN; `None` for another account or region.
fn named<'a>(arn: &'a str, options: &Options) -> Result<Option<&'a str>, Fault> {
    match Arn::parse(arn, options)? {
        Arn::Activity { name } => Ok(Some(name)),
        Arn::Elsewhere => Ok(None),
        other => Err(other.wrong_type()),
    }
}

fn find(connection: &rusqlite::Connection, options: &Options, arn: &str) -> Result<Activity, Stop> {
    let found = match named(arn, options)? {
        Some(name) => activities::by_name(connection, name)?,
        None => None,
    };
    Ok(found.ok_or_else(|| Fault::ActivityDoesNotExist(arn.to_owned()))?)
}

pub(super) async fn describe_activity(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("activityArn", ARN)?;
    fields.check()?;
    let options = engine.options.clone();
    engine
        .store
        .read(move |connection| {
            let activity = find(connection, &options, &arn)?;
            let encryption: Value = serde_json::from_str(&activity.encryption).unwrap_or_default();
            Ok(Body::json(&json!({
                "activityArn": arn,
                "name": activity.name,
                "creationDate": epoch_seconds(activity.created),
                "encryptionConfiguration": encryption,
            })))
        })
        .await
}

pub(super) async fn list_activities(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let page = Page::read(fields, NEXT_TOKEN)?;
    fields.check()?;
    let signer = engine.store.signer().clone();
    let after = page.begin(&signer, "ListActivities")?.unwrap_or(0);
    let options = engine.options.clone();
    engine
        .store
        .read(move |connection| {
            let mut rows = activities::list(connection, after, page.probe())?;
            let next = page.cut(&mut rows, &signer, "ListActivities", |last| last.id);
            let listed = rows.iter().map(|activity| {
                json!({
                    "activityArn": options.activity_arn(&activity.name),
                    "name": activity.name,
                    "creationDate": epoch_seconds(activity.created),
                })
            });
            Ok(Page::body("activities", listed, next))
        })
        .await
}

pub(super) async fn delete_activity(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("activityArn", ARN)?;
    fields.check()?;
    engine
        .store
        .write(move |transaction| {
            if let Some(name) = named(&arn, transaction.options)? {
                activities::remove(transaction.connection, name)?;
                transaction.effects.deleting = true;
                tag_rows::remove_all(transaction.connection, &arn)?;
            }
            Ok(Body::empty())
        })
        .await
}

/// How long a worker's poll waits for a task, as on AWS.
const POLL: Duration = Duration::from_secs(60);

pub(super) async fn get_activity_task(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("activityArn", ARN)?;
    let worker = fields.optional_text("workerName", NAME)?;
    fields.check()?;
    let give_up = tokio::time::Instant::now() + POLL;
    let name = named(&arn, &engine.options)?.ok_or_else(|| Fault::ActivityDoesNotExist(arn.clone()))?;
    let offers = engine.reactions.workers.of(name);
    let mut closing = engine.closing.subscribe();
    loop {
        // Starts waiting before it asks, so that it does not miss a task that arrives in between.
        let mut offered = std::pin::pin!(offers.notified());
        offered.as_mut().enable();
        if let Some(task) = take(engine, arn.clone(), worker.clone()).await? {
            return Ok(task);
        }
        let nothing = || Ok(Body::json(&json!({"taskToken": null})));
        tokio::select! {
            () = offered => {}
            () = tokio::time::sleep_until(give_up) => return nothing(),
            _ = closing.wait_for(|closing| *closing) => return nothing(),
        }
    }
}

/// The activity's oldest task, if there is one.
async fn take(engine: &Engine, arn: String, worker: Option<String>) -> Result<Option<Body>, Fault> {
    engine
        .store
        .write_if_awaited(move |transaction| {
            let activity = find(transaction.connection, transaction.options, &arn)?;
            take_task(transaction, activity.id, worker.as_deref())
        })
        .await
}

fn take_task(transaction: &mut Transaction<'_>, activity: i64, worker: Option<&str>) -> Result<Option<Body>, Stop> {
    while let Some(offer) = activities::take_offer(transaction.connection, activity)? {
        let started = Event::ActivityStarted { task: offer.task, worker_name: worker.map(str::to_owned) };
        // A task that has timed out, or whose execution has ended, is dropped.
        if activation::deliver(transaction, offer.execution, started)? == Delivered::Yes {
            let token = transaction.signer.task_token(offer.execution, offer.task);
            return Ok(Some(Body::json(&json!({"taskToken": token.as_str(), "input": offer.input}))));
        }
    }
    Ok(None)
}
