//! The AWS JSON protocol of SQS (version 1.0) and EventBridge (version 1.1).

use ::http::Method;
use serde_json::Value;

use super::{
    http::Response,
    service::{Call, ErrorDocument, Service},
};
use crate::{ServiceAnswer, ServiceError};

/// Calls an operation, for example `AmazonSQS.SendMessage`.
pub(super) async fn call(
    service: &Service,
    version: &str,
    target: &str,
    parameters: &Value,
) -> Result<ServiceAnswer, ServiceError> {
    let call = Call {
        method: Method::POST,
        path: "/".into(),
        headers: vec![
            ("content-type".into(), format!("application/x-amz-json-{version}")),
            ("x-amz-target".into(), target.to_owned()),
        ],
        body: parameters.to_string().into_bytes(),
    };
    let response = service.send(call).await?;
    if !response.is_success() {
        return Err(service.refused(&response, error_document(&response)));
    }
    // An operation without output has an empty body.
    if response.body.is_empty() {
        return Ok(response.answer(Value::Object(serde_json::Map::new())));
    }
    match serde_json::from_slice(&response.body) {
        Ok(output) => Ok(response.answer(output)),
        Err(_) => Err(service.kind.no_answer("The answer is not JSON")),
    }
}

/// Parses an error document, `{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": …}`, or the header.
pub(super) fn error_document(response: &Response) -> ErrorDocument {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let exception = response.header("x-amzn-errortype").or_else(|| text("__type")).or_else(|| text("code"));
    let exception = exception.map(|name| name.split(':').next().unwrap_or(name));
    let exception = exception.map(|name| name.rsplit('#').next().unwrap_or(name).to_owned());
    // Services that used another protocol before send the error's name in that protocol as well.
    let code = response.header("x-amzn-query-error").and_then(|header| header.split(';').next()).map(str::to_owned);
    ErrorDocument { exception, code, message: text("message").or_else(|| text("Message")).map(str::to_owned) }
}
