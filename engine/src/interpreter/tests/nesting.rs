//! Parallel and Map states.

use super::*;

fn pass(end: &str) -> Value {
    json!({"StartAt": end, "States": {end: {"Type": "Pass", "End": true}}})
}

#[test]
fn branches_run_independently_and_join_in_order() {
    let states = json!({"Both": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 2, "Next": "A"}, "A": {"Type": "Pass", "Result": "a", "End": true}}},
        pass("B"),
    ]}});
    let mut play = Play::start_with_text(&machine(&states), "[1, 2]");
    play.pass(2);
    assert_eq!(
        play.trace(),
        [
            "1<-0 ExecutionStarted",
            "2<-0 ParallelStateEntered",
            "3<-2 ParallelStateStarted",
            "4<-3 WaitStateEntered",
            "5<-3 PassStateEntered",
            "6<-5 PassStateExited",
            "7<-4 WaitStateExited",
            "8<-7 PassStateEntered",
            "9<-8 PassStateExited",
            "10<-9 ParallelStateSucceeded",
            "11<-9 ParallelStateExited",
            "12<-11 ExecutionSucceeded"
        ]
    );
    assert_eq!(play.last()["executionSucceededEventDetails"]["output"], r#"["a",[1, 2]]"#);
}

#[test]
fn a_failing_branch_aborts_its_siblings() {
    let states = json!({
        "Both": {"Type": "Parallel", "Next": "After", "Catch": [{"ErrorEquals": ["Broken"], "Next": "After"}], "Branches": [
            {"StartAt": "Ask", "States": {"Ask": callback(&json!({"End": true, "TimeoutSeconds": 60}))}},
            {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 2, "Next": "Break"}, "Break": {"Type": "Fail", "Error": "Broken"}}},
        ]},
        "After": {"Type": "Pass", "End": true},
    });
    let mut play = Play::start(&machine(&states), &json!({}));
    let task = play.task();
    play.pass(2);
    assert_eq!(
        play.trace()[7..],
        [
            "8<-5 WaitStateExited",
            "9<-8 FailStateEntered",
            "10<-7 TaskStateAborted",
            "11<-9 ParallelStateFailed",
            "12<-11 ParallelStateExited",
            "13<-12 PassStateEntered",
            "14<-13 PassStateExited",
            "15<-14 ExecutionSucceeded"
        ]
    );
    assert_eq!(play.abandoned, [task]);
    assert_eq!(play.output(), json!({"Error": "Broken", "Cause": null}));
}

#[test]
fn a_runtime_error_in_a_branch_fails_the_execution_immediately() {
    let states = json!({"Both": {
        "Type": "Parallel", "End": true,
        "Retry": [{"ErrorEquals": ["States.ALL"]}],
        "Branches": [{"StartAt": "Fast", "States": {"Fast": {"Type": "Pass", "Parameters": {"m.$": "$.nope"}, "End": true}}}],
    }});
    let play = Play::start(&machine(&states), &json!({"x": "a"}));
    assert_eq!(play.trace()[2..], ["3<-2 ParallelStateStarted", "4<-3 PassStateEntered", "5<-4 ExecutionFailed"]);
    let cause = "An error occurred while executing the state 'Fast' (entered at the event id #4). The JSONPath '$.nope' \
                 specified for the field 'm.$' could not be found in the input '{\"x\":\"a\"}'";
    assert_eq!(play.error(), (Some("States.Runtime"), Some(cause)));
}

#[test]
fn a_runtime_error_is_neither_caught_by_a_catch_that_names_it_nor_retried() {
    let broken = json!({"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "Fast", "States": {"Fast": {"Type": "Pass", "Parameters": {"m.$": "$.nope"}, "End": true}}},
        {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 5, "End": true}}},
    ]});
    let states = json!({
        "Both": {
            "Type": "Parallel", "End": true, "Branches": [{"StartAt": "Inner", "States": {"Inner": broken}}],
            "Retry": [{"ErrorEquals": ["States.Runtime"]}],
            "Catch": [
                {"ErrorEquals": ["States.TaskFailed"], "Next": "No"},
                {"ErrorEquals": ["Other", "States.Runtime"], "ResultPath": "$.error", "Next": "Yes"},
            ],
        },
        "Yes": {"Type": "Succeed"}, "No": {"Type": "Fail"},
    });
    let play = Play::start(&machine(&states), &json!({}));
    assert_eq!(
        play.trace()[4..],
        ["5<-4 ParallelStateStarted", "6<-5 PassStateEntered", "7<-5 WaitStateEntered", "8<-6 ExecutionFailed"]
    );
    assert_eq!(play.error().0, Some("States.Runtime"));
}

fn each(more: &Value) -> Value {
    let mut map = json!({"Type": "Map", "End": true, "ItemProcessor": pass("One")});
    for (field, value) in more.as_object().unwrap() {
        map[field] = value.clone();
    }
    machine(&json!({ "Each": map }))
}

#[test]
fn sequential_iterations_follow_each_other_in_the_history() {
    let play = Play::start(&each(&json!({"MaxConcurrency": 1})), &json!([1, 2]));
    assert_eq!(
        play.trace(),
        [
            "1<-0 ExecutionStarted",
            "2<-0 MapStateEntered",
            "3<-2 MapStateStarted",
            "4<-3 MapIterationStarted",
            "5<-4 PassStateEntered",
            "6<-5 PassStateExited",
            "7<-6 MapIterationSucceeded",
            "8<-6 MapIterationStarted",
            "9<-8 PassStateEntered",
            "10<-9 PassStateExited",
            "11<-10 MapIterationSucceeded",
            "12<-11 MapStateSucceeded",
            "13<-11 MapStateExited",
            "14<-13 ExecutionSucceeded"
        ]
    );
    assert_eq!(play.output(), json!([1, 2]));
}

#[test]
fn no_more_iterations_run_at_once_than_allowed() {
    let processor = json!({"StartAt": "Ask", "States": {"Ask": callback(&json!({"End": true}))}});
    let mut play =
        Play::start(&each(&json!({"MaxConcurrency": 2, "ItemProcessor": processor})), &json!(["a", "b", "c"]));
    assert_eq!(play.calls.len(), 2);
    let (first, second) = (play.calls[0].0, play.calls[1].0);
    play.send(Event::TaskSucceeded { task: second, output: Payload::from_text("2") }).unwrap();
    assert_eq!(play.calls.len(), 3);
    let third = play.task();
    for (task, output) in [(third, "3"), (first, "1")] {
        play.send(Event::TaskSucceeded { task, output: Payload::from_text(output) }).unwrap();
    }
    assert_eq!(play.output(), json!([1, 2, 3]));
}

#[test]
fn a_failing_iteration_fails_the_map_and_aborts_the_others() {
    let processor = json!({"StartAt": "Ask", "States": {"Ask": callback(&json!({"End": true}))}});
    let mut play = Play::start(&each(&json!({"ItemProcessor": processor})), &json!(["a", "b"]));
    let second = play.task();
    let first = play.calls[0].0;
    play.send(Event::TaskFailed { task: first, error: Some("Broken".into()), cause: None }).unwrap();
    assert_eq!(
        play.types()[11..],
        [
            "TaskFailed",
            "MapIterationFailed",
            "TaskStateAborted",
            "MapIterationAborted",
            "MapStateFailed",
            "ExecutionFailed"
        ]
    );
    assert_eq!(play.history[14]["mapIterationAbortedEventDetails"], json!({"name": "Each", "index": 1}));
    assert_eq!(play.abandoned, [second]);
    assert_eq!(play.error(), (Some("Broken"), None));
}

#[test]
fn a_retried_map_restarts() {
    let processor = json!({"StartAt": "Break", "States": {"Break": {"Type": "Fail", "Error": "Broken"}}});
    let retry = json!([{"ErrorEquals": ["Broken"], "MaxAttempts": 1}]);
    let mut play = Play::start(&each(&json!({"ItemProcessor": processor, "Retry": retry})), &json!([1]));
    play.pass(1);
    assert_eq!(
        play.trace()[5..],
        [
            "6<-5 MapIterationFailed",
            "7<-5 MapStateStarted",
            "8<-7 MapIterationStarted",
            "9<-8 FailStateEntered",
            "10<-9 MapIterationFailed",
            "11<-9 MapStateFailed",
            "12<-11 ExecutionFailed"
        ]
    );
}

#[test]
fn a_selector_and_the_states_of_an_iteration_can_read_the_item() {
    let processor = json!({"StartAt": "One", "States": {"One": {
        "Type": "Pass", "Parameters": {"again.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", "in.$": "$"}, "End": true,
    }}});
    let selector = json!({"item.$": "$$.Map.Item.Value", "all.$": "$.items"});
    let more = json!({"ItemsPath": "$.items", "ItemSelector": selector, "ItemProcessor": processor});
    let play = Play::start(&each(&more), &json!({"items": ["a"]}));
    assert_eq!(play.output(), json!([{"again": "a", "index": 0, "in": {"item": "a", "all": ["a"]}}]));
}

#[test]
fn a_map_requires_an_array() {
    let play = Play::start(&each(&json!({"ItemsPath": "$.items"})), &json!({"items": 1}));
    assert_eq!(play.trace()[2..], ["3<-2 ExecutionFailed"]);
    let cause = "An error occurred while executing the state 'Each' (entered at the event id #2). Reference path \
                 \"$.items\" must point to array.";
    assert_eq!(play.error(), (Some("States.Runtime"), Some(cause)));
}

fn distributed(more: &Value, processor: &Value) -> Value {
    let mut processor = processor.clone();
    processor["ProcessorConfig"] = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    let mut map = json!({ "ItemProcessor": processor, "Label": "each" });
    for (field, value) in more.as_object().unwrap() {
        map[field] = value.clone();
    }
    each(&map)
}

fn gives(output: &Value) -> MapRunOutcome {
    MapRunOutcome::Succeeded { output: Payload::from(output.clone()) }
}

#[test]
fn the_history_of_a_distributed_map_only_mentions_its_run() {
    let more = json!({"ToleratedFailurePercentage": 25, "MaxConcurrency": 3});
    let mut play = Play::start(&distributed(&more, &pass("One")), &json!([1, 2]));
    let plan = play.end_map_run(gives(&json!(["a", "b"])));
    assert_eq!(
        play.trace()[2..],
        [
            "3<-2 MapStateStarted",
            "4<-3 MapRunStarted",
            "5<-4 MapRunSucceeded",
            "6<-5 MapStateSucceeded",
            "7<-5 MapStateExited",
            "8<-7 ExecutionSucceeded"
        ]
    );
    let arn = play.history[3]["mapRunStartedEventDetails"]["mapRunArn"].as_str().unwrap();
    assert_eq!(arn, format!("arn:aws:states:eu-west-2:000000000000:mapRun:loan/each:{}", plan.id));
    assert_eq!(plan.children, Children::Items(Payload::from_text("[1,2]")));
    assert_eq!((plan.max_concurrency, plan.tolerated_count, plan.tolerated_percentage), (3, None, Some(25.0)));
    assert_eq!(play.output(), json!(["a", "b"]));
}

#[test]
fn a_distributed_map_fails_if_its_run_fails() {
    let mut play = Play::start(&distributed(&json!({}), &pass("One")), &json!([1, 2, 3]));
    play.end_map_run(MapRunOutcome::too_many_failed());
    assert_eq!(play.trace()[4..], ["5<-4 MapRunFailed", "6<-5 MapStateFailed", "7<-6 ExecutionFailed"]);
    assert_eq!(play.error().0, Some("States.ExceedToleratedFailureThreshold"));

    let more = json!({"Retry": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "MaxAttempts": 1}]});
    let mut play = Play::start(&distributed(&more, &pass("One")), &json!([1]));
    play.end_map_run(MapRunOutcome::too_many_failed());
    play.pass(1);
    play.end_map_run(gives(&json!([1])));
    assert_eq!(play.output(), json!([1]));
}

#[test]
fn the_outputs_of_children_are_limited_like_any_result() {
    let mut play = Play::start(&distributed(&json!({}), &pass("One")), &json!([1]));
    play.end_map_run(MapRunOutcome::TooLarge);
    assert_eq!(play.error().0, Some("States.DataLimitExceeded"));
}

#[test]
fn a_map_run_is_aborted_with_the_state_that_contains_it() {
    let map = distributed(&json!({}), &pass("One"));
    let fails = json!({"StartAt": "Ask", "States": {"Ask": callback(&json!({"End": true}))}});
    let states = json!({"Both": {"Type": "Parallel", "Branches": [map, fails], "End": true}});
    let mut play = Play::start(&machine(&states), &json!([1]));
    let (run, _) = play.map_runs[0];
    play.fail("E", "broken");
    assert_eq!(
        play.types()[9..],
        ["TaskFailed", "MapRunAborted", "MapStateAborted", "ParallelStateFailed", "ExecutionFailed"]
    );
    assert_eq!(play.abandoned, [run]);
}

#[test]
fn a_batch_is_passed_to_the_processor_as_one_item() {
    let more = json!({"ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"of.$": "$[0]"}}});
    let mut play = Play::start(&distributed(&more, &pass("One")), &json!([1, 2, 3]));
    let Children::Batches(batches) = play.end_map_run(gives(&json!([]))).children else { panic!("no batches") };
    let batches: Vec<_> = batches.iter().map(|(batch, items)| (batch.value().clone(), *items)).collect();
    assert_eq!(
        batches,
        [(json!({"Items": [1, 2], "BatchInput": {"of": 1}}), 2), (json!({"Items": [3], "BatchInput": {"of": 1}}), 1)]
    );
}

#[test]
fn an_inner_scope_can_read_outer_variables_and_keeps_its_own() {
    let states = json!({
        "Set": {"Type": "Pass", "Assign": {"x": 42}, "Next": "Each"},
        "Each": {
            "Type": "Map", "Next": "After",
            "ItemProcessor": {"StartAt": "In", "States": {
                "In": {"Type": "Pass", "Assign": {"y.$": "$x"}, "Next": "Out"},
                "Out": {"Type": "Pass", "Parameters": {"y.$": "$y"}, "End": true},
            }},
        },
        "After": {"Type": "Pass", "Parameters": {"x.$": "$x", "y.$": "$y"}, "End": true},
    });
    let play = Play::start(&machine(&states), &json!([1]));
    assert_eq!(play.types().last(), Some(&"ExecutionFailed"));
    let exited = play.history.iter().find(|event| event["type"] == "MapStateExited").unwrap();
    assert_eq!(exited["stateExitedEventDetails"]["output"], r#"[{"y":42}]"#);
}

/// Answers the tasks of an execution in the order in which they were requested. Returns the number of bytes that were
/// written for its state, and of branches that were read.
fn written_and_read(definition: &Value, input: &Value, tasks: usize) -> (usize, usize) {
    let mut play = Play::start(definition, input);
    let output = Payload::from(json!("o".repeat(300)));
    for number in 0..tasks {
        let task = play.calls[number].0;
        play.send(Event::TaskSucceeded { task, output: output.clone() }).unwrap();
    }
    assert_eq!(play.output().as_array().unwrap().len(), tasks);
    assert!(play.rows.is_empty(), "nothing is stored once the state is left");
    (play.written, play.rows.read.get())
}

fn cost_of_map(items: usize) -> (usize, usize) {
    let processor = json!({"StartAt": "Ask", "States": {"Ask": callback(&json!({"End": true}))}});
    let map = json!({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": true});
    let input = json!({"items": vec!["i".repeat(300); items]});
    written_and_read(&machine(&json!({"Each": map})), &input, items)
}

fn cost_of_parallel(branches: usize) -> (usize, usize) {
    let branch = |number| {
        let name = format!("Ask {number}");
        json!({"StartAt": name, "States": {&name: callback(&json!({"End": true}))}})
    };
    let branches: Vec<Value> = (0..branches).map(branch).collect();
    let parallel = json!({"Type": "Parallel", "InputPath": "$.for", "Branches": branches, "End": true});
    let input = json!({"for": "i".repeat(300)});
    written_and_read(&machine(&json!({"All": parallel})), &input, branches.len())
}

#[test]
fn the_cost_of_an_inline_map_is_linear_in_its_items() {
    let (some, many) = (cost_of_map(160), cost_of_map(640));
    assert!(many.0 < some.0 * 9 / 2, "{} bytes written for 160 items, {} for 640", some.0, many.0);
    assert!(many.1 < some.1 * 9 / 2, "{} bytes read for 160 items, {} for 640", some.1, many.1);
}

#[test]
fn the_cost_of_a_parallel_is_linear_in_its_branches() {
    let (some, many) = (cost_of_parallel(100), cost_of_parallel(400));
    assert!(many.0 < some.0 * 9 / 2, "{} bytes written for 100 branches, {} for 400", some.0, many.0);
    assert!(many.1 < some.1 * 9 / 2, "{} bytes read for 100 branches, {} for 400", some.1, many.1);
}
