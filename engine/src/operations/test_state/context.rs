//! The context object of a test.

use serde_json::{Map, Value};

use crate::protocol::Fault;

/// The types of members.
#[derive(Clone, Copy)]
enum Kind {
    Any,
    String,
    Number,
    Object(&'static [(&'static str, Kind)]),
}

/// The members of the context object. See "Accessing execution data from the Context object" in the developer guide.
const MEMBERS: &[(&str, Kind)] = &[
    (
        "Execution",
        Kind::Object(&[
            ("Id", Kind::String),
            ("Input", Kind::Any),
            ("Name", Kind::String),
            ("RoleArn", Kind::String),
            ("StartTime", Kind::String),
            ("RedriveCount", Kind::Number),
            ("RedriveTime", Kind::String),
        ]),
    ),
    ("Map", Kind::Object(&[("Item", Kind::Object(ITEM))])),
    ("State", Kind::Object(&[("EnteredTime", Kind::String), ("Name", Kind::String), ("RetryCount", Kind::Number)])),
    ("StateMachine", Kind::Object(&[("Id", Kind::String), ("Name", Kind::String)])),
    ("Task", Kind::Object(&[("Token", Kind::String)])),
];

const ITEM: &[(&str, Kind)] =
    &[("Index", Kind::Number), ("Key", Kind::String), ("Source", Kind::String), ("Value", Kind::Any)];

/// Parses a context object. Its members are those of AWS, and none is required.
pub(super) fn read(text: &str) -> Result<Map<String, Value>, Fault> {
    let context: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| invalid("Context object must be a valid JSON object"))?;
    check(&context, MEMBERS, "")?;
    Ok(context)
}

fn check(fields: &Map<String, Value>, members: &[(&str, Kind)], path: &str) -> Result<(), Fault> {
    for (name, value) in fields {
        let Some((_, kind)) = members.iter().find(|(known, _)| known == name) else {
            return Err(invalid(&format!("Field '{name}' is not allowed")));
        };
        match (kind, value) {
            (Kind::Object(members), Value::Object(fields)) => check(fields, members, &format!("{path}{name}."))?,
            (Kind::Object(_), _) => return Err(invalid(&format!("{path}{name} must be an object"))),
            (Kind::String, value) if !value.is_string() => {
                return Err(invalid(&format!("{path}{name} must be a string")));
            }
            (Kind::Number, value) if !value.is_number() => {
                return Err(invalid(&format!("{path}{name} must be a number")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn invalid(reason: &str) -> Fault {
    Fault::Validation(format!("Invalid Context object provided: {reason}"))
}
