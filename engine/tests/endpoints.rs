//! Services at endpoints: the requests that they receive, and how their answers are handled.

#![cfg(feature = "endpoints")]

#[path = "support/services.rs"]
mod services;
mod support;

use std::{sync::Arc, time::Duration};

use asl_engine::{
    SystemClock,
    endpoints::{Endpoint, EndpointUrls, Endpoints},
};
use serde_json::{Value, json};
use services::{Reply, Services};
use support::{Desk, ManualClock, ROLE};

/// An engine for which one server acts as every service.
struct Stage {
    desk: Desk,
    services: Services,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn open() -> Self {
        Self::open_patiently(Duration::from_secs(60)).await
    }

    async fn open_patiently(patience: Duration) -> Self {
        let services = Services::start().await;
        let desk = |folder: &std::path::Path, url: &str| {
            let endpoints = Endpoints::with_timeouts(everything_at(url), "eu-west-2", patience, patience);
            let folder = folder.to_owned();
            async move { Desk::open_with(&folder, Arc::new(SystemClock), Arc::new(endpoints)).await }
        };
        let folder = tempfile::tempdir().expect("a folder");
        Self { desk: desk(folder.path(), &services.url).await, services, _folder: folder }
    }

    /// Starts an execution of a single Task.
    async fn start(&self, task: Value) -> String {
        let machine = self.desk.machine("machine", &one_task(task)).await;
        self.desk.start(&machine, "run", &json!({"reference": "app-ref"})).await
    }

    /// Runs an execution of a single Task to its end, and returns its description.
    async fn run(&self, task: Value) -> Value {
        let execution = self.start(task).await;
        self.desk.end(&execution).await
    }

    /// The output of a Task that succeeds.
    async fn output(&self, task: Value) -> Value {
        let end = self.run(task).await;
        assert_eq!(end["status"], "SUCCEEDED", "{end}");
        serde_json::from_str(end["output"].as_str().expect("an output")).expect("JSON")
    }
}

fn everything_at(url: &str) -> EndpointUrls {
    let url: Option<Endpoint> = url.parse().ok();
    EndpointUrls { lambda: url.clone(), sqs: url.clone(), sns: url.clone(), events: url.clone(), s3: url }
}

fn one_task(mut task: Value) -> Value {
    task["Type"] = "Task".into();
    task["End"] = true.into();
    json!({"StartAt": "Call", "States": {"Call": task}})
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn error_and_cause(end: &Value) -> (&str, &str) {
    assert_eq!(end["status"], "FAILED", "{end}");
    (end["error"].as_str().unwrap_or_default(), end["cause"].as_str().unwrap_or_default())
}

const QUEUE: &str = "http://127.0.0.1:9324/000000000000/loans";

#[tokio::test]
async fn a_task_waits_until_the_token_in_its_message_is_answered() {
    let stage = Stage::open().await;
    stage.services.will(Reply::message_sent());
    let execution = stage
        .start(json!({
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {
                "QueueUrl": QUEUE,
                "MessageBody": {"reference.$": "$.reference", "token.$": "$$.Task.Token"}
            }
        }))
        .await;
    stage.desk.until(&execution, "TaskSubmitted").await;

    let asked = stage.services.asked();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/"));
    assert_eq!(asked.header("x-amz-target"), "AmazonSQS.SendMessage");
    assert_eq!(asked.header("content-type"), "application/x-amz-json-1.0");
    let signature = asked.header("authorization");
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=local/"), "{signature}");
    assert!(signature.contains("/eu-west-2/sqs/aws4_request, "), "{signature}");
    let message = asked.json();
    assert_eq!(message["QueueUrl"], QUEUE);
    let body: Value = serde_json::from_str(message["MessageBody"].as_str().expect("text")).expect("JSON");
    assert_eq!(body["reference"], "app-ref");
    assert_eq!(stage.desk.status(&execution).await, "RUNNING");

    stage.desk.succeed(body["token"].as_str().expect("a token"), &json!({"value": 1})).await.expect("is taken");
    let end = stage.desk.end(&execution).await;
    assert_eq!(end["output"], r#"{"value":1}"#);
    assert_eq!(
        stage.desk.history(&execution).await,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[tokio::test]
async fn sending_a_message_returns_the_answer_of_sqs_and_the_exchange() {
    let stage = Stage::open().await;
    stage.services.will(Reply::message_sent());
    let output = stage
        .output(json!({
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": QUEUE, "MessageBody": "plain \"text\""}
        }))
        .await;
    assert_eq!(stage.services.asked().json()["MessageBody"], "plain \"text\"");
    assert_eq!(keys(&output), ["MD5OfMessageBody", "MessageId", "SdkHttpMetadata", "SdkResponseMetadata"]);
    let headers = &output["SdkHttpMetadata"]["AllHttpHeaders"];
    assert_eq!(keys(headers), ["x-amzn-RequestId", "connection", "Content-Length", "Date", "Content-Type"]);
    assert_eq!(headers["Content-Length"], json!(["106"]));
    assert_eq!(headers["Content-Type"], json!(["application/x-amz-json-1.0"]));
    assert_eq!(output["SdkResponseMetadata"], json!({"RequestId": "request-1"}));
}

#[tokio::test]
async fn a_missing_queue_fails_the_task_with_the_error_of_the_integration() {
    let refusal = || {
        let body = json!({
            "__type": "com.amazonaws.sqs#QueueDoesNotExist",
            "message": "The specified queue does not exist."
        });
        Reply::with(400, body)
            .and("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender")
            .and("x-amzn-requestid", "request-2")
    };
    for (resource, error, cause) in [
        (
            "arn:aws:states:::sqs:sendMessage",
            "SQS.QueueDoesNotExistException",
            "The specified queue does not exist. (Service: AmazonSQS; Status Code: 400; Error Code: \
             AWS.SimpleQueueService.NonExistentQueue; Request ID: request-2; Proxy: null)",
        ),
        (
            "arn:aws:states:::aws-sdk:sqs:sendMessage",
            "Sqs.QueueDoesNotExistException",
            "The specified queue does not exist. (Service: Sqs, Status Code: 400, Request ID: request-2)",
        ),
    ] {
        let stage = Stage::open().await;
        stage.services.will(refusal());
        let parameters = json!({"QueueUrl": QUEUE, "MessageBody": "m"});
        let end = stage.run(json!({"Resource": resource, "Parameters": parameters})).await;
        assert_eq!(error_and_cause(&end), (error, cause));
    }
}

#[tokio::test]
async fn the_sdk_integration_of_sqs_uses_pascal_case() {
    let stage = Stage::open().await;
    stage.services.will(Reply::ok(json!({"Messages": [{"MessageId": "m", "MD5OfBody": "x", "Body": "b"}]})));
    let output = stage
        .output(json!({"Resource": "arn:aws:states:::aws-sdk:sqs:receiveMessage", "Parameters": {"QueueUrl": QUEUE}}))
        .await;
    assert_eq!(output, json!({"Messages": [{"MessageId": "m", "Md5OfBody": "x", "Body": "b"}]}));
    assert_eq!(stage.services.asked().header("x-amz-target"), "AmazonSQS.ReceiveMessage");
}

#[tokio::test]
async fn an_unreachable_service_is_retried_and_then_caught() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let folder = tempfile::tempdir().expect("a folder");
    let endpoints = Endpoints::new(everything_at(&url), "eu-west-2");
    let clock = ManualClock::new();
    let desk = Desk::open_with(folder.path(), clock.clone(), Arc::new(endpoints)).await;
    let definition = json!({"StartAt": "Call", "States": {
        "Call": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "greet"},
            "Retry": [{"ErrorEquals": ["Lambda.SdkClientException"], "IntervalSeconds": 1, "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["Lambda.SdkClientException"], "Next": "Caught"}],
            "End": true
        },
        "Caught": {"Type": "Pass", "End": true}
    }});
    let machine = desk.machine("machine", &definition).await;
    let execution = desk.start(&machine, "run", &json!({})).await;
    desk.until(&execution, "TaskFailed").await;
    clock.advance(Duration::from_secs(1));
    let end = desk.end(&execution).await;
    let output: Value = serde_json::from_str(end["output"].as_str().expect("an output")).expect("JSON");
    assert_eq!(output["Error"], "Lambda.SdkClientException");
    let cause = output["Cause"].as_str().unwrap_or_default();
    assert!(cause.starts_with("Unable to execute HTTP request: Connect failed: "), "{cause}");
    let failures = desk.history(&execution).await.iter().filter(|event| *event == "TaskFailed").count();
    assert_eq!(failures, 2);
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_fails_the_task() {
    let stage = Stage::open_patiently(Duration::from_millis(100)).await;
    let parameters = json!({"QueueUrl": QUEUE, "MessageBody": "m"});
    let end = stage.run(json!({"Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": parameters})).await;
    let expected = "Unable to execute HTTP request: No answer within 0.1 seconds";
    assert_eq!(error_and_cause(&end), ("SQS.SdkClientException", expected));
}

#[tokio::test]
async fn a_function_is_invoked_by_name_and_its_answer_is_wrapped_in_the_envelope() {
    let stage = Stage::open().await;
    stage.services.will(
        Reply::ok(r#"{"greeting": "Hello"}"#)
            .and("x-amz-executed-version", "7")
            .and("x-amz-log-result", "bG9n")
            .and("x-amzn-requestid", "request-3"),
    );
    let output = stage
        .output(json!({
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {
                "FunctionName": "arn:aws:lambda:eu-west-2:000000000000:function:greet:live",
                "Payload.$": "$",
                "LogType": "Tail",
                "ClientContext": "e30="
            }
        }))
        .await;
    let asked = stage.services.asked();
    assert_eq!(asked.method.as_str(), "POST");
    assert_eq!(asked.uri, "/2015-03-31/functions/greet/invocations?Qualifier=live");
    assert_eq!(asked.header("x-amz-invocation-type"), "RequestResponse");
    assert_eq!(asked.header("x-amz-log-type"), "Tail");
    assert_eq!(asked.header("x-amz-client-context"), "e30=");
    assert_eq!(asked.text(), r#"{"reference":"app-ref"}"#);
    assert_eq!(
        keys(&output),
        ["ExecutedVersion", "LogResult", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
    );
    assert_eq!(output["ExecutedVersion"], "7");
    assert_eq!(output["LogResult"], "bG9n");
    assert_eq!(output["Payload"], json!({"greeting": "Hello"}));
    assert_eq!(output["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"], "21");
    assert_eq!(output["SdkResponseMetadata"]["RequestId"], "request-3");
    assert_eq!(output["StatusCode"], 200);
}

#[tokio::test]
async fn an_event_invocation_does_not_wait_for_the_function() {
    let stage = Stage::open().await;
    stage.services.will(Reply::with(202, ""));
    let parameters = json!({"FunctionName": "greet", "InvocationType": "Event", "Payload": {"a": 1}});
    let output = stage.output(json!({"Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters})).await;
    assert_eq!(stage.services.asked().header("x-amz-invocation-type"), "Event");
    assert_eq!(keys(&output), ["SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]);
    assert_eq!(output["StatusCode"], 202);
    assert_eq!(output["SdkHttpMetadata"]["HttpStatusCode"], 202);
}

#[tokio::test]
async fn a_function_failure_keeps_its_type_and_its_exact_payload() {
    // The spaces and the order are part of the payload.
    let payload = r#"{"errorMessage": "Some exception was raised.", "errorType": "Exception", "requestId": "r", "stackTrace": ["  File \"/var/task/handler.py\", line 2\n"]}"#;
    for (task, failed) in [
        (json!({"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "greet"}}), "TaskFailed"),
        (json!({"Resource": "arn:aws:lambda:eu-west-2:000000000000:function:greet"}), "LambdaFunctionFailed"),
    ] {
        let stage = Stage::open().await;
        stage.services.will(Reply::ok(payload).and("x-amz-function-error", "Unhandled"));
        let execution = stage.start(task).await;
        let end = stage.desk.end(&execution).await;
        assert_eq!(error_and_cause(&end), ("Exception", payload));
        let history = stage.desk.history(&execution).await;
        assert!(history.iter().any(|event| event == failed), "{history:?}");
    }
}

#[tokio::test]
async fn a_missing_function_is_reported_when_it_is_called() {
    let stage = Stage::open().await;
    let missing = "Function not found: arn:aws:lambda:eu-west-2:000000000000:function:greet";
    stage.services.will(
        Reply::with(404, json!({"Type": "User", "Message": missing}))
            .and("x-amzn-errortype", "ResourceNotFoundException:http://internal.amazon.com/")
            .and("x-amzn-requestid", "request-4"),
    );
    let parameters = json!({"FunctionName": "greet"});
    let end = stage.run(json!({"Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters})).await;
    let cause = format!(
        "{missing} (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: request-4; \
         Proxy: null)"
    );
    assert_eq!(error_and_cause(&end), ("Lambda.ResourceNotFoundException", cause.as_str()));
}

#[tokio::test]
async fn the_short_error_names_of_sam_are_expanded() {
    let stage = Stage::open().await;
    let body = json!({"Type": "Service", "Message": "ServiceException"});
    stage.services.will(Reply::with(500, body).and("x-amzn-errortype", "Service"));
    let end = stage.run(json!({"Resource": "arn:aws:lambda:eu-west-2:000000000000:function:greet"})).await;
    let (error, cause) = error_and_cause(&end);
    assert_eq!(error, "Lambda.ServiceException");
    assert!(cause.contains("; Status Code: 500; Error Code: ServiceException; "), "{cause}");
}

#[tokio::test]
async fn without_an_endpoint_functions_are_accepted_and_reported_missing_when_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoints = Endpoints::new(EndpointUrls::default(), "eu-west-2");
    let desk = Desk::open_with(folder.path(), Arc::new(SystemClock), Arc::new(endpoints)).await;
    let task = json!({"Resource": "arn:aws:lambda:eu-west-2:000000000000:function:greet"});
    let machine = desk.machine("machine", &one_task(task)).await;
    let execution = desk.start(&machine, "run", &json!({})).await;
    assert_eq!(error_and_cause(&desk.end(&execution).await).0, "Lambda.ResourceNotFoundException");
}

#[tokio::test]
async fn the_sdk_invocation_returns_the_payload_as_text_and_failures_as_answers() {
    let stage = Stage::open().await;
    stage.services.will(Reply::ok(r#"{"errorType": "E"}"#).and("x-amz-function-error", "Unhandled"));
    let parameters = json!({"FunctionName": "greet", "Payload": {"a": 1}});
    let output =
        stage.output(json!({"Resource": "arn:aws:states:::aws-sdk:lambda:invoke", "Parameters": parameters})).await;
    assert_eq!(
        output,
        json!({
            "ExecutedVersion": "$LATEST", "FunctionError": "Unhandled", "Payload": r#"{"errorType": "E"}"#,
            "StatusCode": 200
        })
    );
    assert_eq!(stage.services.asked().text(), r#"{"a":1}"#);
}

#[tokio::test]
async fn a_publication_is_sent_as_a_form_with_its_document_as_text() {
    let stage = Stage::open().await;
    stage.services.will(Reply::ok(
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>m-1</MessageId>\
         </PublishResult><ResponseMetadata><RequestId>request-5</RequestId></ResponseMetadata></PublishResponse>",
    ));
    let output = stage
        .output(json!({
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {
                "TopicArn": "arn:aws:sns:eu-west-2:000000000000:news",
                "Message": {"reference.$": "$.reference"},
                "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "loan"}}
            }
        }))
        .await;
    let asked = stage.services.asked();
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded; charset=utf-8");
    assert!(asked.header("authorization").contains("/eu-west-2/sns/aws4_request"));
    assert_eq!(
        asked.text(),
        "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aeu-west-2%3A000000000000%3Anews\
         &Message=%7B%22reference%22%3A%22app-ref%22%7D\
         &MessageAttributes.entry.1.Name=kind&MessageAttributes.entry.1.Value.DataType=String\
         &MessageAttributes.entry.1.Value.StringValue=loan"
    );
    assert_eq!(keys(&output), ["MessageId", "SdkHttpMetadata", "SdkResponseMetadata"]);
    assert_eq!(output["MessageId"], "m-1");
    assert_eq!(output["SdkHttpMetadata"]["HttpHeaders"]["Content-Type"], "text/xml");
    assert_eq!(output["SdkResponseMetadata"]["RequestId"], "request-5");
}

#[tokio::test]
async fn a_missing_topic_fails_the_task() {
    let stage = Stage::open().await;
    stage.services.will(
        Reply::with(
            404,
            "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message>\
             </Error><RequestId>request-6</RequestId></ErrorResponse>",
        )
        .and("x-amzn-requestid", "request-6"),
    );
    let parameters = json!({"TopicArn": "arn:aws:sns:eu-west-2:000000000000:none", "Message": "m"});
    let end = stage.run(json!({"Resource": "arn:aws:states:::sns:publish", "Parameters": parameters})).await;
    let cause = "Topic does not exist (Service: AmazonSNS; Status Code: 404; Error Code: NotFound; Request ID: \
                 request-6; Proxy: null)";
    assert_eq!(error_and_cause(&end), ("SNS.NotFoundException", cause));
}

fn put_events() -> Value {
    json!({
        "Resource": "arn:aws:states:::events:putEvents",
        "Parameters": {"Entries": [{
            "Detail": {"reference.$": "$.reference"}, "DetailType": "Submitted", "Source": "desk",
            "Resources": ["arn:mine"], "Time": "2026-11-22T10:00:00Z"
        }]}
    })
}

#[tokio::test]
async fn an_event_contains_its_execution_and_the_history_does_not() {
    let stage = Stage::open().await;
    stage.services.will(Reply::ok(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]})));
    let execution = stage.start(put_events()).await;
    let end = stage.desk.end(&execution).await;
    let asked = stage.services.asked();
    assert_eq!(asked.header("x-amz-target"), "AWSEvents.PutEvents");
    assert_eq!(asked.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(
        asked.json(),
        json!({"Entries": [{
            "Detail": r#"{"reference":"app-ref"}"#, "DetailType": "Submitted", "Source": "desk",
            "Resources": [
                "arn:mine",
                execution,
                "arn:aws:states:eu-west-2:000000000000:stateMachine:machine"
            ],
            "Time": 1_795_341_600
        }]})
    );
    let output: Value = serde_json::from_str(end["output"].as_str().expect("an output")).expect("JSON");
    assert_eq!(keys(&output), ["Entries", "FailedEntryCount", "SdkHttpMetadata", "SdkResponseMetadata"]);
    assert_eq!(output["Entries"], json!([{"EventId": "e-1"}]));
    let history = stage.desk.ask("GetExecutionHistory", json!({"executionArn": execution})).await;
    let scheduled = &history["events"][2]["taskScheduledEventDetails"]["parameters"];
    let scheduled: Value = serde_json::from_str(scheduled.as_str().expect("parameters")).expect("JSON");
    assert_eq!(scheduled["Entries"][0]["Resources"], json!(["arn:mine"]));
}

#[tokio::test]
async fn a_rejected_event_fails_the_task() {
    let stage = Stage::open().await;
    let entry = json!({"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "no"});
    stage.services.will(Reply::ok(json!({"FailedEntryCount": 1, "Entries": [entry]})));
    let end = stage.run(put_events()).await;
    let (error, cause) = error_and_cause(&end);
    assert_eq!(error, "EventBridge.FailedEntry");
    let cause: Value = serde_json::from_str(cause).expect("JSON");
    assert_eq!((&cause["FailedEntryCount"], &cause["Entries"]), (&json!(1), &json!([entry])));
}

#[tokio::test]
async fn reading_an_object_returns_its_headers() {
    let stage = Stage::open().await;
    stage.services.will(
        Reply::ok("a,b\n1,2\n")
            .and("content-type", "text/csv")
            .and("etag", "\"e\"")
            .and("last-modified", "Sun, 22 Nov 2026 10:20:30 GMT")
            .and("x-amz-meta-by", "me"),
    );
    let parameters = json!({"Bucket": "loans", "Key": "in/a b.csv"});
    let output =
        stage.output(json!({"Resource": "arn:aws:states:::aws-sdk:s3:getObject", "Parameters": parameters})).await;
    let asked = stage.services.asked();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("GET", "/loans/in/a%20b.csv"));
    assert_eq!(
        output,
        json!({
            "ContentType": "text/csv", "ETag": "\"e\"", "ContentLength": 8, "LastModified": "2026-11-22T10:20:30Z",
            "Metadata": {"by": "me"}, "Body": "a,b\n1,2\n"
        })
    );
}

#[tokio::test]
async fn a_document_is_stored_as_json_text() {
    let stage = Stage::open().await;
    stage.services.will(Reply::ok("").and("etag", "\"e\""));
    let parameters = json!({"Bucket": "loans", "Key": "out.json", "Body.$": "$"});
    let output =
        stage.output(json!({"Resource": "arn:aws:states:::aws-sdk:s3:putObject", "Parameters": parameters})).await;
    let asked = stage.services.asked();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("PUT", "/loans/out.json"));
    assert_eq!(asked.text(), r#"{"reference":"app-ref"}"#);
    assert_eq!(output, json!({"ETag": "\"e\""}));
}

#[tokio::test]
async fn a_missing_object_fails_the_task_even_if_the_answer_has_no_body() {
    let body = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>\
                </Error>";
    for (action, body) in [("getObject", body), ("headObject", "")] {
        let stage = Stage::open().await;
        stage.services.will(Reply::with(404, body).and("x-amz-request-id", "request-7"));
        let resource = format!("arn:aws:states:::aws-sdk:s3:{action}");
        let end = stage.run(json!({"Resource": resource, "Parameters": {"Bucket": "loans", "Key": "none"}})).await;
        let cause = "The specified key does not exist. (Service: S3, Status Code: 404, Request ID: request-7)";
        assert_eq!(error_and_cause(&end), ("S3.NoSuchKeyException", cause), "{action}");
    }
}

#[tokio::test]
async fn a_service_without_an_endpoint_is_refused_with_the_flag_that_enables_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoints = Endpoints::new(EndpointUrls::default(), "eu-west-2");
    let desk = Desk::open_with(folder.path(), Arc::new(SystemClock), Arc::new(endpoints)).await;
    for (resource, reason) in [
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", "SQS needs --sqs-endpoint"),
        ("arn:aws:states:::sns:publish", "SNS needs --sns-endpoint"),
        ("arn:aws:states:::events:putEvents", "EventBridge needs --events-endpoint"),
        ("arn:aws:states:::aws-sdk:eventbridge:putRule", "EventBridge needs --events-endpoint"),
        ("arn:aws:states:::aws-sdk:s3:getObject", "S3 needs --s3-endpoint"),
        ("arn:aws:states:::aws-sdk:lambda:invoke", "Lambda needs --lambda-endpoint"),
    ] {
        let inner = one_task(json!({"Resource": resource}));
        let definition = json!({"StartAt": "Both", "States": {
            "Both": {"Type": "Parallel", "Branches": [inner], "End": true}
        }});
        let request = json!({"name": "machine", "definition": definition.to_string(), "roleArn": ROLE});
        let (error, message) = desk.refusal("CreateStateMachine", request).await;
        assert_eq!(error, "InvalidDefinition");
        assert_eq!(
            message,
            format!(
                "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The resource provided {resource} is not \
                 available here: {reason}. at /States/Both/Branches[0]/States/Call/Resource'"
            )
        );
        let validated = desk.ask("ValidateStateMachineDefinition", json!({"definition": definition.to_string()})).await;
        assert_eq!(validated["result"], "FAIL", "{resource}");
        assert_eq!(validated["diagnostics"][0]["code"], "SCHEMA_VALIDATION_FAILED");
    }
}

#[tokio::test]
async fn an_action_that_cannot_be_called_is_refused_by_name() {
    let stage = Stage::open().await;
    let definition = one_task(json!({"Resource": "arn:aws:states:::aws-sdk:sqs:startMessageMoveTask"}));
    let request = json!({"name": "machine", "definition": definition.to_string(), "roleArn": ROLE});
    let (_, message) = stage.desk.refusal("CreateStateMachine", request).await;
    assert!(
        message
            .contains("aws-sdk:sqs:startMessageMoveTask is not available here: the supported actions of SQS are send"),
        "{message}"
    );
    assert!(stage.services.was_asked_nothing());
}

#[tokio::test]
async fn a_state_machine_whose_endpoint_was_removed_fails_only_in_its_task() {
    let folder = tempfile::tempdir().expect("a folder");
    let services = Services::start().await;
    let endpoints = Endpoints::new(everything_at(&services.url), "eu-west-2");
    let desk = Desk::open_with(folder.path(), Arc::new(SystemClock), Arc::new(endpoints)).await;
    let parameters = json!({"QueueUrl": QUEUE, "MessageBody": "m"});
    let task = json!({"Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": parameters});
    let machine = desk.machine("machine", &one_task(task)).await;
    desk.engine.shutdown().await;
    drop(desk);
    let endpoints = Endpoints::new(EndpointUrls::default(), "eu-west-2");
    let desk = Desk::open_with(folder.path(), Arc::new(SystemClock), Arc::new(endpoints)).await;
    let execution = desk.start(&machine, "run", &json!({})).await;
    assert_eq!(error_and_cause(&desk.end(&execution).await), ("States.Runtime", "SQS needs --sqs-endpoint"));
}

#[tokio::test]
async fn a_mocked_state_needs_no_endpoint_to_be_tested() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoints = Endpoints::new(EndpointUrls::default(), "eu-west-2");
    let desk = Desk::open_with(folder.path(), Arc::new(SystemClock), Arc::new(endpoints)).await;
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true});
    let request = json!({"definition": state.to_string(), "mock": {"result": "{\"MessageId\":\"m\"}"}});
    let answer = desk.ask("TestState", request).await;
    assert_eq!((&answer["status"], &answer["output"]), (&json!("SUCCEEDED"), &json!("{\"MessageId\":\"m\"}")));
    let (_, message) = desk.refusal("TestState", json!({"definition": state.to_string()})).await;
    assert!(message.contains("SQS needs --sqs-endpoint"), "{message}");
}
