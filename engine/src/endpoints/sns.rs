//! SNS, which uses the query protocol: requests are forms, and answers are XML.

use ::http::Method;
use roxmltree::Document;
use serde_json::{Map, Value, json};

use super::{
    service::{Call, Kind, Service, encoded, stringify},
    xml,
};
use crate::{ServiceAnswer, ServiceError, names::pascal_case};

pub(super) static KIND: Kind = Kind {
    name: "SNS",
    flag: "--sns-endpoint",
    actions: &[
        "publish",
        "publishBatch",
        "createTopic",
        "deleteTopic",
        "listTopics",
        "getTopicAttributes",
        "setTopicAttributes",
        "subscribe",
        "unsubscribe",
        "listSubscriptions",
        "listSubscriptionsByTopic",
    ],
    signing: "sns",
    prefix: "SNS",
    unmodelled: "AmazonSNSException",
    codes: &[
        ("NotFound", "NotFoundException"),
        ("InvalidParameter", "InvalidParameterException"),
        ("ParameterValueInvalid", "InvalidParameterValueException"),
        ("AuthorizationError", "AuthorizationErrorException"),
        ("InternalError", "InternalErrorException"),
        ("InvalidSecurity", "InvalidSecurityException"),
        ("EndpointDisabled", "EndpointDisabledException"),
        ("PlatformApplicationDisabled", "PlatformApplicationDisabledException"),
        ("TopicLimitExceeded", "TopicLimitExceededException"),
        ("SubscriptionLimitExceeded", "SubscriptionLimitExceededException"),
        ("FilterPolicyLimitExceeded", "FilterPolicyLimitExceededException"),
        ("Throttled", "ThrottledException"),
        ("TagLimitExceeded", "TagLimitExceededException"),
        ("BatchEntryIdsNotDistinct", "BatchEntryIdsNotDistinctException"),
        ("BatchRequestTooLong", "BatchRequestTooLongException"),
        ("EmptyBatchRequest", "EmptyBatchRequestException"),
        ("InvalidBatchEntryId", "InvalidBatchEntryIdException"),
        ("TooManyEntriesInBatchRequest", "TooManyEntriesInBatchRequestException"),
    ],
};

pub(super) async fn call(
    service: &Service,
    action: &str,
    mut parameters: Value,
) -> Result<ServiceAnswer, ServiceError> {
    stringify(&mut parameters, "Message");
    for entry in parameters.get_mut("PublishBatchRequestEntries").and_then(Value::as_array_mut).into_iter().flatten() {
        stringify(entry, "Message");
    }
    let operation = pascal_case(action);
    let mut form = format!("Action={operation}&Version=2010-03-31");
    write(&mut form, "", &parameters);
    let call = Call {
        method: Method::POST,
        path: "/".into(),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded; charset=utf-8".into())],
        body: form.into_bytes(),
    };
    let response = service.send(call).await?;
    if !response.is_success() {
        return Err(service.refused(&response, xml::error_document(&response)));
    }
    let body = response.text();
    let Ok(document) = Document::parse(&body) else {
        return Err(service.kind.no_answer("The answer is not XML"));
    };
    let mut answer = response.answer(output(&document, &operation));
    // SNS puts the request id into the document.
    if let (Some(exchange), Some(id)) = (&mut answer.exchange, xml::find(&document, "RequestId")) {
        exchange.request_id = xml::text(id);
    }
    Ok(answer)
}

/// Parses the result element, for example `PublishResult`. Some operations have none.
fn output(document: &Document<'_>, operation: &str) -> Value {
    let Some(result) = xml::find(document, &format!("{operation}Result")) else { return json!({}) };
    let mut members = Map::new();
    for child in xml::elements(result) {
        let name = child.tag_name().name();
        let value = match (xml::value(child), name) {
            // An empty list looks like text.
            (Value::String(_), "Topics" | "Subscriptions" | "Successful" | "Failed") => json!([]),
            (Value::String(_), "Attributes") => json!({}),
            (value, _) => value,
        };
        members.insert(name.to_owned(), value);
    }
    members.into()
}

/// Appends the members of a value to the form, each with its path: `Tags.member.1.Key=…`.
fn write(form: &mut String, path: &str, value: &Value) {
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Null => {}
        Value::Object(members) => match path.rsplit('.').next() {
            Some("MessageAttributes") => write_map(form, path, members, "Name", "Value"),
            Some("Attributes") => write_map(form, path, members, "key", "value"),
            _ => members.iter().for_each(|(name, value)| write(form, &at(name), value)),
        },
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                write(form, &at(&format!("member.{}", index + 1)), item);
            }
        }
        Value::String(text) => form.push_str(&format!("&{path}={}", encoded(text))),
        Value::Bool(_) | Value::Number(_) => form.push_str(&format!("&{path}={value}")),
    }
}

fn write_map(form: &mut String, path: &str, members: &Map<String, Value>, key: &str, value_name: &str) {
    for (index, (name, value)) in members.iter().enumerate() {
        let entry = format!("{path}.entry.{}", index + 1);
        form.push_str(&format!("&{entry}.{key}={}", encoded(name)));
        write(form, &format!("{entry}.{value_name}"), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_encoded_in_the_form_by_their_path() {
        let mut form = String::new();
        write(
            &mut form,
            "",
            &json!({
                "TopicArn": "a:b",
                "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "x y"}},
                "Attributes": {"DisplayName": "d"},
                "Tags": [{"Key": "k", "Value": "v"}],
                "ReturnSubscriptionArn": true
            }),
        );
        assert_eq!(
            form,
            "&TopicArn=a%3Ab\
             &MessageAttributes.entry.1.Name=kind\
             &MessageAttributes.entry.1.Value.DataType=String\
             &MessageAttributes.entry.1.Value.StringValue=x%20y\
             &Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=d\
             &Tags.member.1.Key=k&Tags.member.1.Value=v\
             &ReturnSubscriptionArn=true"
        );
    }

    #[test]
    fn lists_and_maps_of_an_answer_are_json() {
        let answer = r#"<ListTopicsResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ListTopicsResult>
            <Topics><member><TopicArn>a</TopicArn></member><member><TopicArn>b &amp; c</TopicArn></member></Topics>
            <NextToken>n</NextToken></ListTopicsResult></ListTopicsResponse>"#;
        let document = Document::parse(answer).unwrap();
        let expected = json!({"Topics": [{"TopicArn": "a"}, {"TopicArn": "b & c"}], "NextToken": "n"});
        assert_eq!(output(&document, "ListTopics"), expected);
        let answer = "<R><GetTopicAttributesResult><Attributes><entry><key>Owner</key><value>o</value></entry>\
                      </Attributes></GetTopicAttributesResult></R>";
        let document = Document::parse(answer).unwrap();
        assert_eq!(output(&document, "GetTopicAttributes"), json!({"Attributes": {"Owner": "o"}}));
        let document = Document::parse("<R><ListTopicsResult><Topics/></ListTopicsResult></R>").unwrap();
        assert_eq!(output(&document, "ListTopics"), json!({"Topics": []}));
    }
}
