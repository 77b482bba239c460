//! Creating, updating, describing, listing and deleting state machines.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    check_name,
    executions::{INCLUDED_DATA, map_run_arn},
    find_execution, find_machine,
    settings::{Settings, default_settings},
    tags,
    versions::{self, Publication},
};
use crate::{
    Options,
    arn::Arn,
    clock::{epoch_seconds, millis},
    definition::{Body as StateBody, ProcessorMode, variable_references},
    deletion::{Deleted, delete_some_of},
    engine::Engine,
    protocol::{ARN, Body, DEFINITION, DESCRIPTION, Fault, Fields, Page, Text},
    store::{
        Stop, Transaction,
        state_machines::{self as machines, NewRevision, Revision, StateMachine},
        tags as tag_rows,
    },
};

const NEXT_TOKEN: Text = Text::length(1..=1024);
const TYPES: [&str; 2] = ["STANDARD", "EXPRESS"];

fn check_role(arn: &str) -> Result<(), Fault> {
    let mut parts = arn.splitn(6, ':');
    let good = parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next() == Some("iam")
        && parts.next() == Some("")
        && parts.next().is_some_and(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
        && parts.next().is_some_and(|resource| resource.starts_with("role/"));
    if good { Ok(()) } else { Err(Fault::InvalidRoleArn(arn.to_owned())) }
}

/// Refuses definitions that can't run.
pub(super) async fn check_definition(engine: &Engine, text: &str, express: bool) -> Result<(), Fault> {
    let definition = engine
        .read_definition(text.to_owned())
        .await?
        .map_err(|problems| Fault::InvalidDefinition(problems.to_string()))?;
    let refused = |body: &StateBody| match body {
        StateBody::Task(task) => task.resource.refused_by_express(),
        _ => None,
    };
    let refused = || definition.states().find_map(|state| Some((state, refused(&state.body)?)));
    if express && let Some((state, reason)) = refused() {
        let name = &state.name;
        return Err(Fault::InvalidDefinition(format!("SCHEMA_VALIDATION_FAILED: {reason} at /States/{name}/Resource")));
    }
    let distributed = |body: &StateBody| matches!(body, StateBody::Map(map) if map.mode != ProcessorMode::Inline);
    if express && let Some(state) = definition.states().find(|state| distributed(&state.body)) {
        return Err(Fault::InvalidDefinition(format!(
            "SCHEMA_VALIDATION_FAILED: Express state machine does not support Map states in DISTRIBUTED mode at /States/{}",
            state.name
        )));
    }
    engine.store.keep_parsed(text, definition);
    Ok(())
}

pub(super) async fn create_state_machine(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let name = fields.text("name", Text::length(1..=80))?;
    let definition = fields.text("definition", DEFINITION)?;
    let role_arn = fields.text("roleArn", ARN)?;
    let express = fields.optional_word("type", &TYPES)? == Some("EXPRESS");
    let tags = tags::read(fields)?;
    let settings = Settings::read(fields)?;
    let publish = fields.optional_bool("publish")?.unwrap_or(false);
    let description = fields.optional_text("versionDescription", DESCRIPTION)?;
    fields.check()?;
    check_name(&name)?;
    check_role(&role_arn)?;
    check_definition(engine, &definition, express).await?;
    versions::check_description(publish, description.as_deref())?;
    let arn = engine.options.state_machine_arn(&name);
    let settings = settings.over(&default_settings());
    engine
        .store
        .write(move |transaction| {
            let connection = transaction.connection;
            let now = millis(transaction.now);
            let mut answer = json!({"stateMachineArn": arn});
            if let Some(before) = machines::by_name(connection, &name)? {
                if before.deleting {
                    return Err(Fault::StateMachineDeleting(arn.clone()).into());
                }
                // A repeated request. Neither the role nor the tags are compared.
                let revision = machines::revision(connection, before.revision)?;
                let same = revision.definition == definition && revision.settings == settings;
                if !same || before.express != express {
                    return Err(Fault::StateMachineAlreadyExists(arn.clone()).into());
                }
                answer["creationDate"] = epoch_seconds(before.created).into();
                if publish {
                    let version = Publication { description: description.as_deref(), revision_id: None };
                    let published = versions::publish_current(transaction, &before, &version)?;
                    answer["stateMachineVersionArn"] = published.arn.into();
                }
                return Ok(Body::json(&answer));
            }
            let first = NewRevision {
                state_machine: 0,
                revision_id: None,
                definition: &definition,
                role_arn: &role_arn,
                settings: &settings,
                created: now,
            };
            machines::insert(connection, &name, express, &first)?;
            for (key, value) in &tags {
                tag_rows::put(connection, &arn, key, value)?;
            }
            answer["creationDate"] = epoch_seconds(now).into();
            if publish && let Some(machine) = machines::by_name(connection, &name)? {
                let version = Publication { description: description.as_deref(), revision_id: None };
                answer["stateMachineVersionArn"] =
                    versions::publish_current(transaction, &machine, &version)?.arn.into();
            }
            Ok(Body::json(&answer))
        })
        .await
}

pub(super) async fn update_state_machine(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineArn", ARN)?;
    let definition = fields.optional_text("definition", DEFINITION)?;
    let role_arn = fields.optional_text("roleArn", ARN)?;
    let settings = Settings::read(fields)?;
    let publish = fields.optional_bool("publish")?.unwrap_or(false);
    let description = fields.optional_text("versionDescription", DESCRIPTION)?;
    fields.check()?;
    if matches!(Arn::parse(&arn, &engine.options), Ok(Arn::Version { .. } | Arn::Alias { .. })) {
        return Err(Fault::StateMachineDoesNotExist(arn));
    }
    if definition.is_none() && role_arn.is_none() && !settings.any() {
        return Err(Fault::MissingRequiredParameter(
            "Either the definition, the role ARN, the LoggingConfiguration, the TracingConfiguration, or the \
             EncryptionConfiguration must be specified"
                .into(),
        ));
    }
    if let Some(role_arn) = &role_arn {
        check_role(role_arn)?;
    }
    versions::check_description(publish, description.as_deref())?;
    // Parsing is expensive, so it happens before the change is queued.
    let express = {
        let (options, arn) = (engine.options.clone(), arn.clone());
        engine.store.read(move |connection| Ok(current(connection, &options, &arn)?.express)).await?
    };
    if let Some(definition) = &definition {
        check_definition(engine, definition, express).await?;
    }
    engine
        .store
        .write(move |transaction| {
            let connection = transaction.connection;
            let machine = current(connection, transaction.options, &arn)?;
            let before = machines::revision(connection, machine.revision)?;
            let settings = settings.over(&parsed(&before.settings));
            let now = millis(transaction.now);
            let revision_id = Uuid::new_v4().to_string();
            let revision = NewRevision {
                state_machine: machine.id,
                revision_id: Some(&revision_id),
                definition: definition.as_deref().unwrap_or(&before.definition),
                role_arn: role_arn.as_deref().unwrap_or(&before.role_arn),
                settings: &settings,
                created: now,
            };
            let id = machines::revise(connection, &revision)?;
            let mut answer = json!({"updateDate": epoch_seconds(now), "revisionId": revision_id});
            if publish {
                let machine = StateMachine { revision: id, ..machine };
                let version = Publication { description: description.as_deref(), revision_id: None };
                answer["stateMachineVersionArn"] =
                    versions::publish_current(transaction, &machine, &version)?.arn.into();
            }
            Ok(Body::json(&answer))
        })
        .await
}

/// The state machine that an ARN names, if it is not being deleted.
pub(super) fn current(connection: &rusqlite::Connection, options: &Options, arn: &str) -> Result<StateMachine, Stop> {
    let machine = find_machine(connection, options, arn)?;
    if machine.deleting { Err(Fault::StateMachineDeleting(arn.to_owned()).into()) } else { Ok(machine) }
}

fn parsed(settings: &str) -> Value {
    serde_json::from_str(settings).unwrap_or_else(|_| default_settings())
}

pub(super) async fn describe_state_machine(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineArn", ARN)?;
    let included = fields.optional_word("includedData", &INCLUDED_DATA)? != Some("METADATA_ONLY");
    fields.check()?;
    let options = engine.options.clone();
    engine
        .store
        .read(move |connection| {
            let missing = || Fault::StateMachineDoesNotExist(arn.clone());
            let (machine, version) = match Arn::parse(&arn, &options)? {
                Arn::Version { machine, number } => {
                    let machine = machines::by_name(connection, machine)?.ok_or_else(missing)?;
                    let version = versions::find(connection, machine.id, number)?.ok_or_else(missing)?;
                    (machine, Some(version))
                }
                _ => (find_machine(connection, &options, &arn)?, None),
            };
            let revision = machines::revision(connection, version.as_ref().map_or(machine.revision, |v| v.revision))?;
            let created = version.as_ref().map_or(machine.created, |version| version.created);
            let mut all = json!({
                "stateMachineArn": arn,
                "name": machine.name,
                "status": if machine.deleting { "DELETING" } else { "ACTIVE" },
                "type": TYPES[usize::from(machine.express)],
                "creationDate": epoch_seconds(created),
            });
            add_revision(&mut all, revision, included);
            if let Some(description) = version.and_then(|version| version.description) {
                all["description"] = description.into();
            }
            Ok(Body::json(&all))
        })
        .await
}

fn add_revision(all: &mut Value, revision: Revision, included: bool) {
    if included {
        let references = variable_references(&revision.definition);
        if !references.is_empty() {
            all["variableReferences"] = references.into();
        }
        all["definition"] = revision.definition.into();
    }
    all["roleArn"] = revision.role_arn.into();
    if let (Value::Object(all), Value::Object(settings)) = (&mut *all, parsed(&revision.settings)) {
        all.extend(settings);
    }
    if let Some(revision_id) = revision.revision_id {
        all["revisionId"] = revision_id.into();
    }
}

pub(super) async fn describe_for_execution(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("executionArn", ARN)?;
    let included = fields.optional_word("includedData", &INCLUDED_DATA)? != Some("METADATA_ONLY");
    fields.check()?;
    let options = engine.options.clone();
    engine
        .store
        .read(move |connection| {
            let (execution, machine) = find_execution(connection, &options, &arn)?;
            let revision = machines::revision(connection, execution.revision)?;
            let name = execution.machine_name(&machine);
            let mut all = json!({
                "stateMachineArn": options.state_machine_arn(&name),
                "name": name,
                "updateDate": epoch_seconds(revision.created),
            });
            if let Some(arn) = map_run_arn(connection, &options, &execution, &machine)? {
                all["mapRunArn"] = arn.into();
                all["label"] = name.split_once('/').map_or("", |(_, label)| label).into();
            }
            add_revision(&mut all, revision, included);
            Ok(Body::json(&all))
        })
        .await
}

pub(super) async fn list_state_machines(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let page = Page::read(fields, NEXT_TOKEN)?;
    fields.check()?;
    let signer = engine.store.signer().clone();
    let after = page.begin(&signer, "ListStateMachines")?.unwrap_or(0);
    let options = engine.options.clone();
    engine
        .store
        .read(move |connection| {
            let mut rows = machines::list(connection, after, page.probe())?;
            let next = page.cut(&mut rows, &signer, "ListStateMachines", |last| last.id);
            let listed = rows.iter().map(|machine| {
                json!({
                    "stateMachineArn": options.state_machine_arn(&machine.name),
                    "name": machine.name,
                    "type": TYPES[usize::from(machine.express)],
                    "creationDate": epoch_seconds(machine.created),
                })
            });
            Ok(Page::body("stateMachines", listed, next))
        })
        .await
}

/// A state machine with executions is deleted in the background: running executions are stopped, then all are removed.
pub(super) async fn delete_state_machine(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineArn", ARN)?;
    fields.check()?;
    engine
        .store
        .write(move |transaction| {
            match find_machine(transaction.connection, transaction.options, &arn) {
                Ok(machine) => begin_deletion(transaction, &machine)?,
                // Deleting one that does not exist succeeds.
                Err(Stop::Refused(Fault::StateMachineDoesNotExist(_))) => {}
                Err(stop) => return Err(stop),
            }
            Ok(Body::empty())
        })
        .await
}

fn begin_deletion(transaction: &mut Transaction<'_>, machine: &StateMachine) -> Result<(), Stop> {
    machines::begin_deletion(transaction.connection, machine.id)?;
    // With few executions this deletes everything, and the name is free at once.
    for _ in 0..2 {
        if delete_some_of(transaction, machine.id, &machine.name)? == Deleted::Wholly {
            return Ok(());
        }
    }
    transaction.effects.deleting = true;
    Ok(())
}
