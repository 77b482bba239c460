//! The AWS JSON protocol, which SQS (1.0) and EventBridge (1.1) speak.

use ::http::Method;
use serde_json::Value;

use super::{
    http::Reply,
    service::{Call, Said, Service},
};
use crate::{ServiceAnswer, ServiceError};

/// Calls `target`, say `AmazonSQS.SendMessage`.
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
    let reply = service.send(call).await?;
    if !reply.is_success() {
        return Err(service.refused(&reply, said(&reply)));
    }
    // An operation without an answer has an empty body.
    if reply.body.is_empty() {
        return Ok(reply.answer(Value::Object(serde_json::Map::new())));
    }
    match serde_json::from_slice(&reply.body) {
        Ok(output) => Ok(reply.answer(output)),
        Err(_) => Err(service.kind.no_answer("The answer is not JSON")),
    }
}

/// What an error document says: `{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": …}`, or the header.
pub(super) fn said(reply: &Reply) -> Said {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let exception = reply.header("x-amzn-errortype").or_else(|| text("__type")).or_else(|| text("code"));
    let exception = exception.map(|name| name.split(':').next().unwrap_or(name));
    let exception = exception.map(|name| name.rsplit('#').next().unwrap_or(name).to_owned());
    // Services that spoke another protocol before tell the name that an error had there.
    let code = reply.header("x-amzn-query-error").and_then(|header| header.split(';').next()).map(str::to_owned);
    Said { exception, code, message: text("message").or_else(|| text("Message")).map(str::to_owned) }
}
