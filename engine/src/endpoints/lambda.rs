//! The Lambda API, which `sam local start-lambda` also provides.

use ::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    aws_json,
    http::Response,
    service::{Call, ErrorDocument, Kind, Service, encoded, query},
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

/// Runs a function for `lambda:invoke`, or for a Task with the function's ARN.
pub(super) async fn invoke(service: &Service, invocation: Invocation) -> Result<Invoked, FunctionError> {
    let body = invocation.payload.to_string();
    let response = run(service, &invocation, body).await?;
    if response.header("x-amz-function-error").is_some() {
        return Err(FunctionError::Unhandled { payload: response.text() });
    }
    let awaited = invocation.invocation_type == InvocationType::RequestResponse;
    Ok(Invoked {
        payload: awaited.then(|| document(&response)),
        status: response.status,
        executed_version: awaited.then(|| version(&response)),
        log_result: response.header("x-amz-log-result").map(str::to_owned),
        exchange: Some(response.exchange()),
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
    let response = service.send(Call { method: Method::GET, path, ..Call::default() }).await?;
    if response.is_success() {
        Ok(response.answer(document(&response)))
    } else {
        Err(service.refused(&response, error_document(&response)))
    }
}

/// `aws-sdk:lambda:invoke`. A function that fails is an answer here, and payloads are strings.
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
    let response = run(service, &invocation, body).await?;
    let mut output = Map::new();
    let members = [
        ("ExecutedVersion", Some(version(&response))),
        ("FunctionError", response.header("x-amz-function-error").map(str::to_owned)),
        ("LogResult", response.header("x-amz-log-result").map(str::to_owned)),
        ("Payload", Some(response.text())),
    ];
    output.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    output.insert("StatusCode".into(), response.status.into());
    Ok(response.answer(output.into()))
}

/// Sends an invocation. An error within the function is not a refusal.
async fn run(service: &Service, invocation: &Invocation, body: String) -> Result<Response, ServiceError> {
    let (name, qualifier) = name(&invocation.function);
    // Defaults are omitted, because local Lambdas don't accept every parameter.
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
        // Encoded in base64 on the wire. JSON is accepted as well and is encoded here.
        let context = if context.trim_start().starts_with('{') { STANDARD.encode(context) } else { context.clone() };
        headers.push(("x-amz-client-context".into(), context));
    }
    let response = service.send(Call { method: Method::POST, path, headers, body: body.into_bytes() }).await?;
    if response.is_success() { Ok(response) } else { Err(service.refused(&response, error_document(&response))) }
}

/// Splits a function into its name and its version or alias. Accepts `name`, `name:1` and full or partial ARNs.
fn name(function: &str) -> (String, Option<String>) {
    let rest = function.split_once("function:").map_or(function, |(_, rest)| rest);
    match rest.split_once(':') {
        Some((name, qualifier)) => (name.to_owned(), Some(qualifier.to_owned())),
        None => (rest.to_owned(), None),
    }
}

fn version(response: &Response) -> String {
    response.header("x-amz-executed-version").unwrap_or("$LATEST").to_owned()
}

/// Parses an answer. A function can answer with anything; if it is not JSON, it becomes a string.
fn document(response: &Response) -> Value {
    if response.body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(&response.body).unwrap_or_else(|_| Value::String(response.text()))
}

fn error_document(response: &Response) -> ErrorDocument {
    let mut error_document = aws_json::error_document(response);
    error_document.exception = match error_document.exception.as_deref() {
        None if response.status == 404 => Some("ResourceNotFoundException".into()),
        // `sam local start-lambda` omits the suffix: `ResourceNotFound`, `Service`.
        Some(short) if !short.ends_with("Exception") => Some(format!("{short}Exception")),
        _ => error_document.exception,
    };
    error_document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_called_by_its_name_however_it_is_referenced() {
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
