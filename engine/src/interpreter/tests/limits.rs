//! Limits.

use super::*;

#[test]
fn a_result_over_256_kib_fails_the_state() {
    let states = json!({"Big": {"Type": "Pass", "Result": "x".repeat(262_144), "End": true}});
    let play = Play::start(&machine(&states), &json!({}));
    assert_eq!(play.trace()[1..], ["2<-0 PassStateEntered", "3<-2 ExecutionFailed"]);
    let cause =
        "The state/task 'Big' returned a result with a size exceeding the maximum number of bytes service limit.";
    assert_eq!(play.error(), (Some("States.DataLimitExceeded"), Some(cause)));
}

#[test]
fn an_answer_over_256_kib_fails_the_task_and_only_states_all_catches_it() {
    let catch = json!([
        {"ErrorEquals": ["States.TaskFailed"], "Next": "Ask"},
        {"ErrorEquals": ["States.ALL"], "Next": "Done"},
    ]);
    let states = json!({"Ask": callback(&json!({"Catch": catch, "Next": "Done"})), "Done": {"Type": "Succeed"}});
    let mut play = Play::start(&machine(&states), &json!({}));
    play.succeed(&json!("x".repeat(262_144)));
    assert_eq!(
        play.trace()[4..],
        [
            "5<-4 TaskFailed",
            "6<-5 TaskStateExited",
            "7<-6 SucceedStateEntered",
            "8<-7 SucceedStateExited",
            "9<-8 ExecutionSucceeded"
        ]
    );
    assert_eq!(play.output()["Error"], "States.DataLimitExceeded");
}

#[test]
fn an_endless_loop_ends_with_event_25000() {
    let states = json!({
        "Loop": {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": true, "Next": "Loop"}], "Default": "End"},
        "End": {"Type": "Succeed"},
    });
    let mut play = Play::start(&machine(&states), &json!({"n": 1}));
    assert_eq!(play.outcome, None, "so long a step would keep others waiting");
    play.pass(0);
    assert_eq!(
        (play.last()["id"].clone(), play.last()["previousEventId"].clone(), play.last()["type"].clone()),
        (json!(25_000), json!(24_999), json!("ExecutionFailed"))
    );
    assert_eq!(
        play.error(),
        (Some("States.Runtime"), Some("The execution reached the maximum number of history events (25000)."))
    );
}

#[test]
fn a_long_execution_can_be_stopped_between_its_steps() {
    let states = json!({
        "Loop": {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": true, "Next": "Loop"}], "Default": "End"},
        "End": {"Type": "Succeed"},
    });
    let mut play = Play::start(&machine(&states), &json!({"n": 1}));
    play.send(Event::Stop { error: None, cause: None }).unwrap();
    assert_eq!(play.types().last(), Some(&"ExecutionAborted"));
}

#[test]
fn a_step_that_is_out_of_time_leaves_the_rest_to_a_later_step() {
    let states = json!({
        "Ask": callback(&json!({"Next": "One"})),
        "One": {"Type": "Pass", "Next": "Two"},
        "Two": {"Type": "Pass", "Next": "Three"},
        "Three": {"Type": "Pass", "End": true},
    });
    let mut play = Play::start(&machine(&states), &json!({}));
    play.late = true;
    play.succeed(&json!({}));
    assert_eq!(play.types().last(), Some(&"PassStateEntered"), "one move, and the next state is entered");
    assert_eq!(play.outcome, None);
    play.pass(0);
    assert_eq!(play.output(), json!({}));
}

#[test]
fn a_map_runs_forty_iterations_at_once_and_returns_their_outputs_in_order() {
    let processor = json!({"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 1, "End": true}}});
    let states = json!({"Each": {"Type": "Map", "ItemProcessor": processor, "End": true}});
    let items: Vec<_> = (0..200).collect();
    let mut play = Play::start(&machine(&states), &json!(items));
    play.pass(60);
    assert_eq!(play.output(), json!(items));
}

#[test]
fn branches_do_not_copy_the_executions_input() {
    let branch = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Wait", "Seconds": 9, "End": true}}});
    let branches: Vec<_> = (0..10).map(|n| branch(&format!("W{n}"))).collect();
    let states = json!({"All": {"Type": "Parallel", "Branches": branches, "End": true}});
    let play = Play::start(&machine(&states), &json!({"note": "x".repeat(10_000)}));
    let stored = serde_json::to_string(&play.state).unwrap();
    assert!(stored.len() < 2_000, "{} bytes", stored.len());
}

#[test]
fn the_size_of_variables_is_limited() {
    let states = json!({"Set": {"Type": "Pass", "Assign": {"x": "x".repeat(262_144)}, "End": true}});
    assert_eq!(Play::start(&machine(&states), &json!({})).error().0, Some("States.DataLimitExceeded"));

    let large = "x".repeat(200_000);
    let mut states = serde_json::Map::new();
    for n in 0..60 {
        let next = format!("S{}", n + 1);
        states.insert(format!("S{n}"), json!({"Type": "Pass", "Assign": { format!("v{n}.$"): "$" }, "Next": next}));
    }
    states.insert("S60".into(), json!({"Type": "Succeed"}));
    let play = Play::start(&machine(&Value::Object(states)), &json!(large));
    assert_eq!(play.error().0, Some("States.DataLimitExceeded"));
}

/// A distributed Map over this many items in batches of ten, whose ItemSelector copies a large value for each.
fn copying(items: usize) -> (Value, Value) {
    let config = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    let copies = ["$.long"; 10].join(",");
    let states = json!({"Each": {
        "Type": "Map", "End": true, "ItemsPath": "$.items",
        "ItemSelector": {"n.$": format!("States.ArrayLength(States.Array({copies}))")},
        "ItemBatcher": {"MaxItemsPerBatch": 10},
        "ItemProcessor": {"ProcessorConfig": config, "StartAt": "One", "States": {"One": {"Type": "Succeed"}}},
    }});
    (machine(&states), json!({"items": vec![0; items], "long": vec![0; 10_000]}))
}

#[test]
fn the_work_of_one_step_is_limited_whatever_its_number_of_items() {
    let (definition, input) = copying(1_000);
    let error = Play::start(&definition, &input).error().0.map(str::to_owned);
    assert_eq!(error.as_deref(), Some("States.Runtime"));

    let (definition, input) = copying(20);
    let mut play = Play::start(&definition, &input);
    let plan = play.end_map_run(MapRunOutcome::Succeeded { output: Payload::from_text("[]") });
    assert!(matches!(plan.children, Children::Batches(batches) if batches.len() == 2));
}

#[test]
fn the_executions_input_in_the_context_object_is_charged_for_each_time() {
    let (mut definition, input) = copying(3_000);
    definition["States"]["Each"]["ItemSelector"] = json!({"n.$": "$$.Execution.Input.items[0]"});
    let error = Play::start(&definition, &input).error().0.map(str::to_owned);
    assert_eq!(error.as_deref(), Some("States.Runtime"));
}
