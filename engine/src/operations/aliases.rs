//! Aliases: names that route to one version of a state machine, or to two by weight.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Value, json};

use super::{state_machines::current, versions};
use crate::{
    Options,
    arn::Arn,
    clock::{epoch_seconds, millis},
    engine::Engine,
    protocol::{ARN, Body, DESCRIPTION, Fault, Fields, NAME, Page, Text},
    store::{Stop, state_machines as machines},
};

const NEXT_TOKEN: Text = Text::length(1..=1024);
/// The maximum number of aliases of one state machine.
const MAX_ALIASES: i64 = 100;

/// One version, or two; the weights add up to 100.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Routing {
    first: (i64, i64),
    second: Option<(i64, i64)>,
}

struct Alias {
    id: i64,
    name: String,
    description: Option<String>,
    routing: Routing,
    created: i64,
    updated: i64,
}

const COLUMNS: &str = "id, name, description, first_version, first_weight, second_version, created, updated";

fn alias(row: &Row<'_>) -> rusqlite::Result<Alias> {
    let weight: i64 = row.get(4)?;
    let second: Option<i64> = row.get(5)?;
    Ok(Alias {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        routing: Routing { first: (row.get(3)?, weight), second: second.map(|version| (version, 100 - weight)) },
        created: row.get(6)?,
        updated: row.get(7)?,
    })
}

fn find(connection: &Connection, machine: i64, name: &str) -> rusqlite::Result<Option<Alias>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM alias WHERE state_machine = ? AND name = ?"))?
        .query_row((machine, name), alias)
        .optional()
}

/// The state machine's name, and the versions with their weights.
fn read_routing(fields: &mut Fields, items: &[Value], options: &Options) -> Result<(String, Routing), Fault> {
    let arn_of = |item: &Value| item["stateMachineVersionArn"].as_str().unwrap_or_default().to_owned();
    let arns: Vec<String> = items.iter().map(arn_of).collect();
    let weights: Vec<i64> = items.iter().map(|item| item["weight"].as_i64().unwrap_or(-1)).collect();
    if !(1..=2).contains(&items.len()) {
        let limit = if items.is_empty() { "greater than or equal to 1" } else { "less than or equal to 2" };
        let item = |(arn, weight): (&String, &i64)| {
            format!("RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={weight})")
        };
        let given: Vec<String> = arns.iter().zip(&weights).map(item).collect();
        let (given, constraint) = (format!("[{}]", given.join(", ")), format!("Member must have length {limit}"));
        fields.refuse(&given, "routingConfiguration", constraint);
    }
    for (weight, number) in weights.iter().zip(1..) {
        let limit = match weight {
            ..0 => "greater than or equal to 0",
            0..=100 => continue,
            101.. => "less than or equal to 100",
        };
        let name = format!("routingConfiguration.{number}.member.weight");
        fields.refuse(weight, &name, format_args!("Member must have value {limit}"));
    }
    fields.check()?;
    let invalid = |reason: String| Err(Fault::Validation(reason));
    let received = || format!("Received: [{}]", arns.join(", "));
    let mut routes = Vec::new();
    let mut names = Vec::new();
    for (arn, weight) in arns.iter().zip(&weights) {
        match Arn::parse(arn, options)? {
            Arn::Version { machine, number } => {
                names.push(machine.to_owned());
                routes.push((number, *weight));
            }
            Arn::Elsewhere => return Err(Fault::ResourceNotFound(arn.to_owned())),
            _ => {
                return invalid(format!(
                    "Routing configuration must contain state machine version ARNs. {}",
                    received()
                ));
            }
        }
    }
    if arns.len() == 2 && arns[0] == arns[1] {
        return invalid(format!(
            "Routing configuration must contain distinct state machine version ARNs. {}",
            received()
        ));
    }
    if weights.iter().sum::<i64>() != 100 {
        return invalid(format!("Sum of routing configuration weights must equal 100. Received: {weights:?}"));
    }
    if names.iter().any(|name| *name != names[0]) {
        return invalid("Routing configuration must contain versions of a single state machine.".to_owned());
    }
    Ok((names.swap_remove(0), Routing { first: routes[0], second: routes.get(1).copied() }))
}

fn check_versions(
    connection: &Connection,
    options: &Options,
    machine: i64,
    name: &str,
    routing: &Routing,
) -> Result<(), Stop> {
    for (number, _) in std::iter::once(routing.first).chain(routing.second) {
        if versions::find(connection, machine, number)?.is_none() {
            return Err(Fault::ResourceNotFound(options.qualified_arn(name, number)).into());
        }
    }
    Ok(())
}

pub(super) async fn create(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let name = fields.text("name", NAME)?;
    let description = fields.optional_text("description", DESCRIPTION)?;
    let items = fields.list("routingConfiguration")?;
    let good = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    let well_formed = name.chars().all(good) && name.chars().any(|letter| !letter.is_ascii_digit());
    if !name.is_empty() && !well_formed {
        fields.refuse(
            &name,
            "name",
            "Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$",
        );
    }
    fields.check()?;
    let (machine, routing) = read_routing(fields, &items, &engine.options)?;
    engine
        .store
        .write(move |transaction| {
            let connection = transaction.connection;
            let found = current(connection, transaction.options, &transaction.options.state_machine_arn(&machine))?;
            check_versions(connection, transaction.options, found.id, &machine, &routing)?;
            let arn = transaction.options.qualified_arn(&machine, &name);
            if let Some(before) = find(connection, found.id, &name)? {
                if before.routing != routing || before.description != description {
                    let message = "Failed to create alias because an alias with the same name and a different routing \
                                   configuration already exists.";
                    return Err(Fault::Conflict(message.to_owned()).into());
                }
                return Ok(created(&arn, before.created));
            }
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM alias WHERE state_machine = ?")?
                .query_row([found.id], |row| row.get(0))?;
            if count >= MAX_ALIASES {
                return Err(Fault::ServiceQuotaExceeded(format!(
                    "A state machine can have at most {MAX_ALIASES} aliases"
                ))
                .into());
            }
            let now = millis(transaction.now);
            connection.execute(
                "INSERT INTO alias (state_machine, name, description, first_version, first_weight, second_version,
                                    created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    found.id,
                    &name,
                    &description,
                    routing.first.0,
                    routing.first.1,
                    routing.second.map(|second| second.0),
                    now,
                    now,
                ),
            )?;
            Ok(created(&arn, now))
        })
        .await
}

fn created(arn: &str, at: i64) -> Body {
    Body::json(&json!({"stateMachineAliasArn": arn, "creationDate": epoch_seconds(at)}))
}

/// The alias that an ARN names, and its state machine's name.
fn named(connection: &Connection, options: &Options, arn: &str) -> Result<(Alias, i64, String), Stop> {
    let missing = || Fault::ResourceNotFound(arn.to_owned());
    let (machine, name) = match Arn::parse(arn, options)? {
        Arn::Alias { machine, name } => (machine, name),
        Arn::Elsewhere => return Err(missing().into()),
        _ => return Err(Fault::InvalidArn(format!("Alias ARN is expected: {arn}")).into()),
    };
    let machine = machines::by_name(connection, machine)?.ok_or_else(missing)?;
    let alias = find(connection, machine.id, name)?.ok_or_else(missing)?;
    Ok((alias, machine.id, machine.name))
}

pub(super) async fn describe(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineAliasArn", ARN)?;
    fields.check()?;
    let options = engine.options.clone();
    engine
        .store
        .read(move |connection| {
            let (alias, _, machine) = named(connection, &options, &arn)?;
            let routes = std::iter::once(alias.routing.first).chain(alias.routing.second);
            let routes = routes.map(|(number, weight)| {
                json!({"stateMachineVersionArn": options.qualified_arn(&machine, number), "weight": weight})
            });
            let mut all = json!({
                "stateMachineAliasArn": arn,
                "name": alias.name,
                "routingConfiguration": routes.collect::<Vec<_>>(),
                "creationDate": epoch_seconds(alias.created),
                "updateDate": epoch_seconds(alias.updated),
            });
            if let Some(description) = alias.description {
                all["description"] = description.into();
            }
            Ok(Body::json(&all))
        })
        .await
}

pub(super) async fn update(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineAliasArn", ARN)?;
    let description = fields.optional_text("description", DESCRIPTION)?;
    let items = fields.optional_list("routingConfiguration")?;
    fields.check()?;
    if description.is_none() && items.is_none() {
        return Err(Fault::Validation("Either description or routingConfiguration must be specified".into()));
    }
    let routing = items.map(|items| read_routing(fields, &items, &engine.options)).transpose()?;
    engine
        .store
        .write(move |transaction| {
            let connection = transaction.connection;
            let (before, machine, machine_name) = named(connection, transaction.options, &arn)?;
            let routing = match &routing {
                Some((name, _)) if *name != machine_name => {
                    return Err(Fault::Validation("All versions must be of the alias's state machine".into()).into());
                }
                Some((_, routing)) => routing,
                None => &before.routing,
            };
            check_versions(connection, transaction.options, machine, &machine_name, routing)?;
            let now = millis(transaction.now);
            connection.execute(
                "UPDATE alias SET description = ?, first_version = ?, first_weight = ?, second_version = ?,
                                  updated = ? WHERE id = ?",
                (
                    description.as_ref().or(before.description.as_ref()),
                    routing.first.0,
                    routing.first.1,
                    routing.second.map(|second| second.0),
                    now,
                    before.id,
                ),
            )?;
            Ok(Body::json(&json!({"updateDate": epoch_seconds(now)})))
        })
        .await
}

pub(super) async fn delete(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineAliasArn", ARN)?;
    fields.check()?;
    engine
        .store
        .write(move |transaction| {
            let (alias, ..) = named(transaction.connection, transaction.options, &arn)?;
            transaction.connection.execute("DELETE FROM alias WHERE id = ?", [alias.id])?;
            Ok(Body::empty())
        })
        .await
}

/// Lists the aliases of a state machine, or those that route to one version.
pub(super) async fn list(engine: &Engine, fields: &mut Fields) -> Result<Body, Fault> {
    let arn = fields.text("stateMachineArn", ARN)?;
    let page = Page::read(fields, NEXT_TOKEN)?;
    fields.check()?;
    let (options, signer) = (engine.options.clone(), engine.store.signer().clone());
    let request = format!("ListStateMachineAliases {arn}");
    let after = page.begin(&signer, &request)?.unwrap_or(0);
    engine
        .store
        .read(move |connection| {
            let (machine, version) = match Arn::parse(&arn, &options)? {
                Arn::Version { machine, number } => (options.state_machine_arn(machine), Some(number)),
                _ => (arn.clone(), None),
            };
            let machine = current(connection, &options, &machine)?;
            let mut rows: Vec<Alias> = connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM alias WHERE state_machine = ?1 AND id > ?2
                     AND (?3 IS NULL OR first_version = ?3 OR second_version = ?3) ORDER BY id LIMIT ?4"
                ))?
                .query_map((machine.id, after, version, page.probe()), alias)?
                .collect::<rusqlite::Result<_>>()?;
            let next = page.cut(&mut rows, &signer, &request, |last| last.id);
            let listed = rows.iter().map(|alias| {
                json!({
                    "stateMachineAliasArn": options.qualified_arn(&machine.name, &alias.name),
                    "creationDate": epoch_seconds(alias.created),
                })
            });
            Ok(Page::body("stateMachineAliases", listed, next))
        })
        .await
}
