//! Versions of state machines.

use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use super::state_machines::current;
use crate::{
    arn::Arn,
    clock::{epoch_seconds, millis},
    engine::Engine,
    protocol::{ARN, Body, DESCRIPTION, Fault, Fields, LONG_ARN, Page, Text},
    store::{
        Stop, Transaction,
        state_machines::{self as machines, StateMachine},
    },
};

const NEXT_TOKEN: Text = Text::length(1..=1024);

/// A published version.
pub(super) struct Version {
    pub number: i64,
    pub revision: i64,
    pub description: Option<String>,
    pub created: i64,
}

fn version(row: &rusqlite::Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version { number: row.get(0)?, revision: row.get(1)?, description: row.get(2)?, created: row.get(3)? })
}

pub(super) fn find(connection: &Connection, machine: i64, number: i64) -> rusqlite::Result<Option<Version>> {
    connection
        .prepare_cached(
            "SELECT number, revision, description, created FROM version WHERE state_machine = ? AND number = ?",
        )?
        .query_row((machine, number), version)
        .optional()
}

pub(super) fn revision_of(connection: &Connection, machine: i64, number: i64) -> rusqlite::Result<Option<i64>> {
    Ok(find(connection, machine, number)?.map(|version| version.revision))
}

/// Chooses the version that an alias routes to, at random by weight.
pub(super) fn routed(connection: &Connection, machine: i64, alias: &str) -> rusqlite::Result<Option<i64>> {
    let routing = connection
        .prepare_cached(
            "SELECT first_version, first_weight, second_version FROM alias WHERE state_machine = ? AND name = ?",
        )?
        .query_row((machine, alias), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?))
        })
        .optional()?;
    Ok(routing.map(|(first, weight, second)| match second {
        Some(second) if i64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 100 / 256 >= weight => second,
        _ => first,
    }))
}

pub(super) fn check_description(publish: bool, description: Option<&str>) -> Result<(), Fault> {
    if description.is_some() && !publish {
        return Err(Fault::Validation("Version description can only be set when publish is true".into()));
    }
    Ok(())
}

/// A request to publish a version.
pub(super) struct Publication<'a> {
    pub description: Option<&'a str>,
    /// The revision that the caller expects; `None` accepts the current one.
    pub revision_id: Option<&'a str>,
}

pub(super) struct Published {
    pub arn: String,
    pub created: i64,
}

/// Publishes the current revision. Returns the latest version if it is of this revision already.
pub(super) fn publish_current(
    transaction: &mut Transaction<'_>,
    machine: &StateMachine,
    publication: &Publication<'_>,
) -> Result<Published, Stop> {
    let connection = transaction.connection;
    let arn = |number| transaction.options.qualified_arn(&machine.name, number);
    if let Some(wanted) = publication.revision_id {
        let revision = machines::revision(connection, machine.revision)?;
        let is = revision.revision_id.as_deref().unwrap_or("INITIAL");
        if is != wanted {
            return Err(Fault::Conflict(format!(
                "The revision ID {wanted} is not the state machine's current revision, which is {is}"
            ))
            .into());
        }
    }
    if let Some(latest) = find(connection, machine.id, machine.last_version)?
        && latest.revision == machine.revision
    {
        if publication.description.is_some() && latest.description.as_deref() != publication.description {
            return Err(Fault::Conflict(format!(
                "Version {} of this revision already exists with another description",
                latest.number
            ))
            .into());
        }
        return Ok(Published { arn: arn(latest.number), created: latest.created });
    }
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM version WHERE state_machine = ?")?
        .query_row([machine.id], |row| row.get(0))?;
    if count >= MAX_VERSIONS {
        return Err(
            Fault::ServiceQuotaExceeded(format!("A state machine can have at most {MAX_VERSIONS} versions")).into()
        );
    }
    let (number, created) = (machine.last_version + 1, millis(transaction.now));
    connection.execute("UPDATE state_machine SET last_version = ? WHERE id = ?", (number, machine.id))?;
    connection.execute(
        "INSERT INTO version (state_machine, number, revision, description, created) VALUES (?, ?, ?, ?, ?)",
        (machine.id, number, machine.revision, publication.description, created),
    )?;
    Ok(Published { arn: arn(number), created })
}

/// The maximum number of versions of one state machine.
const MAX_VERSIONS: i64 = 1000;

pub(super) async fn publish(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineArn", ARN)?;
    let revision_id = fields.optional_text("revisionId", Text::length(0..=256))?;
    let description = fields.optional_text("description", DESCRIPTION)?;
    fields.check()?;
    engine
        .store
        .write(move |transaction| {
            let machine = current(transaction.connection, transaction.options, &arn)?;
            let publication = Publication { description: description.as_deref(), revision_id: revision_id.as_deref() };
            let published = publish_current(transaction, &machine, &publication)?;
            Ok(Body::json(&json!({
                "stateMachineVersionArn": published.arn,
                "creationDate": epoch_seconds(published.created),
            })))
        })
        .await
}

/// Newest first.
pub(super) async fn list(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineArn", ARN)?;
    let page = Page::read(fields, NEXT_TOKEN)?;
    fields.check()?;
    let (options, signer) = (engine.options.clone(), engine.store.signer().clone());
    let request = format!("ListStateMachineVersions {arn}");
    let before = page.begin(&signer, &request)?.unwrap_or(i64::MAX);
    engine
        .store
        .read(move |connection| {
            let machine = current(connection, &options, &arn)?;
            let mut rows: Vec<Version> = connection
                .prepare_cached(
                    "SELECT number, revision, description, created FROM version
                     WHERE state_machine = ? AND number < ? ORDER BY number DESC LIMIT ?",
                )?
                .query_map((machine.id, before, page.probe()), version)?
                .collect::<rusqlite::Result<_>>()?;
            let next = page.cut(&mut rows, &signer, &request, |last| last.number);
            let listed = rows.iter().map(|version| {
                json!({
                    "stateMachineVersionArn": options.qualified_arn(&machine.name, version.number),
                    "creationDate": epoch_seconds(version.created),
                })
            });
            Ok(Page::body("stateMachineVersions", listed, next))
        })
        .await
}

/// A version that an alias routes to can't be deleted. Deleting one that does not exist succeeds.
pub(super) async fn delete(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineVersionArn", LONG_ARN)?;
    fields.check()?;
    engine
        .store
        .write(move |transaction| {
            let connection = transaction.connection;
            let (name, number) = match Arn::parse(&arn, transaction.options)? {
                Arn::Version { machine, number } => (machine, number),
                Arn::Elsewhere => return Ok(Body::empty()),
                _ => return Err(Fault::InvalidArn(format!("Version ARN is expected: {arn}")).into()),
            };
            let Some(machine) = machines::by_name(connection, name)? else { return Ok(Body::empty()) };
            let aliases: Vec<String> = connection
                .prepare_cached(
                    "SELECT name FROM alias WHERE state_machine = ?1 AND (first_version = ?2 OR second_version = ?2)",
                )?
                .query_map((machine.id, number), |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            if !aliases.is_empty() {
                return Err(Fault::Conflict(format!(
                    "Version to be deleted must not be referenced by an alias. Current list of aliases referencing \
                     this version: [{}]",
                    aliases.join(", ")
                ))
                .into());
            }
            connection.execute("DELETE FROM version WHERE state_machine = ? AND number = ?", (machine.id, number))?;
            Ok(Body::empty())
        })
        .await
}
