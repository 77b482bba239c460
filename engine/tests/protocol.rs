//! Operations, as a client uses them.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Desk, ManualClock, ROLE, callback_machine};

async fn open() -> (tempfile::TempDir, Desk) {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), ManualClock::new()).await;
    (folder, desk)
}

fn pass() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})
}

#[tokio::test]
async fn repeating_a_start_while_it_runs_returns_the_same_answer() {
    let (_folder, desk) = open().await;
    let machine = desk.machine("m", &callback_machine()).await;
    let request = json!({"stateMachineArn": machine, "name": "e", "input": r#"{"question":1}"#});
    let first = desk.ask("StartExecution", request.clone()).await;
    assert_eq!(desk.ask("StartExecution", request.clone()).await, first);
    let exists = (
        "ExecutionAlreadyExists".to_owned(),
        "Execution Already Exists: 'arn:aws:states:eu-west-2:000000000000:execution:m:e'".to_owned(),
    );
    let other = json!({"stateMachineArn": machine, "name": "e", "input": r#"{"question":2}"#});
    assert_eq!(desk.refusal("StartExecution", other).await, exists);
    let token = desk.called().await.token();
    assert!(desk.nothing_called().await, "it must have started once");
    desk.succeed(&token, &json!(1)).await.unwrap();
    assert_eq!(desk.refusal("StartExecution", request).await, exists);
}

#[tokio::test]
async fn repeating_a_creation_is_idempotent_and_a_conflicting_one_is_refused() {
    let (_folder, desk) = open().await;
    let request = json!({"name": "m", "definition": pass().to_string(), "roleArn": ROLE});
    let first = desk.ask("CreateStateMachine", request.clone()).await;
    let mut other_role = request.clone();
    other_role["roleArn"] = json!("arn:aws:iam::000000000000:role/other");
    assert_eq!(desk.ask("CreateStateMachine", other_role).await, first);
    for (member, value) in [("definition", json!(callback_machine().to_string())), ("type", json!("EXPRESS"))] {
        let mut other = request.clone();
        other[member] = value;
        assert_eq!(desk.refusal("CreateStateMachine", other).await.0, "StateMachineAlreadyExists", "{member}");
    }
}

/// Reports AWS's message: aws/amazon-sagemaker-examples issue 2432.
#[tokio::test]
async fn an_invalid_role_is_reported() {
    let (_folder, desk) = open().await;
    let request = json!({"name": "m", "definition": pass().to_string(), "roleArn": "<role>"});
    let refusal = desk.refusal("CreateStateMachine", request).await;
    assert_eq!(refusal, ("InvalidArn".to_owned(), "Invalid Role Arn: '<role>'".to_owned()));
}

#[tokio::test]
async fn a_task_for_a_deleted_activity_is_not_scheduled() {
    let (_folder, desk) = open().await;
    let arn = desk.ask("CreateActivity", json!({"name": "work"})).await["activityArn"].clone();
    let task = json!({"Type": "Task", "Resource": arn, "End": true});
    let machine = desk.machine("m", &json!({"StartAt": "T", "States": { "T": task }})).await;
    let before = desk.start(&machine, "before", &json!({})).await;
    assert_eq!(desk.history(&before).await[2..], ["ActivityScheduled"]);
    desk.ask("DeleteActivity", json!({ "activityArn": arn })).await;
    let after = desk.start(&machine, "after", &json!({})).await;
    assert_eq!(desk.history(&after).await[2..], ["ActivityScheduleFailed", "ExecutionFailed"]);
}

#[tokio::test]
async fn an_update_does_not_affect_running_executions() {
    let (_folder, desk) = open().await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    desk.ask("UpdateStateMachine", json!({"stateMachineArn": machine, "definition": pass().to_string()})).await;
    let of_execution = desk.ask("DescribeStateMachineForExecution", json!({"executionArn": execution})).await;
    assert_eq!(of_execution["definition"], callback_machine().to_string());
    assert_eq!(
        desk.ask("DescribeStateMachine", json!({"stateMachineArn": machine})).await["definition"],
        pass().to_string()
    );
    let token = desk.called().await.token();
    desk.succeed(&token, &json!("old")).await.unwrap();
    assert_eq!(desk.describe(&execution).await["output"], r#""old""#);
}

#[tokio::test]
async fn lists_are_paged_newest_first_without_gaps() {
    let (_folder, desk) = open().await;
    let machine = desk.machine("m", &pass()).await;
    for number in 0..7 {
        desk.start(&machine, &format!("e{number}"), &json!({})).await;
    }
    let mut names = Vec::new();
    let mut request = json!({"stateMachineArn": machine, "maxResults": 3, "statusFilter": "SUCCEEDED"});
    for pages in 1.. {
        assert!(pages <= 3, "a page leads to itself: {request}");
        let page = desk.ask("ListExecutions", request.clone()).await;
        let executions = page["executions"].as_array().unwrap();
        assert!(executions.len() <= 3);
        names.extend(executions.iter().map(|execution| execution["name"].as_str().unwrap().to_owned()));
        let Some(next) = page.get("nextToken") else { break };
        request["nextToken"] = next.clone();
    }
    assert_eq!(names, ["e6", "e5", "e4", "e3", "e2", "e1", "e0"]);
    request["statusFilter"] = json!("FAILED");
    assert_eq!(desk.refusal("ListExecutions", request).await.0, "InvalidToken", "a token is for its own list");
}

#[tokio::test]
async fn a_history_can_be_paged_in_both_directions() {
    let (_folder, desk) = open().await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    let call = desk.called().await;
    let token = call.token();
    call.returns(json!({}));
    desk.until(&execution, "TaskSubmitted").await;
    desk.succeed(&token, &json!(1)).await.unwrap();
    for reverse in [false, true] {
        let mut ids = Vec::new();
        let mut request = json!({"executionArn": execution, "maxResults": 3, "reverseOrder": reverse});
        for pages in 1.. {
            assert!(pages <= 3, "a page leads to itself: {request}");
            let page = desk.ask("GetExecutionHistory", request.clone()).await;
            ids.extend(page["events"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()));
            let Some(next) = page.get("nextToken") else { break };
            request["nextToken"] = next.clone();
        }
        let mut wanted: Vec<i64> = (1..=8).collect();
        if reverse {
            wanted.reverse();
        }
        assert_eq!(ids, wanted);
    }
    let bare = desk.ask("GetExecutionHistory", json!({"executionArn": execution, "includeExecutionData": false})).await;
    assert!(!bare.to_string().contains("question"), "{bare}");
}

#[tokio::test]
async fn a_request_is_validated_before_anything_else() {
    let (_folder, desk) = open().await;
    let (kind, message) = desk.refusal("StartExecution", json!({"name": ""})).await;
    assert_eq!(kind, "ValidationException");
    assert_eq!(
        message,
        "2 validation errors detected: Value null at 'stateMachineArn' failed to satisfy constraint: Member must not \
         be null; Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1"
    );
    assert_eq!(desk.refusal("Fly", json!({})).await.0, "UnknownOperationException");
    let not_json = desk.engine.handle("ListStateMachines", b"{").await;
    assert!(String::from_utf8_lossy(&not_json.body).contains("SerializationException"));
}

#[tokio::test]
async fn a_waiting_worker_receives_a_task_when_it_is_scheduled() {
    let (_folder, desk) = open().await;
    let activity = desk.ask("CreateActivity", json!({"name": "work"})).await["activityArn"].clone();
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": activity, "End": true}}});
    let machine = desk.machine("m", &machine).await;
    let poll = json!({"activityArn": activity, "workerName": "ann"});
    let input = json!({"n": 1});
    let (task, execution) = tokio::join!(desk.ask("GetActivityTask", poll), desk.start(&machine, "e", &input));
    assert_eq!(task["input"], r#"{"n":1}"#);
    desk.succeed(task["taskToken"].as_str().unwrap(), &json!("done")).await.unwrap();
    assert_eq!(desk.describe(&execution).await["output"], r#""done""#);
    let events = [
        "ExecutionStarted",
        "TaskStateEntered",
        "ActivityScheduled",
        "ActivityStarted",
        "ActivitySucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(desk.history(&execution).await, events);
}

#[tokio::test]
async fn a_worker_does_not_receive_abandoned_tasks() {
    let (_folder, desk) = open().await;
    let activity = desk.ask("CreateActivity", json!({"name": "work"})).await["activityArn"].clone();
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": activity, "End": true}}});
    let machine = desk.machine("m", &machine).await;
    let stopped = desk.start(&machine, "stopped", &json!(1)).await;
    desk.start(&machine, "waits", &json!(2)).await;
    desk.ask("StopExecution", json!({"executionArn": stopped})).await;
    assert_eq!(desk.ask("GetActivityTask", json!({"activityArn": activity})).await["input"], "2");
}

#[tokio::test(start_paused = true)]
async fn a_poll_without_a_task_ends_after_a_minute() {
    let (_folder, desk) = open().await;
    let activity = desk.ask("CreateActivity", json!({"name": "work"})).await["activityArn"].clone();
    let begun = tokio::time::Instant::now();
    assert_eq!(desk.ask("GetActivityTask", json!({"activityArn": activity})).await, json!({"taskToken": null}));
    assert!(begun.elapsed() >= Duration::from_secs(60));
}

#[tokio::test]
async fn an_execution_that_starts_another_waits_for_its_end() {
    let (_folder, desk) = open().await;
    let child = desk.machine("child", &callback_machine()).await;
    for (suffix, output) in [("sync", json!(r#"{"a":1}"#)), ("sync:2", json!({"a": 1}))] {
        let parent = json!({
            "StartAt": "S",
            "States": {"S": {
                "Type": "Task",
                "Resource": format!("arn:aws:states:::states:startExecution.{suffix}"),
                "Parameters": {"StateMachineArn": child, "Input": {"question": 1}},
                "End": true
            }}
        });
        let parent = desk.machine(&format!("parent-{}", output.is_string()), &parent).await;
        let parent = desk.start(&parent, "p", &json!({})).await;
        let token = desk.called().await.token();
        assert_eq!(desk.status(&parent).await, "RUNNING");
        desk.succeed(&token, &json!({"a": 1})).await.unwrap();
        let end = desk.describe(&parent).await;
        assert_eq!(end["status"], "SUCCEEDED", "{end}");
        let result: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
        assert_eq!((&result["Status"], &result["Output"]), (&json!("SUCCEEDED"), &output));
    }
}

#[tokio::test]
async fn stopping_the_parent_stops_the_child_it_waits_for() {
    let (_folder, desk) = open().await;
    let child = desk.machine("child", &callback_machine()).await;
    let parent = json!({
        "StartAt": "S",
        "States": {"S": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync",
            "Parameters": {"StateMachineArn": child, "Name": "c", "Input": {"question": 1}},
            "End": true
        }}
    });
    let parent = desk.machine("parent", &parent).await;
    let parent = desk.start(&parent, "p", &json!({})).await;
    desk.called().await;
    desk.ask("StopExecution", json!({"executionArn": parent, "error": "Enough"})).await;
    assert_eq!(desk.status(&parent).await, "ABORTED");
    assert_eq!(desk.status("arn:aws:states:eu-west-2:000000000000:execution:child:c").await, "ABORTED");
}

#[tokio::test]
async fn starting_a_sync_express_execution_returns_its_result() {
    let (_folder, desk) = open().await;
    let request = json!({"name": "x", "definition": pass().to_string(), "roleArn": ROLE, "type": "EXPRESS"});
    let machine = desk.ask("CreateStateMachine", request).await["stateMachineArn"].clone();
    let request = json!({"stateMachineArn": machine, "name": "e", "input": r#"{"a":1}"#});
    for _ in 0..2 {
        let end = desk.ask("StartSyncExecution", request.clone()).await;
        assert_eq!((&end["status"], &end["output"]), (&json!("SUCCEEDED"), &json!(r#"{"a":1}"#)));
        assert!(end["executionArn"].as_str().unwrap().contains(":express:x:e:"));
    }
    assert_eq!(
        desk.refusal("ListExecutions", json!({"stateMachineArn": machine})).await.0,
        "StateMachineTypeNotSupported"
    );
    let standard = desk.machine("s", &pass()).await;
    assert_eq!(
        desk.refusal("StartSyncExecution", json!({"stateMachineArn": standard})).await.0,
        "StateMachineTypeNotSupported"
    );
}

#[tokio::test]
async fn an_express_execution_ends_after_five_minutes() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let wait = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 301, "End": true}}});
    let request = json!({"name": "x", "definition": wait.to_string(), "roleArn": ROLE, "type": "EXPRESS"});
    let machine = desk.ask("CreateStateMachine", request).await["stateMachineArn"].clone();
    let (end, ()) = tokio::join!(desk.ask("StartSyncExecution", json!({"stateMachineArn": machine})), async {
        // Requests are processed in order, so the start has set its timer once this is answered.
        desk.ask("CreateActivity", json!({"name": "later"})).await;
        clock.advance(Duration::from_secs(300));
    });
    assert_eq!(end["status"], "TIMED_OUT");
}

#[tokio::test]
async fn deleting_a_state_machine_deletes_its_executions_and_frees_its_name() {
    let (_folder, desk) = open().await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    let token = desk.called().await.token();
    desk.ask("DeleteStateMachine", json!({"stateMachineArn": machine})).await;
    assert_eq!(desk.refusal("DescribeExecution", json!({"executionArn": execution})).await.0, "ExecutionDoesNotExist");
    assert_eq!(desk.succeed(&token, &json!(1)).await.unwrap_err().0, "TaskTimedOut");
    let again = desk.machine("m", &callback_machine()).await;
    desk.start(&again, "e", &json!({"question": 2})).await;
    assert_eq!(desk.succeed(&token, &json!(1)).await.unwrap_err().0, "TaskTimedOut", "tokens never mean another task");
}

#[tokio::test]
async fn an_alias_routes_to_its_version() {
    let (_folder, desk) = open().await;
    let request = json!({"name": "m", "definition": pass().to_string(), "roleArn": ROLE, "publish": true});
    let created = desk.ask("CreateStateMachine", request).await;
    let version = created["stateMachineVersionArn"].clone();
    let routing = json!([{"stateMachineVersionArn": version, "weight": 100}]);
    let alias = desk.ask("CreateStateMachineAlias", json!({"name": "live", "routingConfiguration": routing})).await;
    let alias = alias["stateMachineAliasArn"].as_str().unwrap().to_owned();
    let execution = desk.start(&alias, "e", &json!({})).await;
    let described = desk.describe(&execution).await;
    assert_eq!((&described["stateMachineVersionArn"], &described["stateMachineAliasArn"]), (&version, &json!(alias)));
    assert_eq!(
        desk.refusal("DeleteStateMachineVersion", json!({"stateMachineVersionArn": version})).await.0,
        "ConflictException"
    );
    desk.ask("DeleteStateMachineAlias", json!({"stateMachineAliasArn": alias})).await;
    desk.ask("DeleteStateMachineVersion", json!({"stateMachineVersionArn": version})).await;
}

/// The messages follow the API recordings.
#[tokio::test]
async fn wrong_routing_configurations_and_filters_are_refused_in_the_words_of_aws() {
    let (_folder, desk) = open().await;
    let request = json!({"name": "m", "definition": pass().to_string(), "roleArn": ROLE, "publish": true});
    let created = desk.ask("CreateStateMachine", request).await;
    let machine = created["stateMachineArn"].as_str().unwrap();
    let update = json!({"stateMachineArn": machine, "roleArn": format!("{ROLE}-2"), "publish": true});
    desk.ask("UpdateStateMachine", update).await;
    let routes = |routes: &[(&str, i64)]| -> Value {
        let route = |(version, weight): &(&str, i64)| json!({"stateMachineVersionArn": format!("{machine}{version}"), "weight": weight});
        routes.iter().map(route).collect()
    };
    let one_version = "1 validation error detected: Value";
    for (given, expected) in [
        (
            routes(&[(":1", 50), (":1", 50)]),
            format!(
                "Routing configuration must contain distinct state machine version ARNs. Received: [{machine}:1, {machine}:1]"
            ),
        ),
        (
            routes(&[("", 70), (":2", 30)]),
            format!(
                "Routing configuration must contain state machine version ARNs. Received: [{machine}, {machine}:2]"
            ),
        ),
        (
            routes(&[(":1", 101)]),
            format!(
                "{one_version} '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have value less than or equal to 100"
            ),
        ),
        (
            routes(&[(":1", 70), (":2", 29)]),
            "Sum of routing configuration weights must equal 100. Received: [70, 29]".to_owned(),
        ),
        (
            routes(&[(":1", 50), (":2", 30), (":3", 20)]),
            format!(
                "{one_version} '[RoutingConfigurationListItem(stateMachineVersionArn={machine}:1, weight=50), RoutingConfigurationListItem(stateMachineVersionArn={machine}:2, weight=30), RoutingConfigurationListItem(stateMachineVersionArn={machine}:3, weight=20)]' at 'routingConfiguration' failed to satisfy constraint: Member must have length less than or equal to 2"
            ),
        ),
    ] {
        let refusal =
            desk.refusal("CreateStateMachineAlias", json!({"name": "a", "routingConfiguration": given})).await;
        assert_eq!(refusal, ("ValidationException".to_owned(), expected));
    }
    let alias = |weight| json!({"name": "a", "routingConfiguration": routes(&[(":1", weight), (":2", 100 - weight)])});
    desk.ask("CreateStateMachineAlias", alias(50)).await;
    let conflict = "Failed to create alias because an alias with the same name and a different routing configuration already exists.";
    assert_eq!(
        desk.refusal("CreateStateMachineAlias", alias(60)).await,
        ("ConflictException".to_owned(), conflict.to_owned())
    );
    let filter = json!({"stateMachineArn": machine, "statusFilter": "succeeded"});
    assert_eq!(
        desk.refusal("ListExecutions", filter).await.1,
        "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must \
         satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
    );
    let version = json!({"stateMachineArn": format!("{machine}:1"), "roleArn": ROLE});
    assert_eq!(
        desk.refusal("UpdateStateMachine", version).await,
        ("StateMachineDoesNotExist".to_owned(), format!("State Machine Does Not Exist: '{machine}:1'"))
    );
}

#[tokio::test]
async fn a_redriven_execution_resumes_where_it_failed() {
    let (_folder, desk) = open().await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    assert_eq!(
        desk.refusal("RedriveExecution", json!({"executionArn": execution})).await,
        ("ExecutionNotRedrivable".to_owned(), "Execution is RUNNING and cannot be redriven".to_owned())
    );
    let first = desk.called().await.token();
    desk.ask("SendTaskFailure", json!({"taskToken": first, "error": "No"})).await;
    assert_eq!(desk.describe(&execution).await["redriveStatus"], "REDRIVABLE");

    let redrive = json!({"executionArn": execution, "clientToken": "once"});
    let redriven = desk.ask("RedriveExecution", redrive.clone()).await;
    assert_eq!(desk.ask("RedriveExecution", redrive).await, redriven, "the same request is the same redrive");
    let second = desk.called().await.token();
    assert!(desk.nothing_called().await);
    assert_eq!(desk.succeed(&first, &json!(1)).await.unwrap_err().0, "TaskTimedOut");
    desk.succeed(&second, &json!(2)).await.unwrap();
    let end = desk.describe(&execution).await;
    assert_eq!((&end["status"], &end["output"], &end["redriveCount"]), (&json!("SUCCEEDED"), &json!("2"), &json!(1)));
    assert!(desk.history(&execution).await.contains(&"ExecutionRedriven".to_owned()));
}

#[tokio::test]
async fn a_single_state_can_be_tested() {
    let (_folder, desk) = open().await;
    let test = async |state: Value, more: Value| {
        let mut request = json!({"definition": state.to_string(), "input": r#"{"n":2}"#, "roleArn": ROLE});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        desk.ask("TestState", request).await
    };
    let choice = json!({
        "Type": "Choice",
        "Choices": [{"Variable": "$.n", "NumericEquals": 2, "Next": "Two"}],
        "Default": "Other"
    });
    assert_eq!(
        test(choice, json!({})).await,
        json!({"output": r#"{"n":2}"#, "nextState": "Two", "status": "SUCCEEDED"})
    );

    let fail = json!({"Type": "Fail", "Error": "E", "Cause": "C"});
    assert_eq!(test(fail, json!({})).await, json!({"error": "E", "cause": "C", "status": "FAILED"}));

    let wait = json!({"Type": "Wait", "Seconds": 1000, "End": true});
    assert_eq!(test(wait, json!({})).await, json!({"output": r#"{"n":2}"#, "status": "SUCCEEDED"}));

    let pass = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $who %}", "End": true});
    let variables = json!({"variables": r#"{"who": "me"}"#});
    assert_eq!(test(pass, variables).await, json!({"output": r#""me""#, "status": "SUCCEEDED"}));

    let task = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f", "Payload.$": "$"},
        "Retry": [{"ErrorEquals": ["Busy"]}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
        "Next": "Done"
    });
    let result = json!({"mock": {"result": r#"{"Payload":1}"#}});
    assert_eq!(
        test(task.clone(), result).await,
        json!({"output": r#"{"Payload":1}"#, "nextState": "Done", "status": "SUCCEEDED"})
    );
    let busy = json!({"mock": {"errorOutput": {"error": "Busy", "cause": "c"}}});
    assert_eq!(test(task.clone(), busy).await, json!({"error": "Busy", "cause": "c", "status": "RETRIABLE"}));
    let broken = test(task.clone(), json!({"mock": {"errorOutput": {"error": "Broken", "cause": "c"}}})).await;
    assert_eq!((&broken["status"], &broken["nextState"]), (&json!("CAUGHT_ERROR"), &json!("Sorry")));

    let (called, answered) = tokio::join!(test(task, json!({"inspectionLevel": "DEBUG"})), async {
        let call = desk.called().await;
        assert_eq!(call.payload, json!({"n": 2}));
        call.returns(json!("yes"));
    });
    let () = answered;
    assert_eq!((&called["status"], &called["nextState"]), (&json!("SUCCEEDED"), &json!("Done")));
    assert!(called["inspectionData"]["result"].as_str().unwrap().contains("\"Payload\":\"yes\""));
}

#[tokio::test]
async fn a_test_shows_the_data_flow_through_a_state() {
    let (_folder, desk) = open().await;
    let test = async |state: Value, input: &str, more: Value| {
        let mut request = json!({"definition": state.to_string(), "input": input, "inspectionLevel": "DEBUG"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        desk.ask("TestState", request).await
    };
    let pass = json!({
        "Type": "Pass", "InputPath": "$.a", "Parameters": {"b.$": "$.b"}, "ResultPath": "$.r", "OutputPath": "$.r",
        "Assign": {"x.$": "$.b"}, "Next": "After"
    });
    let tested = test(pass, r#"{"a":{"b":1}}"#, json!({"variables": r#"{"y":2}"#})).await;
    assert_eq!(tested["output"], r#"{"b":1}"#);
    assert_eq!(
        tested["inspectionData"],
        json!({
            "input": r#"{"a":{"b":1}}"#, "afterInputPath": r#"{"b":1}"#, "afterParameters": r#"{"b":1}"#,
            "afterResultSelector": r#"{"b":1}"#, "afterResultPath": r#"{"a":{"b":1},"r":{"b":1}}"#,
            "variables": r#"{"y":2,"x":1}"#,
        })
    );

    let config = json!({"StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}});
    let map = json!({
        "Type": "Map", "ItemsPath": "$.list", "MaxConcurrency": 2, "ItemProcessor": config, "End": true,
        "ItemSelector": {"v.$": "$$.Map.Item.Value", "by.$": "$$.Execution.Name"},
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 2}],
    });
    let mock = json!({"mock": {"result": "[7]"}, "context": r#"{"Execution": {"Name": "me"}}"#});
    let tested = test(map.clone(), r#"{"list":["a"]}"#, mock).await;
    assert_eq!((&tested["status"], &tested["output"]), (&json!("SUCCEEDED"), &json!("[7]")));
    let data = &tested["inspectionData"];
    assert_eq!(data["afterItemsPath"], r#"["a"]"#);
    assert_eq!(data["afterItemSelector"], r#"[{"v":"a","by":"me"}]"#);
    assert_eq!(data["maxConcurrency"], 2);

    let busy = json!({"mock": {"errorOutput": {"error": "Busy"}}, "stateConfiguration": {"retrierRetryCount": 1}});
    let tested = test(map.clone(), r#"{"list":["a"]}"#, busy).await;
    assert_eq!(tested["status"], "RETRIABLE");
    let details = json!({"retryIndex": 0, "retryBackoffIntervalSeconds": 4});
    assert_eq!(tested["inspectionData"]["errorDetails"], details);
    let busy = json!({"mock": {"errorOutput": {"error": "Busy"}}, "stateConfiguration": {"retrierRetryCount": 2}});
    let tested = test(map.clone(), r#"{"list":["a"]}"#, busy).await;
    assert_eq!(tested["status"], "FAILED");
    assert_eq!(tested["inspectionData"]["errorDetails"], json!({"retryIndex": 0}));

    let mut tolerant = map;
    tolerant["ToleratedFailurePercentage"] = json!(50);
    for (failed, error) in [(1, Value::Null), (2, json!("States.ExceedToleratedFailureThreshold"))] {
        let failures = json!({"mock": {"result": "[1,2]"}, "stateConfiguration": {"mapIterationFailureCount": failed}});
        assert_eq!(test(tolerant.clone(), r#"{"list":["a","b"]}"#, failures).await["error"], error, "{failed}");
    }

    let parallel = json!({
        "Type": "Parallel", "Branches": [config], "ResultSelector": {"first.$": "$[0]"}, "Next": "After",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry", "ResultPath": "$.error"}],
    });
    let tested = test(parallel.clone(), "{}", json!({"mock": {"result": "[1]"}})).await;
    assert_eq!((&tested["output"], &tested["nextState"]), (&json!(r#"{"first":1}"#), &json!("After")));
    let tested = test(parallel, "{}", json!({"mock": {"errorOutput": {"error": "E", "cause": "C"}}})).await;
    assert_eq!((&tested["status"], &tested["error"]), (&json!("CAUGHT_ERROR"), &json!("E")));
    assert_eq!(tested["output"], r#"{"error":{"Error":"E","Cause":"C"}}"#);
    assert_eq!(tested["inspectionData"]["errorDetails"], json!({"catchIndex": 0}));
}

/// The types follow the API recordings of TestState.
#[tokio::test]
async fn a_test_shows_the_stages_that_the_type_of_its_state_has() {
    let (_folder, desk) = open().await;
    let stages = async |state: Value, mock: Value| {
        let mut request =
            json!({"definition": state.to_string(), "input": "{\"list\":[]}", "inspectionLevel": "TRACE"});
        request.as_object_mut().unwrap().extend(mock.as_object().unwrap().clone());
        let tested = desk.ask("TestState", request).await;
        let mut stages: Vec<String> = tested["inspectionData"].as_object().unwrap().keys().cloned().collect();
        stages.sort();
        stages.join(" ")
    };
    let machine = json!({"StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}});
    let mock = json!({"mock": {"result": "[]"}});
    let cases = [
        (json!({"Type": "Fail", "Error": "E"}), json!({}), "afterInputPath input"),
        (json!({"Type": "Fail", "QueryLanguage": "JSONata", "Error": "E"}), json!({}), "input"),
        (
            json!({"Type": "Pass", "Result": 1, "End": true}),
            json!({}),
            "afterResultPath afterResultSelector input result",
        ),
        (
            json!({"Type": "Map", "ItemsPath": "$.list", "ItemProcessor": machine, "End": true}),
            mock.clone(),
            "afterInputPath afterItemsPath afterResultPath afterResultSelector input maxConcurrency",
        ),
        (
            json!({"Type": "Map", "QueryLanguage": "JSONata", "Items": [], "ItemProcessor": machine, "End": true}),
            mock,
            "input maxConcurrency",
        ),
        (
            json!({"Type": "Parallel", "Branches": [machine], "End": true}),
            json!({"mock": {"result": "[1]"}}),
            "afterResultPath afterResultSelector input",
        ),
    ];
    for (state, mock, expected) in cases {
        assert_eq!(stages(state.clone(), mock).await, expected, "{state}");
    }
}

#[tokio::test]
async fn the_context_of_a_test_replaces_the_context_object_and_is_checked() {
    let (_folder, desk) = open().await;
    let task = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"},
        "ResultSelector": {"seen.$": "$$"}, "End": true,
    });
    let request = |context: &str| json!({"definition": task.to_string(), "context": context, "mock": {"result": "{}"}, "inspectionLevel": "INFO"});
    for context in ["{}", r#"{"Execution":{"Input":[1]},"Task":{"Token":"t"}}"#] {
        assert_eq!(desk.ask("TestState", request(context)).await["output"], format!(r#"{{"seen":{context}}}"#));
    }
    for (context, reason) in [
        (r#"{"Pokedex": {}}"#, "Field 'Pokedex' is not allowed"),
        (r#"{"Execution": {"Pokedex": 1}}"#, "Field 'Pokedex' is not allowed"),
        (r#"{"Execution": {"Id": 1}}"#, "Execution.Id must be a string"),
        (r#"{"Map": {"Item": {"Index": "1"}}}"#, "Map.Item.Index must be a number"),
        (r#"{"State": []}"#, "State must be an object"),
    ] {
        let (code, message) = desk.refusal("TestState", request(context)).await;
        assert_eq!(code, "ValidationException");
        assert_eq!(message, format!("Invalid Context object provided: {reason}"));
    }
}

#[tokio::test]
async fn a_test_of_a_map_without_an_array_has_the_cause_that_aws_reports() {
    let (_folder, desk) = open().await;
    let machine = json!({"StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}});
    let map = json!({"Type": "Map", "ItemsPath": "$$", "ItemProcessor": machine, "End": true});
    let request = json!({"definition": map.to_string(), "mock": {"result": "[]"}, "context": "{}"});
    let tested = desk.ask("TestState", request).await;
    assert_eq!(
        (&tested["error"], &tested["cause"]),
        (&json!("States.Runtime"), &json!("Reference path \"$\" must point to array."))
    );
}

#[tokio::test]
async fn a_mock_that_does_not_fit_its_state_is_refused() {
    let (_folder, desk) = open().await;
    let machine = json!({"StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}});
    let writer = json!({"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}});
    let map = json!({"Type": "Map", "ItemProcessor": machine, "End": true});
    let mut written = map.clone();
    written["ResultWriter"] = writer;
    let parallel = json!({"Type": "Parallel", "Branches": [machine, machine], "End": true});
    let count = "Mocked result must contain the same number of items as number of Parallel branches.";
    let cases = [
        (json!({"Type": "Succeed"}), "{}", "State type 'Succeed' is not supported when a mock is specified"),
        (map.clone(), "not JSON", "Mocked result must be valid JSON"),
        (map, "{}", "Mocked result must be an array."),
        (written, "[]", "Mocked result must be a JSON object."),
        (parallel.clone(), "{}", "Mocked result must be an array."),
        (parallel, "[1]", count),
    ];
    for (state, result, expected) in cases {
        let request = json!({"definition": state.to_string(), "mock": {"result": result}});
        let refusal = desk.refusal("TestState", request).await;
        assert_eq!(refusal, ("ValidationException".to_owned(), expected.to_owned()), "{state}");
    }
    let request = json!({"definition": machine.to_string(), "stateName": "Other"});
    assert_eq!(desk.refusal("TestState", request).await.1, "State not found in definition");
}

#[tokio::test]
async fn an_update_whose_version_is_refused_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), ManualClock::new()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let publish = |number: usize| {
        let role = format!("{ROLE}-{number}");
        json!({"stateMachineArn": machine, "roleArn": role, "publish": true})
    };
    // A state machine can have 1,000 versions.
    for number in 0..1_000 {
        desk.ask("UpdateStateMachine", publish(number)).await;
    }
    let before = desk.ask("DescribeStateMachine", json!({"stateMachineArn": machine})).await;
    let (code, _) = desk.refusal("UpdateStateMachine", publish(1_000)).await;
    assert_eq!(code, "ServiceQuotaExceededException");
    assert_eq!(desk.ask("DescribeStateMachine", json!({"stateMachineArn": machine})).await, before);
}
