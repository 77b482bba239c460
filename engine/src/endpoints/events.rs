//! EventBridge.

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    aws_json,
    service::{Kind, Service, stringify},
};
use crate::{ServiceAnswer, ServiceError, clock::from_millis, interpreter::timestamp, names::pascal_case};

pub(super) static KIND: Kind = Kind {
    name: "EventBridge",
    flag: "--events-endpoint",
    actions: &[
        "putEvents",
        "putRule",
        "deleteRule",
        "describeRule",
        "enableRule",
        "disableRule",
        "listRules",
        "putTargets",
        "removeTargets",
        "listTargetsByRule",
        "createEventBus",
        "deleteEventBus",
        "describeEventBus",
        "listEventBuses",
    ],
    signing: "events",
    prefix: "EventBridge",
    unmodelled: "AmazonEventBridgeException",
    codes: &[],
};

pub(super) async fn call(
    service: &Service,
    action: &str,
    mut parameters: Value,
) -> Result<ServiceAnswer, ServiceError> {
    for entry in parameters.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
        stringify(entry, "Detail");
        if let Some(time) = entry.get_mut("Time") {
            *time = seconds(time);
        }
    }
    let target = format!("AWSEvents.{}", pascal_case(action));
    let mut answer = aws_json::call(service, "1.1", &target, &parameters).await?;
    make_times_readable(&mut answer.output);
    Ok(answer)
}

/// A time in this protocol, in seconds since 1970.
fn seconds(time: &Value) -> Value {
    let read = time.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    match read {
        None => time.clone(),
        Some(time) if time.millisecond() == 0 => json!(time.unix_timestamp()),
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact for 285,000 years")]
        Some(time) => json!((time.unix_timestamp_nanos() / 1_000_000) as f64 / 1000.0),
    }
}

/// Formats times as AWS's SDK for Java does.
fn make_times_readable(output: &mut Value) {
    match output {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_f64() {
                    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a date have no fraction")]
                    Some(seconds) if name.ends_with("Time") => {
                        *value = timestamp(from_millis((seconds * 1000.0).round() as i64)).into();
                    }
                    _ => make_times_readable(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_times_readable),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_sent_as_seconds_and_returned_as_text() {
        assert_eq!(seconds(&json!("2026-11-22T10:00:00Z")), json!(1_795_341_600));
        assert_eq!(seconds(&json!("2026-11-22T10:00:00.250Z")), json!(1_795_341_600.25));
        assert_eq!(seconds(&json!(7)), json!(7));
        let mut output = json!({"EventBuses": [{"CreationTime": 1_795_341_600.25, "Name": "n"}]});
        make_times_readable(&mut output);
        assert_eq!(output, json!({"EventBuses": [{"CreationTime": "2026-11-22T10:00:00.250Z", "Name": "n"}]}));
    }
}
