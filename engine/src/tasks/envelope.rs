//! The HTTP metadata that AWS's integrations add to a service's answer, as their SDK reports it.

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, macros::format_description};
use uuid::Uuid;

use crate::{Exchange, Invoked};

/// `SdkHttpMetadata` and `SdkResponseMetadata` of a successful exchange, with `headers` in AWS's order.
fn metadata(headers: &[(&str, String)], status: u16, request_id: &str) -> [(String, Value); 2] {
    let all: Map<String, Value> = headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let mut sorted: Vec<_> = headers.iter().collect();
    sorted.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let plain: Map<String, Value> =
        sorted.into_iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    [
        ("SdkHttpMetadata".to_owned(), json!({"AllHttpHeaders": all, "HttpHeaders": plain, "HttpStatusCode": status})),
        ("SdkResponseMetadata".to_owned(), json!({"RequestId": request_id})),
    ]
}

/// An exchange as the real service would have produced it.
fn exchange_of(answer: Option<&Value>) -> Exchange {
    let length = answer.map_or(0, |answer| answer.to_string().len());
    Exchange { request_id: Uuid::new_v4().to_string(), length }
}

/// The result of `lambda:invoke`.
pub(super) fn invocation(invoked: Invoked, now: OffsetDateTime) -> Value {
    let Invoked { payload, status, executed_version, log_result, exchange } = invoked;
    let Exchange { request_id, length } = exchange.unwrap_or_else(|| exchange_of(payload.as_ref()));
    let trace = Uuid::new_v4().simple().to_string();
    let mut headers = vec![
        ("x-amzn-Remapped-Content-Length", "0".to_owned()),
        ("Connection", "keep-alive".to_owned()),
        ("x-amzn-RequestId", request_id.clone()),
        ("Content-Length", length.to_string()),
        ("Date", http_date(now)),
        (
            "X-Amzn-Trace-Id",
            format!("root=1-{:08x}-{};parent={};sampled=0", now.unix_timestamp(), &trace[..24], &trace[16..]),
        ),
        ("Content-Type", "application/json".to_owned()),
    ];
    if let Some(version) = &executed_version {
        headers.insert(0, ("X-Amz-Executed-Version", version.clone()));
    }
    let mut result = Map::new();
    let text = |value: Option<String>| value.map(Value::from);
    let members = [("ExecutedVersion", text(executed_version)), ("LogResult", text(log_result)), ("Payload", payload)];
    result.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    result.extend(metadata(&headers, status, &request_id));
    result.insert("StatusCode".into(), status.into());
    Value::Object(result)
}

/// The result of another optimised integration: the service's answer and the exchange.
pub(super) fn answer(service: &str, answer: Value, exchange: Option<Exchange>, now: OffsetDateTime) -> Value {
    let Exchange { request_id, length } = exchange.unwrap_or_else(|| exchange_of(Some(&answer)));
    let content_type = match service {
        "events" => "application/x-amz-json-1.1",
        "sns" => "text/xml",
        _ => "application/x-amz-json-1.0",
    };
    let headers = [
        ("x-amzn-RequestId", request_id.clone()),
        ("connection", "keep-alive".to_owned()),
        ("Content-Length", length.to_string()),
        ("Date", http_date(now)),
        ("Content-Type", content_type.to_owned()),
    ];
    let mut result: Vec<(String, Value)> = match answer {
        Value::Object(members) => members.into_iter().collect(),
        _ => Vec::new(),
    };
    result.extend(metadata(&headers, 200, &request_id));
    result.sort_by(|(a, _), (b, _)| a.cmp(b));
    Value::Object(result.into_iter().collect())
}

/// An HTTP date: `Sun, 22 Nov 2026 10:20:30 GMT`.
fn http_date(at: OffsetDateTime) -> String {
    let form =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    at.format(form).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn keys(result: &Value) -> Vec<&String> {
        result.as_object().unwrap().keys().collect()
    }

    #[test]
    fn an_invocation_contains_payload_and_exchange() {
        let result = invocation(json!({"a": 1}).into(), datetime!(2026-11-22 10:20:30 UTC));
        assert_eq!(
            keys(&result),
            ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
        );
        let headers = &result["SdkHttpMetadata"]["HttpHeaders"];
        assert_eq!(headers["Content-Length"], "7");
        assert_eq!(headers["Date"], "Sun, 22 Nov 2026 10:20:30 GMT");
        assert_eq!(headers["x-amzn-RequestId"], result["SdkResponseMetadata"]["RequestId"]);
        assert_eq!(result["SdkHttpMetadata"]["AllHttpHeaders"]["X-Amz-Executed-Version"], json!(["$LATEST"]));
    }

    #[test]
    fn an_answer_reports_its_exchange() {
        let exchange = Exchange { request_id: "R".into(), length: 106 };
        let output = json!({"MessageId": "i", "MD5OfMessageBody": "m"});
        let result = answer("sqs", output, Some(exchange), datetime!(2026-11-22 10:20:30 UTC));
        assert_eq!(keys(&result), ["MD5OfMessageBody", "MessageId", "SdkHttpMetadata", "SdkResponseMetadata"]);
        let headers: Vec<&String> = result["SdkHttpMetadata"]["HttpHeaders"].as_object().unwrap().keys().collect();
        assert_eq!(headers, ["connection", "Content-Length", "Content-Type", "Date", "x-amzn-RequestId"]);
        assert_eq!(result["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"], "106");
        assert_eq!(result["SdkResponseMetadata"]["RequestId"], "R");
    }
}
