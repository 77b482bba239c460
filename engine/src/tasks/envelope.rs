//! What AWS's integrations add to a service's answer: the HTTP exchange, as their SDK reports it.

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, macros::format_description};
use uuid::Uuid;

/// `SdkHttpMetadata` and `SdkResponseMetadata` of an exchange that went well; `headers` come in AWS's order.
fn metadata(headers: &[(&str, String)], request_id: &str) -> [(String, Value); 2] {
    let all: Map<String, Value> = headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let mut sorted: Vec<_> = headers.iter().collect();
    sorted.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let plain: Map<String, Value> =
        sorted.into_iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    [
        ("SdkHttpMetadata".to_owned(), json!({"AllHttpHeaders": all, "HttpHeaders": plain, "HttpStatusCode": 200})),
        ("SdkResponseMetadata".to_owned(), json!({"RequestId": request_id})),
    ]
}

/// The result of `lambda:invoke`.
pub(super) fn invocation(payload: Value, now: OffsetDateTime) -> Value {
    let request_id = Uuid::new_v4().to_string();
    let trace = Uuid::new_v4().simple().to_string();
    let headers = [
        ("X-Amz-Executed-Version", "$LATEST".to_owned()),
        ("x-amzn-Remapped-Content-Length", "0".to_owned()),
        ("Connection", "keep-alive".to_owned()),
        ("x-amzn-RequestId", request_id.clone()),
        ("Content-Length", payload.to_string().len().to_string()),
        ("Date", http_date(now)),
        (
            "X-Amzn-Trace-Id",
            format!("root=1-{:08x}-{};parent={};sampled=0", now.unix_timestamp(), &trace[..24], &trace[16..]),
        ),
        ("Content-Type", "application/json".to_owned()),
    ];
    let [http, response] = metadata(&headers, &request_id);
    let mut result = Map::new();
    result.insert("ExecutedVersion".into(), "$LATEST".into());
    result.insert("Payload".into(), payload);
    result.extend([http, response]);
    result.insert("StatusCode".into(), 200.into());
    Value::Object(result)
}

/// The result of an integration whose service speaks AWS JSON 1.0: the service's answer and the exchange.
pub(super) fn answer(answer: Map<String, Value>, length: usize, now: OffsetDateTime) -> Value {
    let request_id = Uuid::new_v4().to_string();
    let headers = [
        ("x-amzn-RequestId", request_id.clone()),
        ("connection", "keep-alive".to_owned()),
        ("Content-Length", length.to_string()),
        ("Date", http_date(now)),
        ("Content-Type", "application/x-amz-json-1.0".to_owned()),
    ];
    let mut result: Vec<(String, Value)> = answer.into_iter().collect();
    result.extend(metadata(&headers, &request_id));
    result.sort_by(|(a, _), (b, _)| a.cmp(b));
    Value::Object(result.into_iter().collect())
}

/// As HTTP writes times: `Sun, 22 Nov 2026 10:20:30 GMT`.
fn http_date(at: OffsetDateTime) -> String {
    let form =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    at.format(form).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_invocation_carries_payload_and_exchange() {
        let result = invocation(json!({"a": 1}), datetime!(2026-11-22 10:20:30 UTC));
        let keys: Vec<&String> = result.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]);
        let headers = &result["SdkHttpMetadata"]["HttpHeaders"];
        assert_eq!(headers["Content-Length"], "7");
        assert_eq!(headers["Date"], "Sun, 22 Nov 2026 10:20:30 GMT");
        assert_eq!(headers["x-amzn-RequestId"], result["SdkResponseMetadata"]["RequestId"]);
        assert_eq!(result["SdkHttpMetadata"]["AllHttpHeaders"]["X-Amz-Executed-Version"], json!(["$LATEST"]));
    }
}
