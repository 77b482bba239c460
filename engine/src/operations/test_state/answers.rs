//! The answers of services, against which mocked results are checked.
//!
//! AWS knows the answers of all actions. These are the ones that tests of states use most, from the services' API models.

use serde_json::Value;

use crate::protocol::Fault;

/// `fieldValidationMode` of a mock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Required members must be present, and all members must be valid.
    Strict,
    /// All members must be valid.
    Present,
    None,
}

/// A member of an answer.
struct Member {
    name: &'static str,
    is_required: bool,
    shape: Shape,
}

enum Shape {
    /// Text of a minimum length, including blobs and times, which are formatted as text.
    Text {
        min: usize,
    },
    OneOf(&'static [&'static str]),
    Number {
        min: i64,
        max: i64,
    },
    Boolean,
    List(&'static [Member]),
    Object(&'static [Member]),
}

const TEXT: Shape = Shape::Text { min: 0 };
const NAME: Shape = Shape::Text { min: 1 };
const NUMBER: Shape = Shape::Number { min: i64::MIN, max: i64::MAX };

const fn member(name: &'static str, shape: Shape) -> Member {
    Member { name, is_required: false, shape }
}

const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, is_required: true, shape }
}

const START_EXECUTION: &[Member] = &[required("ExecutionArn", NAME), required("StartDate", TEXT)];

const PUT_EVENTS: &[Member] = &[
    member("FailedEntryCount", NUMBER),
    member("Entries", Shape::List(&[member("EventId", TEXT), member("ErrorCode", TEXT), member("ErrorMessage", TEXT)])),
];

const SEND_MESSAGE: &[Member] = &[
    member("MessageId", TEXT),
    member("MD5OfMessageBody", TEXT),
    member("MD5OfMessageAttributes", TEXT),
    member("MD5OfMessageSystemAttributes", TEXT),
    member("SequenceNumber", TEXT),
];

const PUBLISH: &[Member] = &[member("MessageId", TEXT), member("SequenceNumber", TEXT)];

const GET_OBJECT: &[Member] = &[
    member("ContentLength", NUMBER),
    member("ContentType", TEXT),
    member("ContentEncoding", TEXT),
    member("ETag", TEXT),
    member("LastModified", TEXT),
    member("VersionId", TEXT),
    member("DeleteMarker", Shape::Boolean),
    member("PartsCount", NUMBER),
    member("TagCount", NUMBER),
    member("ChecksumType", Shape::OneOf(&["COMPOSITE", "FULL_OBJECT"])),
    member("ServerSideEncryption", Shape::OneOf(&["AES256", "aws:fsx", "aws:kms", "aws:kms:dsse"])),
    member(
        "StorageClass",
        Shape::OneOf(&[
            "STANDARD",
            "REDUCED_REDUNDANCY",
            "STANDARD_IA",
            "ONEZONE_IA",
            "INTELLIGENT_TIERING",
            "GLACIER",
            "DEEP_ARCHIVE",
            "OUTPOSTS",
            "GLACIER_IR",
            "SNOW",
            "EXPRESS_ONEZONE",
            "FSX_OPENZFS",
            "FSX_ONTAP",
        ]),
    ),
];

const GET_FUNCTION: &[Member] = &[member(
    "Configuration",
    Shape::Object(&[
        member("FunctionName", NAME),
        member("FunctionArn", TEXT),
        member("Role", TEXT),
        member("Handler", TEXT),
        member("CodeSize", NUMBER),
        member("Description", TEXT),
        member("Timeout", Shape::Number { min: 1, max: i64::MAX }),
        // The limit that AWS applied when this was recorded.
        member("MemorySize", Shape::Number { min: 128, max: 10_240 }),
        member("LastModified", TEXT),
        member("CodeSha256", TEXT),
        member("Version", NAME),
        member("PackageType", Shape::OneOf(&["Zip", "Image"])),
        member("LastUpdateStatus", Shape::OneOf(&["Successful", "Failed", "InProgress"])),
    ]),
)];

const ENCRYPT: &[Member] = &[
    member("CiphertextBlob", NAME),
    member("KeyId", NAME),
    member(
        "EncryptionAlgorithm",
        Shape::OneOf(&["SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"]),
    ),
];

fn members(resource: &str) -> &'static [Member] {
    match resource.strip_prefix("arn:aws:states:::").unwrap_or_default() {
        "states:startExecution" | "aws-sdk:sfn:startExecution" => START_EXECUTION,
        "events:putEvents" | "aws-sdk:eventbridge:putEvents" => PUT_EVENTS,
        "sqs:sendMessage" => SEND_MESSAGE,
        "sns:publish" | "aws-sdk:sns:publish" => PUBLISH,
        "aws-sdk:s3:getObject" => GET_OBJECT,
        "aws-sdk:lambda:getFunction" => GET_FUNCTION,
        "aws-sdk:kms:encrypt" => ENCRYPT,
        _ => &[],
    }
}

/// Checks the mocked result of a task with this resource.
///
/// # Errors
/// AWS's message for the first member that is missing or wrong.
pub(super) fn check(resource: &str, result: &Value, mode: Mode) -> Result<(), Fault> {
    if mode == Mode::None {
        return Ok(());
    }
    check_members(members(resource), result, mode)
        .map_err(|reason| Fault::Validation(format!("Mock result schema validation error: {reason}")))
}

fn check_members(members: &[Member], object: &Value, mode: Mode) -> Result<(), String> {
    for Member { name, is_required, shape } in members {
        match object.get(name).filter(|value| !value.is_null()) {
            Some(value) => check_value(name, shape, value, mode)?,
            None if *is_required && mode == Mode::Strict => return Err(format!("Required field '{name}' is missing")),
            None => {}
        }
    }
    Ok(())
}

fn check_value(name: &str, shape: &Shape, value: &Value, mode: Mode) -> Result<(), String> {
    let must_be = |kind: &str| Err(format!("Field '{name}' must be {kind}"));
    match (shape, value) {
        (Shape::Text { min }, Value::String(text)) if text.len() < *min => {
            Err(format!("Field '{name}' is smaller than the minimum length"))
        }
        (Shape::OneOf(values), Value::String(text)) if !values.contains(&text.as_str()) => {
            Err(format!("Field '{name}' is not an expected value"))
        }
        (Shape::Number { min, .. }, Value::Number(number)) if number.as_i64().is_some_and(|number| number < *min) => {
            Err(format!("Field '{name}' is less than the minimum value"))
        }
        (Shape::Number { max, .. }, Value::Number(number)) if number.as_i64().is_some_and(|number| number > *max) => {
            Err(format!("Field '{name}' exceeds the maximum value"))
        }
        (Shape::Text { .. } | Shape::OneOf(_), Value::String(_))
        | (Shape::Number { .. }, Value::Number(_))
        | (Shape::Boolean, Value::Bool(_)) => Ok(()),
        (Shape::List(members), Value::Array(items)) => {
            items.iter().try_for_each(|item| check_members(members, item, mode))
        }
        (Shape::Object(members), Value::Object(_)) => check_members(members, value, mode),
        (Shape::Text { .. } | Shape::OneOf(_), _) => must_be("a string"),
        (Shape::Number { .. }, _) => must_be("a number"),
        (Shape::Boolean, _) => must_be("a boolean"),
        (Shape::List(_), _) => must_be("an array"),
        (Shape::Object(_), _) => must_be("an object"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(resource: &str, result: &Value, mode: Mode) -> String {
        let checked = check(&format!("arn:aws:states:::{resource}"), result, mode);
        let Err(Fault::Validation(problem)) = checked else { return String::new() };
        problem.strip_prefix("Mock result schema validation error: ").unwrap().to_owned()
    }

    /// These follow the API recordings.
    #[test]
    fn a_mocked_result_is_checked_against_the_answer_of_the_action() {
        for (resource, result, expected) in [
            (
                "aws-sdk:kms:encrypt",
                json!({"CiphertextBlob": ""}),
                "Field 'CiphertextBlob' is smaller than the minimum length",
            ),
            ("aws-sdk:kms:encrypt", json!({"CiphertextBlob": 123}), "Field 'CiphertextBlob' must be a string"),
            (
                "aws-sdk:lambda:getFunction",
                json!({"Configuration": {"MemorySize": 127}}),
                "Field 'MemorySize' is less than the minimum value",
            ),
            (
                "aws-sdk:lambda:getFunction",
                json!({"Configuration": {"MemorySize": 10_241}}),
                "Field 'MemorySize' exceeds the maximum value",
            ),
            ("aws-sdk:s3:getObject", json!({"ContentLength": "9000"}), "Field 'ContentLength' must be a number"),
            (
                "aws-sdk:s3:getObject",
                json!({"StorageClass": "Papyrus"}),
                "Field 'StorageClass' is not an expected value",
            ),
            (
                "events:putEvents",
                json!({"Entries": [{"EventId": "a"}, {"EventId": ["b"]}]}),
                "Field 'EventId' must be a string",
            ),
            (
                "states:startExecution",
                json!({"ExecutionArn": "arn", "StartDate": 1_764_103_483}),
                "Field 'StartDate' must be a string",
            ),
        ] {
            assert_eq!(problem(resource, &result, Mode::Strict), expected);
            assert_eq!(problem(resource, &result, Mode::Present), expected);
            assert_eq!(problem(resource, &result, Mode::None), "");
        }
    }

    #[test]
    fn members_are_only_required_in_strict_mode_and_others_are_accepted() {
        let missing = "Required field 'ExecutionArn' is missing";
        assert_eq!(problem("states:startExecution", &json!({}), Mode::Strict), missing);
        assert_eq!(problem("states:startExecution", &json!({}), Mode::Present), "");
        assert_eq!(problem("events:putEvents", &json!({"Other": 1, "Entries": [{}]}), Mode::Strict), "");
        assert_eq!(problem("lambda:invoke", &json!("anything"), Mode::Strict), "");
    }
}
