//! Tags of state machines and activities.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    Options,
    arn::Arn,
    engine::Engine,
    protocol::{ARN, Body, Fault, Fields},
    store::{Stop, activities, state_machines, tags},
};

/// The maximum number of tags on one resource.
const MAX_TAGS: usize = 50;

/// Reads and checks the `tags` of a request.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<(String, String)>, Fault> {
    let items = fields.optional_list("tags")?.unwrap_or_default();
    checked(fields, items)
}

fn checked(fields: &mut Fields, items: Vec<Value>) -> Result<Vec<(String, String)>, Fault> {
    if items.len() > MAX_TAGS {
        return Err(Fault::TooManyTags);
    }
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            let text = |name: &str| match item.get(name) {
                None | Some(Value::Null) => Ok(String::new()),
                Some(Value::String(text)) => Ok(text.clone()),
                Some(_) => Err(Fault::Serialization(format!("'tags.{}.member.{name}' must be a string", index + 1))),
            };
            let (key, value) = (text("key")?, text("value")?);
            let place = |name: &str| format!("tags.{}.member.{name}", index + 1);
            if key.is_empty() {
                fields.refuse(&key, &place("key"), "Member must have length greater than or equal to 1");
            } else if key.chars().count() > 128 {
                fields.refuse(&key, &place("key"), "Member must have length less than or equal to 128");
            }
            if value.chars().count() > 256 {
                fields.refuse(&value, &place("value"), "Member must have length less than or equal to 256");
            }
            Ok((key, value))
        })
        .collect()
}

/// Refuses anything but an existing state machine or activity.
fn check_resource(connection: &Connection, options: &Options, arn: &str) -> Result<(), Stop> {
    let exists = match Arn::parse(arn, options)? {
        Arn::StateMachine { name } => state_machines::by_name(connection, name)?.is_some(),
        Arn::Activity { name } => activities::by_name(connection, name)?.is_some(),
        Arn::Elsewhere => false,
        other => return Err(other.wrong_type().into()),
    };
    if exists { Ok(()) } else { Err(Fault::ResourceNotFound(arn.to_owned()).into()) }
}

pub(super) async fn tag_resource(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("resourceArn", ARN)?;
    let new = fields.list("tags")?;
    let new = checked(fields, new)?;
    fields.check()?;
    engine
        .store
        .write(move |transaction| {
            let connection = transaction.connection;
            check_resource(connection, transaction.options, &arn)?;
            let before = tags::list(connection, &arn)?;
            let added = new.iter().filter(|(key, _)| before.iter().all(|(known, _)| known != key)).count();
            if before.len() + added > MAX_TAGS {
                return Err(Fault::TooManyTags.into());
            }
            for (key, value) in &new {
                tags::put(connection, &arn, key, value)?;
            }
            Ok(Body::empty())
        })
        .await
}

pub(super) async fn untag_resource(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("resourceArn", ARN)?;
    let keys = fields.list("tagKeys")?;
    fields.check()?;
    engine
        .store
        .write(move |transaction| {
            check_resource(transaction.connection, transaction.options, &arn)?;
            for key in keys.iter().filter_map(Value::as_str) {
                tags::remove(transaction.connection, &arn, key)?;
            }
            Ok(Body::empty())
        })
        .await
}

pub(super) async fn list_tags(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("resourceArn", ARN)?;
    fields.check()?;
    let options = engine.options.clone();
    engine
        .store
        .read(move |connection| {
            check_resource(connection, &options, &arn)?;
            let tags = tags::list(connection, &arn)?;
            let tags: Vec<Value> = tags.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
            Ok(Body::json(&json!({"tags": tags})))
        })
        .await
}
