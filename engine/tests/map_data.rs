//! Distributed Maps that read items from S3 and write results to it, including across restarts.

#![cfg(feature = "endpoints")]

#[path = "support/bucket.rs"]
mod bucket;
mod support;

use std::{path::Path, sync::Arc};

use asl_engine::{
    SystemClock,
    endpoints::{EndpointUrls, Endpoints},
};
use bucket::Bucket;
use serde_json::{Value, json};
use support::{Desk, ROLE, each, pass};

async fn open(folder: &Path, bucket: &Bucket) -> Desk {
    let urls = EndpointUrls { s3: bucket.url.parse().ok(), ..EndpointUrls::default() };
    Desk::open_with(folder, Arc::new(SystemClock), Arc::new(Endpoints::new(urls, "eu-west-2"))).await
}

/// A state that fails if the item says so.
fn fails() -> Value {
    json!({
        "Look": {
            "Type": "Choice", "Default": "Good",
            "Choices": [{"Variable": "$.bad", "IsPresent": true, "Next": "Bad"}]
        },
        "Good": {"Type": "Pass", "Parameters": {"done.$": "$.n"}, "End": true},
        "Bad": {"Type": "Fail", "Error": "Broken", "Cause": "for good"}
    })
}

fn object(key: &str, config: Value) -> Value {
    json!({
        "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
        "Parameters": {"Bucket": "loans", "Key": key}
    })
}

fn writer(more: Value) -> Value {
    let mut writer = json!({
        "Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "results/2026"}
    });
    for (field, value) in more.as_object().unwrap() {
        writer[field] = value.clone();
    }
    writer
}

struct Stage {
    bucket: Bucket,
    desk: Desk,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn open(objects: &[(&str, &str)]) -> Self {
        let (folder, bucket) = (tempfile::tempdir().unwrap(), Bucket::start(objects).await);
        let desk = open(folder.path(), &bucket).await;
        Self { bucket, desk, folder }
    }

    /// Runs an execution to its end.
    async fn run(&self, definition: &Value, input: &Value) -> (String, Value) {
        let machine = self.desk.machine("m", definition).await;
        let execution = self.desk.start(&machine, "e", input).await;
        let end = self.desk.end(&execution).await;
        (execution, end)
    }

    async fn output(&self, definition: &Value, input: &Value) -> Value {
        let (_, end) = self.run(definition, input).await;
        assert_eq!(end["status"], "SUCCEEDED", "{end}");
        serde_json::from_str(end["output"].as_str().expect("an output")).expect("JSON")
    }

    async fn map_run(&self, execution: &str) -> Value {
        let runs = self.desk.ask("ListMapRuns", json!({"executionArn": execution})).await;
        self.desk.ask("DescribeMapRun", json!({"mapRunArn": runs["mapRuns"][0]["mapRunArn"]})).await
    }

    fn kept(&self, key: &str) -> Value {
        let text = self.bucket.get(key).unwrap_or_else(|| panic!("no {key} in {:?}", self.bucket.keys()));
        serde_json::from_str(&text).expect("JSON")
    }
}

#[tokio::test]
async fn items_of_an_array_become_children_with_their_index_and_value() {
    let stage = Stage::open(&[("loans/a.json", r#"{"orders": [{"n": 1}, {"n": 2}, {"n": 3}]}"#)]).await;
    let more = json!({
        "ItemReader": object("a.json", json!({"InputType": "JSON", "ItemsPointer": "/orders", "MaxItemsPath": "$.most"})),
        "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value.n", "by.$": "$.by"},
    });
    let (execution, end) = stage.run(&each(&pass(), &more), &json!({"most": 2, "by": "me"})).await;
    assert_eq!(end["output"], r#"[{"i":0,"v":1,"by":"me"},{"i":1,"v":2,"by":"me"}]"#, "{end}");
    assert_eq!(
        stage.desk.history(&execution).await,
        [
            "ExecutionStarted",
            "MapStateEntered",
            "MapStateStarted",
            "MapRunStarted",
            "MapRunSucceeded",
            "MapStateSucceeded",
            "MapStateExited",
            "ExecutionSucceeded"
        ]
    );
    let run = stage.map_run(&execution).await;
    assert_eq!((&run["status"], &run["itemCounts"]["total"]), (&json!("SUCCEEDED"), &json!(2)));
    assert_eq!((&run["itemCounts"]["succeeded"], &run["executionCounts"]["total"]), (&json!(2), &json!(2)));
    assert_eq!(stage.bucket.asked(), ["GET loans/a.json"]);
}

#[tokio::test]
async fn csv_rows_and_json_lines_can_be_items() {
    let stage = Stage::open(&[
        ("loans/a.csv", "id;name\n1;\"Ada; Countess\"\n2\n"),
        ("loans/b.jsonl", "{\"id\": 1}\n\n\"two\"\n"),
    ])
    .await;
    let csv = json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVDelimiter": "SEMICOLON"});
    let rows = stage.output(&each(&pass(), &json!({"ItemReader": object("a.csv", csv)})), &json!({})).await;
    assert_eq!(rows, json!([{"id": "1", "name": "Ada; Countess"}, {"id": "2", "name": ""}]));

    let folder = tempfile::tempdir().unwrap();
    let desk = open(folder.path(), &stage.bucket).await;
    let lines = each(&pass(), &json!({"ItemReader": object("b.jsonl", json!({"InputType": "JSONL"}))}));
    let machine = desk.machine("m", &lines).await;
    let execution = desk.start(&machine, "e", &json!({})).await;
    assert_eq!(desk.end(&execution).await["output"], r#"[{"id":1},"two"]"#);
}

#[tokio::test]
async fn all_pages_of_a_bucket_are_listed_and_the_objects_are_batched() {
    let keys = ["loans/in/a", "loans/in/b", "loans/in/c", "loans/in/d", "loans/in/e", "loans/other"];
    let stage = Stage::open(&keys.map(|key| (key, "1234567"))).await;
    let more = json!({
        "QueryLanguage": "JSONata",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Arguments": {"Bucket": "{% $states.input.bucket %}", "Prefix": "in/"}
        },
        "ItemSelector": {"key": "{% $states.context.Map.Item.Value.Key %}", "all": "{% $states.context.Map.Item.Value %}"},
        "ItemBatcher": {"MaxItemsPerBatch": 2},
    });
    let output = stage.output(&each(&pass(), &more), &json!({"bucket": "loans"})).await;
    let batches = output.as_array().unwrap();
    let keys: Vec<Vec<&str>> = batches
        .iter()
        .map(|batch| batch["Items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap()).collect())
        .collect();
    assert_eq!(keys, [vec!["in/a", "in/b"], vec!["in/c", "in/d"], vec!["in/e"]]);
    assert_eq!(
        batches[2]["Items"][0]["all"],
        json!({
            "Etag": "\"e\"", "Key": "in/e", "LastModified": 1_668_699_881, "Size": 7, "StorageClass": "STANDARD"
        })
    );
    assert_eq!(stage.bucket.asked().len(), 3);
}

#[tokio::test]
async fn listing_stops_when_enough_items_have_been_read() {
    let keys = ["loans/a", "loans/b", "loans/c", "loans/d", "loans/e"];
    let stage = Stage::open(&keys.map(|key| (key, ""))).await;
    let more = json!({
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "loans"},
            "ReaderConfig": {"MaxItems": 3}
        },
        "ItemSelector": {"key.$": "$$.Map.Item.Value.Key"},
    });
    let output = stage.output(&each(&pass(), &more), &json!({})).await;
    assert_eq!(output, json!([{"key": "a"}, {"key": "b"}, {"key": "c"}]));
    assert_eq!(stage.bucket.asked().len(), 2);
}

#[tokio::test]
async fn items_that_exceed_one_change_all_become_children() {
    let lines: String = (0..1_203).map(|n| format!("{{\"n\": {n}}}\n")).collect();
    let stage = Stage::open(&[("loans/b.jsonl", &lines)]).await;
    let more = json!({
        "ItemReader": object("b.jsonl", json!({"InputType": "JSONL"})),
        "ItemBatcher": {"MaxItemsPerBatch": 400}, "ResultWriter": {"WriterConfig": {"Transformation": "COMPACT"}},
    });
    let last = json!({"Last": {
        "Type": "Pass", "Parameters": {"count.$": "States.ArrayLength($.Items)", "first.$": "$.Items[0].n"}, "End": true
    }});
    let output = stage.output(&each(&last, &more), &json!({})).await;
    let of = |count: i64, first: i64| json!({"count": count, "first": first});
    assert_eq!(output, json!([of(400, 0), of(400, 400), of(400, 800), of(3, 1200)]));
}

#[tokio::test]
async fn items_that_cannot_be_read_fail_the_state_and_are_caught() {
    let stage = Stage::open(&[("loans/a.json", r#"{"orders": 7}"#), ("loans/bad.csv", "a,a\n1,2\n")]).await;
    let csv = json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"});
    for (name, reader, cause) in [
        (
            "missing",
            object("nowhere.json", json!({"InputType": "JSON"})),
            "The specified key does not exist. (Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey; Request ID: \
             request-1; Proxy: null)",
        ),
        (
            "no-array",
            object("a.json", json!({"InputType": "JSON", "ItemsPointer": "/orders"})),
            "The object is not usable JSON: invalid type: integer `7`, expected an array of items at line 1 column 12",
        ),
        ("bad-header", object("bad.csv", csv), "The header 'a' occurs more than once: headers must be unique"),
    ] {
        let more = json!({
            "ItemReader": reader,
            "Catch": [{"ErrorEquals": ["States.ItemReaderFailed"], "ResultPath": "$.why", "Next": "Caught"}],
        });
        let machine = stage.desk.machine(name, &each(&pass(), &more)).await;
        let execution = stage.desk.start(&machine, "e", &json!({})).await;
        let end = stage.desk.end(&execution).await;
        let output: Value = serde_json::from_str(end["output"].as_str().unwrap_or_default()).unwrap_or_default();
        assert_eq!(output["why"], json!({"Error": "States.ItemReaderFailed", "Cause": cause}), "{name}: {end}");
        assert_eq!(
            stage.desk.history(&execution).await[2..],
            [
                "MapStateStarted",
                "MapRunStarted",
                "MapRunFailed",
                "MapStateFailed",
                "MapStateExited",
                "PassStateEntered",
                "PassStateExited",
                "ExecutionSucceeded"
            ]
        );
        let run = stage.map_run(&execution).await;
        assert_eq!((&run["status"], &run["itemCounts"]["total"]), (&json!("FAILED"), &json!(0)));
    }
}

#[tokio::test]
async fn an_object_that_is_too_large_is_not_read() {
    let stage = Stage::open(&[]).await;
    stage.bucket.put("loans/long.jsonl", &"1\n".repeat(17 << 20));
    let more = json!({"ItemReader": object("long.jsonl", json!({"InputType": "JSONL"}))});
    let (_, end) = stage.run(&each(&pass(), &more), &json!({})).await;
    assert_eq!(end["error"], "States.ItemReaderFailed");
    let cause = "Unable to execute HTTP request: The answer is longer than 33554432 bytes";
    assert_eq!(end["cause"], cause);

    // Longer than the answer of a Task may be.
    stage.bucket.put("loans/long.jsonl", &format!("\"short\"\n{}", " ".repeat(9 << 20)));
    let machine = stage.desk.machine("other", &each(&pass(), &more)).await;
    let execution = stage.desk.start(&machine, "e", &json!({})).await;
    assert_eq!(stage.desk.end(&execution).await["output"], r#"["short"]"#);
}

#[tokio::test]
async fn an_item_that_is_too_large_fails_the_run_unless_its_selector_shrinks_it() {
    let stage = Stage::open(&[("loans/a.json", &json!([{"n": 1, "long": "x".repeat(300_000)}]).to_string())]).await;
    let reader = object("a.json", json!({"InputType": "JSON"}));
    let (_, end) = stage.run(&each(&pass(), &json!({ "ItemReader": reader })), &json!({})).await;
    assert_eq!(end["error"], "States.DataLimitExceeded", "{end}");
    let more = json!({"ItemReader": reader, "ItemSelector": {"n.$": "$$.Map.Item.Value.n"}});
    let machine = stage.desk.machine("other", &each(&pass(), &more)).await;
    let execution = stage.desk.start(&machine, "e", &json!({})).await;
    assert_eq!(stage.desk.end(&execution).await["output"], r#"[{"n":1}]"#);
}

#[tokio::test]
async fn a_retry_and_a_redrive_read_the_items_again_in_a_new_run() {
    let stage = Stage::open(&[]).await;
    let more = json!({
        "ItemReader": object("a.json", json!({"InputType": "JSON"})),
        "Retry": [{"ErrorEquals": ["States.ItemReaderFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}],
    });
    let (execution, end) = stage.run(&each(&pass(), &more), &json!({})).await;
    assert_eq!((&end["status"], &end["error"]), (&json!("FAILED"), &json!("States.ItemReaderFailed")));
    assert_eq!(stage.bucket.asked().len(), 2);
    stage.bucket.put("loans/a.json", "[5]");
    stage.desk.ask("RedriveExecution", json!({"executionArn": execution})).await;
    assert_eq!(stage.desk.end(&execution).await["output"], "[5]");
    let runs = stage.desk.ask("ListMapRuns", json!({"executionArn": execution})).await;
    assert_eq!(runs["mapRuns"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn reading_items_is_repeated_after_a_restart() {
    let Stage { bucket, desk, folder } = Stage::open(&[("loans/a.json", "[1, 2]")]).await;
    bucket.answers(false);
    let more = json!({"ItemReader": object("a.json", json!({"InputType": "JSON"}))});
    let machine = desk.machine("m", &each(&pass(), &more)).await;
    let execution = desk.start(&machine, "e", &json!({})).await;
    while bucket.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    // A run without items has not ended.
    let runs = desk.ask("ListMapRuns", json!({"executionArn": execution})).await;
    desk.ask("UpdateMapRun", json!({"mapRunArn": runs["mapRuns"][0]["mapRunArn"], "maxConcurrency": 1})).await;
    assert_eq!(desk.status(&execution).await, "RUNNING");
    desk.engine.shutdown().await;
    drop(desk);
    // Simulates progress before a restart: the object may have changed since.
    let database = rusqlite::Connection::open(folder.path().join("step-functions.sqlite")).unwrap();
    let items = "INSERT INTO map_run_item (map_run, place, items, input) VALUES (1, 0, 1, '8'), (1, 5, 1, '9')";
    assert_eq!(database.execute(items, ()).unwrap(), 2);
    drop(database);

    bucket.answers(true);
    let desk = open(folder.path(), &bucket).await;
    assert_eq!(desk.end(&execution).await["output"], "[1,2]");
    drop(desk);
    let database = rusqlite::Connection::open(folder.path().join("step-functions.sqlite")).unwrap();
    let left: i64 = database.query_row("SELECT count(*) FROM map_run_item", (), |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
    assert_eq!(bucket.asked(), ["GET loans/a.json", "GET loans/a.json"]);
}

#[tokio::test]
async fn items_of_an_abandoned_run_are_discarded() {
    let stage = Stage::open(&[("loans/a.json", "[1, 2]")]).await;
    stage.bucket.answers(false);
    let more = json!({"ItemReader": object("a.json", json!({"InputType": "JSON"}))});
    let machine = stage.desk.machine("m", &each(&pass(), &more)).await;
    let execution = stage.desk.start(&machine, "e", &json!({})).await;
    stage.desk.ask("StopExecution", json!({"executionArn": execution})).await;
    stage.bucket.answers(true);
    let run = stage.map_run(&execution).await;
    assert_eq!((&run["status"], &run["itemCounts"]["total"]), (&json!("ABORTED"), &json!(0)));
    assert_eq!(stage.desk.status(&execution).await, "ABORTED");
}

#[tokio::test]
async fn results_are_written_by_status_with_a_manifest() {
    let items = json!([{"n": 1}, {"n": 2, "bad": true}, {"n": 3}]);
    let stage = Stage::open(&[("loans/a.json", &items.to_string())]).await;
    let more = json!({
        "ItemReader": object("a.json", json!({"InputType": "JSON"})), "ToleratedFailureCount": 1,
        "ResultWriter": writer(json!({})), "ResultSelector": {"where.$": "$"},
    });
    let (execution, end) = stage.run(&each(&fails(), &more), &json!({})).await;
    let run = stage.map_run(&execution).await;
    let arn = run["mapRunArn"].as_str().unwrap();
    let folder = format!("results/2026/{}", arn.rsplit(':').next().unwrap());
    let details = json!({"Bucket": "out", "Key": format!("{folder}/manifest.json")});
    let output: Value = serde_json::from_str(end["output"].as_str().expect("an output")).unwrap();
    assert_eq!(output["where"], json!({"MapRunArn": arn, "ResultWriterDetails": details}));

    let file = |name: &str| {
        let size = stage.bucket.get(&format!("out/{folder}/{name}")).unwrap_or_default().len();
        json!([{"Key": format!("{folder}/{name}"), "Size": size}])
    };
    assert_eq!(
        stage.kept(&format!("out/{folder}/manifest.json")),
        json!({
            "DestinationBucket": "out", "MapRunArn": arn,
            "ResultFiles": {"FAILED": file("FAILED_0.json"), "PENDING": [], "SUCCEEDED": file("SUCCEEDED_0.json")}
        })
    );
    let succeeded = stage.kept(&format!("out/{folder}/SUCCEEDED_0.json"));
    assert_eq!(succeeded.as_array().map(Vec::len), Some(2));
    let first = &succeeded[0];
    let keys: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "ExecutionArn",
            "Input",
            "InputDetails",
            "Name",
            "Output",
            "OutputDetails",
            "RedriveCount",
            "RedriveStatus",
            "RedriveStatusReason",
            "StartDate",
            "StateMachineArn",
            "Status",
            "StopDate"
        ]
    );
    assert_eq!((&first["Input"], &first["Output"]), (&json!(r#"{"n":1}"#), &json!(r#"{"done":1}"#)));
    assert_eq!(first["InputDetails"], json!({"Included": true}));
    assert_eq!(first["StateMachineArn"], "arn:aws:states:eu-west-2:000000000000:stateMachine:m/each");
    let started = first["StartDate"].as_str().unwrap();
    assert!(started.len() == 24 && started.ends_with('Z') && started.contains('T'), "{started}");
    let failed = stage.kept(&format!("out/{folder}/FAILED_0.json"));
    assert_eq!(failed.as_array().map(Vec::len), Some(1));
    let of = |name: &str| failed[0][name].as_str().unwrap_or_default();
    assert_eq!((of("Status"), of("Error"), of("Cause")), ("FAILED", "Broken", "for good"));
    assert_eq!(run["itemCounts"]["resultsWritten"], 2);
}

#[tokio::test]
async fn a_failed_run_writes_its_results_before_it_reports_its_failure() {
    let stage = Stage::open(&[]).await;
    let more = json!({"ItemsPath": "$.items", "MaxConcurrency": 1, "ResultWriter": writer(json!({}))});
    let items = json!({"items": [{"n": 1}, {"n": 2, "bad": true}, {"n": 3}, {"n": 4}]});
    let (execution, end) = stage.run(&each(&fails(), &more), &items).await;
    assert_eq!(end["error"], "States.ExceedToleratedFailureThreshold");
    let run = stage.map_run(&execution).await;
    assert_eq!(run["status"], "FAILED");
    let folder = format!("out/results/2026/{}", run["mapRunArn"].as_str().unwrap().rsplit(':').next().unwrap());
    let inputs = |file: &str| -> Vec<String> {
        let file = stage.kept(&format!("{folder}/{file}"));
        file.as_array().unwrap().iter().map(|result| result["Input"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(inputs("SUCCEEDED_0.json"), [r#"{"n":1}"#]);
    assert_eq!(inputs("FAILED_0.json"), [r#"{"n":2,"bad":true}"#]);
    assert_eq!(inputs("PENDING_0.json"), [r#"{"n":3}"#, r#"{"n":4}"#]);
    assert_eq!(stage.kept(&format!("{folder}/manifest.json"))["ResultFiles"]["PENDING"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn results_are_written_in_the_configured_format() {
    let stage = Stage::open(&[]).await;
    let items = json!([[1, 2], "x", {"y": [3]}]);
    for (transformation, output_type, text) in [
        ("COMPACT", "JSON", r#"[[1,2],"x",{"y":[3]}]"#),
        ("FLATTEN", "JSON", r#"[1,2,"x",{"y":[3]}]"#),
        ("FLATTEN", "JSONL", "1\n2\n\"x\"\n{\"y\":[3]}\n"),
    ] {
        let config = json!({"WriterConfig": {"Transformation": transformation, "OutputType": output_type}});
        let name = format!("{transformation}-{output_type}");
        let machine = stage.desk.machine(&name, &each(&pass(), &json!({"ResultWriter": writer(config)}))).await;
        let execution = stage.desk.start(&machine, "e", &items).await;
        let end = stage.desk.end(&execution).await;
        let output: Value = serde_json::from_str(end["output"].as_str().expect("an output")).unwrap();
        let manifest = stage.kept(&format!("out/{}", output["ResultWriterDetails"]["Key"].as_str().unwrap()));
        let key = manifest["ResultFiles"]["SUCCEEDED"][0]["Key"].as_str().unwrap();
        assert_eq!(stage.bucket.get(&format!("out/{key}")).as_deref(), Some(text), "{name}");
    }
    // Without a destination, the results become the output of the state.
    let flat = json!({"ResultWriter": {"WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSON"}}});
    assert_eq!(stage.output(&each(&pass(), &flat), &items).await, json!([1, 2, "x", {"y": [3]}]));
}

#[tokio::test]
async fn results_of_express_children_are_written_before_they_are_deleted() {
    let stage = Stage::open(&[]).await;
    let mut definition = each(&pass(), &json!({"ResultWriter": writer(json!({}))}));
    definition["States"]["Each"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "EXPRESS".into();
    let output = stage.output(&definition, &json!(["a", "b"])).await;
    let manifest = stage.kept(&format!("out/{}", output["ResultWriterDetails"]["Key"].as_str().unwrap()));
    let results = stage.kept(&format!("out/{}", manifest["ResultFiles"]["SUCCEEDED"][0]["Key"].as_str().unwrap()));
    assert_eq!(results[1]["Output"], r#""b""#);
    assert!(results[0]["ExecutionArn"].as_str().unwrap().contains(":express:m/each:"), "{}", results[0]);
}

#[tokio::test]
async fn results_that_cannot_be_written_fail_the_state_and_a_redrive_writes_them() {
    let stage = Stage::open(&[]).await;
    stage.bucket.refuses(Some("PUT out/"));
    let (execution, end) = stage.run(&each(&pass(), &json!({"ResultWriter": writer(json!({}))})), &json!([1])).await;
    assert_eq!((&end["status"], &end["error"]), (&json!("FAILED"), &json!("States.ResultWriterFailed")));
    let cause = end["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied;"),
        "{cause}"
    );
    assert_eq!(
        stage.desk.history(&execution).await[3..],
        ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    );
    stage.bucket.refuses(None);
    stage.desk.ask("RedriveExecution", json!({"executionArn": execution})).await;
    assert_eq!(stage.desk.end(&execution).await["status"], "SUCCEEDED");
    let run = stage.map_run(&execution).await;
    assert_eq!((&run["redriveCount"], &run["executionCounts"]["total"]), (&json!(1), &json!(1)));
    assert_eq!(stage.bucket.keys().len(), 2, "{:?}", stage.bucket.keys());
}

#[tokio::test]
async fn writing_results_is_repeated_after_a_restart() {
    let Stage { bucket, desk, folder } = Stage::open(&[]).await;
    bucket.answers(false);
    let machine = desk.machine("m", &each(&pass(), &json!({"ResultWriter": writer(json!({}))}))).await;
    let execution = desk.start(&machine, "e", &json!([1, 2])).await;
    while bucket.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(desk.status(&execution).await, "RUNNING");
    desk.engine.shutdown().await;
    drop(desk);

    bucket.answers(true);
    let desk = open(folder.path(), &bucket).await;
    assert_eq!(desk.end(&execution).await["status"], "SUCCEEDED");
    assert_eq!(bucket.keys().len(), 2, "{:?}", bucket.keys());
}

#[tokio::test]
async fn without_an_s3_endpoint_a_map_with_an_item_reader_is_refused_on_creation() {
    let folder = tempfile::tempdir().unwrap();
    let endpoints = Endpoints::new(EndpointUrls::default(), "eu-west-2");
    let desk = Desk::open_with(folder.path(), Arc::new(SystemClock), Arc::new(endpoints)).await;
    let reads = each(&pass(), &json!({"ItemReader": object("a.json", json!({"InputType": "JSON"}))}));
    let writes = each(&pass(), &json!({"ResultWriter": writer(json!({}))}));
    for (definition, action) in [(reads, "getObject"), (writes, "putObject")] {
        let request = json!({"name": "m", "definition": definition.to_string(), "roleArn": ROLE});
        let (fault, message) = desk.refusal("CreateStateMachine", request).await;
        assert!(fault.ends_with("InvalidDefinition"), "{fault}");
        let expected = format!("arn:aws:states:::s3:{action} is not available here: S3 needs --s3-endpoint.");
        assert!(message.contains(&expected), "{message}");
    }
}

#[tokio::test]
async fn a_test_of_an_item_reader_shows_the_items_it_would_read() {
    let stage = Stage::open(&[]).await;
    let csv = json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 2});
    let mut definition = each(
        &pass(),
        &json!({
            "ItemReader": object("a.csv", csv), "ItemSelector": {"id.$": "$$.Map.Item.Value.id"},
            "ResultWriter": writer(json!({})),
        }),
    );
    let map = definition["States"]["Each"].take();
    let test = async |map: &Value, data: &str| {
        let request = json!({
            "definition": map.to_string(), "inspectionLevel": "DEBUG", "mock": {"result": "{\"MapRunArn\":\"arn\"}"},
            "stateConfiguration": {"mapItemReaderData": data},
        });
        stage.desk.try_ask("TestState", request).await
    };
    let tested = test(&map, "id\n1\n2\n3\n").await.expect("is tested");
    assert_eq!((&tested["status"], &tested["output"]), (&json!("SUCCEEDED"), &json!(r#"{"MapRunArn":"arn"}"#)));
    assert_eq!(tested["inspectionData"]["afterItemSelector"], r#"[{"id":"1"},{"id":"2"}]"#);

    let mut batched = map.clone();
    batched["ItemBatcher"] = json!({"MaxItemsPerBatch": 5});
    let tested = test(&batched, "id\n1\n2\n3\n").await.expect("is tested");
    assert_eq!(tested["inspectionData"]["afterItemBatcher"], r#"[{"Items":[{"id":"1"},{"id":"2"}]}]"#);

    let tested = test(&map, "id,id\n").await.expect("is tested");
    assert_eq!((&tested["status"], &tested["error"]), (&json!("FAILED"), &json!("States.ItemReaderFailed")));

    let mut given = map;
    given.as_object_mut().unwrap().remove("ItemReader");
    let (_, message) = test(&given, "id\n1\n").await.expect_err("is refused");
    assert!(message.contains("mapItemReaderData can only be given for a Map state with an ItemReader"), "{message}");
}
