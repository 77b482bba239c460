//! Lambda's API, as `sam local start-lambda` has it too.

use ::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    aws_json,
    http::Reply,
    service::{Call, Kind, Said, Service, encoded, query},
};
use crate::{FunctionError, Invocation, InvocationType, Invoked, ServiceAnswer, ServiceError};

pub(super) static KIND: Kind = Kind {
    name: "Lambda",
    flag: "--lambda-endpoint",
    actions: &["invoke", "getFunction", "getFunctionConfiguration", "listFunctions"],
    signing: "lambda",
    prefix: "Lambda",
    unmodelled: "AWSLambdaException",
    codes: &[],
};

const FUNCTIONS: &str = "/2015-03-31/functions/";

/// `lambda:invoke`, or a Task with a function's ARN.
pub(super) async fn invoke(service: &Service, invocation: Invocation) -> Result<Invoked, FunctionError> {
    let body = invocation.payload.to_string();
    let reply = run(service, &invocation, body).await?;
    if reply.header("x-amz-function-error").is_some() {
        return Err(FunctionError::Unhandled { payload: reply.text() });
    }
    let awaited = invocation.invocation_type == InvocationType::RequestResponse;
    Ok(Invoked {
        payload: awaited.then(|| document(&reply)),
        status: reply.status,
        executed_version: awaited.then(|| version(&reply)),
        log_result: reply.header("x-amz-log-result").map(str::to_owned),
        exchange: Some(reply.exchange()),
    })
}

/// `aws-sdk:lambda:*`.
pub(super) async fn call(service: &Service, action: &str, parameters: Value) -> Result<ServiceAnswer, ServiceError> {
    let text = |name: &str| match &parameters[name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    if action == "invoke" {
        return invoke_raw(service, &parameters, text).await;
    }
    let (name, qualifier) = name(&text("FunctionName").unwrap_or_default());
    let path = match action {
        "getFunction" => format!("{FUNCTIONS}{}", encoded(&name)),
        "getFunctionConfiguration" => format!("{FUNCTIONS}{}/configuration", encoded(&name)),
        _ => FUNCTIONS.to_owned(),
    };
    let qualifier = text("Qualifier").or(qualifier);
    let members = [("Qualifier", qualifier), ("Marker", text("Marker")), ("MaxItems", text("MaxItems"))];
    let path = path + &query(members.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let reply = service.send(Call { method: Method::GET, path, ..Call::default() }).await?;
    if reply.is_success() { Ok(reply.answer(document(&reply))) } else { Err(service.refused(&reply, said(&reply))) }
}

/// `aws-sdk:lambda:invoke`: a function that fails is an answer, and payloads are text.
async fn invoke_raw(
    service: &Service,
    parameters: &Value,
    text: impl Fn(&str) -> Option<String>,
) -> Result<ServiceAnswer, ServiceError> {
    let mut invocation = Invocation::new(text("FunctionName").unwrap_or_default(), Value::Null);
    invocation.qualifier = text("Qualifier");
    invocation.client_context = text("ClientContext");
    invocation.log_tail = text("LogType").as_deref() == Some("Tail");
    invocation.invocation_type = match text("InvocationType").as_deref() {
        Some("Event") => InvocationType::Event,
        Some("DryRun") => InvocationType::DryRun,
        _ => InvocationType::RequestResponse,
    };
    let body = match &parameters["Payload"] {
        Value::Null => String::new(),
        Value::String(payload) => payload.clone(),
        payload => payload.to_string(),
    };
    let reply = run(service, &invocation, body).await?;
    let mut output = Map::new();
    let members = [
        ("ExecutedVersion", Some(version(&reply))),
        ("FunctionError", reply.header("x-amz-function-error").map(str::to_owned)),
        ("LogResult", reply.header("x-amz-log-result").map(str::to_owned)),
        ("Payload", Some(reply.text())),
    ];
    output.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    output.insert("StatusCode".into(), reply.status.into());
    Ok(reply.answer(output.into()))
}

/// Sends an invocation; that the function ran into an error is no refusal.
async fn run(service: &Service, invocation: &Invocation, body: String) -> Result<Reply, ServiceError> {
    let (name, qualifier) = name(&invocation.function);
    // What is the default anyway is left unsaid: local Lambdas don't take everything.
    let qualifier = invocation.qualifier.clone().or(qualifier).filter(|qualifier| qualifier != "$LATEST");
    let path = format!(
        "{FUNCTIONS}{}/invocations{}",
        encoded(&name),
        query(qualifier.map(|qualifier| ("Qualifier", qualifier)))
    );
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("x-amz-invocation-type".to_owned(), invocation.invocation_type.as_str().to_owned()),
    ];
    if invocation.log_tail {
        headers.push(("x-amz-log-type".into(), "Tail".into()));
    }
    if let Some(context) = &invocation.client_context {
        // In base64 on the wire; who gives it as JSON means the same.
        let context = if context.trim_start().starts_with('{') { STANDARD.encode(context) } else { context.clone() };
        headers.push(("x-amz-client-context".into(), context));
    }
    let reply = service.send(Call { method: Method::POST, path, headers, body: body.into_bytes() }).await?;
    if reply.is_success() { Ok(reply) } else { Err(service.refused(&reply, said(&reply))) }
}

/// A function's name and its version or alias: of `name`, `name:1`, an ARN or a part of one.
fn name(function: &str) -> (String, Option<String>) {
    let rest = function.split_once("function:").map_or(function, |(_, rest)| rest);
    match rest.split_once(':') {
        Some((name, qualifier)) => (name.to_owned(), Some(qualifier.to_owned())),
        None => (rest.to_owned(), None),
    }
}

fn version(reply: &Reply) -> String {
    reply.header("x-amz-executed-version").unwrap_or("$LATEST").to_owned()
}

/// An answer as JSON; a function can answer with anything, and then it is text.
fn document(reply: &Reply) -> Value {
    if reply.body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(&reply.body).unwrap_or_else(|_| Value::String(reply.text()))
}

fn said(reply: &Reply) -> Said {
    let mut said = aws_json::said(reply);
    said.exception = match said.exception.as_deref() {
        None if reply.status == 404 => Some("ResourceNotFoundException".into()),
        // `sam local start-lambda` leaves the end out: `ResourceNotFound`, `Service`.
        Some(short) if !short.ends_with("Exception") => Some(format!("{short}Exception")),
        _ => said.exception,
    };
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_called_by_its_name_whatever_names_it() {
        let live = || Some("live".to_owned());
        for (function, qualifier) in [
            ("greet", None),
            ("greet:live", live()),
            ("arn:aws:lambda:eu-west-2:000000000000:function:greet", None),
            ("arn:aws:lambda:eu-west-2:000000000000:function:greet:live", live()),
            ("000000000000:function:greet:live", live()),
        ] {
            assert_eq!(name(function), ("greet".to_owned(), qualifier), "{function}");
        }
    }
}
