//! The data flow of states.

use super::*;

fn task(more: &Value) -> Value {
    let mut task = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true});
    for (field, value) in more.as_object().unwrap() {
        task[field] = value.clone();
    }
    machine(&json!({ "Call": task }))
}

#[test]
fn a_result_passes_through_selector_result_path_and_output_path() {
    let definition = task(&json!({
        "InputPath": "$.in", "Parameters": {"n.$": "$.n"}, "ResultSelector": {"value.$": "$.Payload.v"},
        "ResultPath": "$.result", "OutputPath": "$.result", "Assign": {"got.$": "$.value"},
    }));
    let mut play = Play::start(&definition, &json!({"in": {"n": 1}}));
    assert_eq!(play.history[2]["taskScheduledEventDetails"]["parameters"], r#"{"n":1}"#);
    play.succeed(&json!({"Payload": {"v": 7}, "StatusCode": 200}));
    assert_eq!(play.output(), json!({"value": 7}));
    let exited = &play.history[5]["stateExitedEventDetails"];
    assert_eq!(exited["assignedVariables"], json!({"got": "7"}));
}

#[test]
fn jsonata_can_read_input_result_and_context() {
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": "f", "Payload": {"token": "{% $states.context.Task.Token %}"}},
        "TimeoutSeconds": "{% $states.input.limit %}",
        "Output": {"was": "{% $states.input.n %}", "is": "{% $states.result.v %}"},
        "Assign": {"name": "{% $states.context.Execution.Name %}"},
        "End": true,
    }}});
    let mut play = Play::start(&definition, &json!({"n": 1, "limit": 9}));
    let scheduled = &play.history[2]["taskScheduledEventDetails"];
    assert_eq!(scheduled["parameters"], r#"{"FunctionName":"f","Payload":{"token":"token-3"}}"#);
    assert_eq!(scheduled["timeoutInSeconds"], 9);
    play.succeed(&json!({"v": 2}));
    assert_eq!(play.output(), json!({"was": 1, "is": 2}));
    assert_eq!(play.history[5]["stateExitedEventDetails"]["assignedVariables"], json!({"name": "\"app-1\""}));
}

#[test]
fn a_jsonata_catch_shapes_the_error() {
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Call", "States": {
        "Call": {
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f"}, "End": true,
            "Catch": [{
                "ErrorEquals": ["States.ALL"], "Next": "After",
                "Output": {"why": "{% $states.errorOutput.Error %}", "of": "{% $states.input.n %}"},
                "Assign": {"cause": "{% $states.errorOutput.Cause %}"},
            }],
        },
        "After": {"Type": "Pass", "Output": {"seen": "{% $cause %}", "in": "{% $states.input %}"}, "End": true},
    }});
    let mut play = Play::start(&definition, &json!({"n": 1}));
    play.fail("Broken", "badly");
    assert_eq!(play.output(), json!({"seen": "badly", "in": {"why": "Broken", "of": 1}}));
}

#[test]
fn a_failing_output_expression_can_be_caught() {
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Call", "States": {
        "Call": {
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f"},
            "Output": "{% $nowhere %}", "End": true,
            "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "After"}],
        },
        "After": {"Type": "Pass", "End": true},
    }});
    let mut play = Play::start(&definition, &json!({}));
    play.succeed(&json!(1));
    assert_eq!(play.trace()[4..7], ["5<-4 TaskSucceeded", "6<-5 EvaluationFailed", "7<-6 TaskStateExited"]);
    assert_eq!(play.output()["Error"], "States.QueryEvaluationError");
}

#[test]
fn the_context_object_has_the_members_that_it_has_on_aws() {
    let states = json!({"Look": {"Type": "Pass", "OutputPath": "$$", "End": true}});
    let play = Play::start(&machine(&states), &json!({"n": 1}));
    assert_eq!(
        play.output(),
        json!({
            "Execution": {
                "Id": "arn:aws:states:eu-west-2:000000000000:execution:loan:app-1", "Input": {"n": 1},
                "StartTime": "2026-11-22T10:00:00.000Z", "Name": "app-1",
                "RoleArn": "arn:aws:iam::000000000000:role/loan", "RedriveCount": 0,
            },
            "StateMachine": {"Id": "arn:aws:states:eu-west-2:000000000000:stateMachine:loan", "Name": "loan"},
            "State": {"Name": "Look", "EnteredTime": "2026-11-22T10:00:00.000Z"},
        })
    );
}

#[test]
fn a_choice_assigns_variables_of_the_matching_rule_or_its_own() {
    let states = json!({
        "Which": {
            "Type": "Choice", "Default": "End", "Assign": {"way": "default"},
            "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Assign": {"way": "one"}, "Next": "End"}],
        },
        "End": {"Type": "Pass", "Parameters": {"way.$": "$way"}, "End": true},
    });
    let way = |n: i64| Play::start(&machine(&states), &json!({ "n": n })).output()["way"].clone();
    assert_eq!((way(1), way(2)), (json!("one"), json!("default")));
}

#[test]
fn parameters_with_a_doubled_suffix_cannot_start_a_task() {
    let definition = task(&json!({"Parameters": {"FunctionName": "f", "Payload": {"taskToken.$.$": "$.t"}}}));
    let play = Play::start(&definition, &json!({"t": "x"}));
    assert_eq!(play.trace()[2..], ["3<-2 ExecutionFailed"]);
    let cause = play.error().1.unwrap();
    assert!(
        cause.ends_with(
            "could not be used to start the Task: [The value for the field 'taskToken.$' must be a valid JSONPath or a \
             valid intrinsic function call]"
        ),
        "{cause}"
    );
}

#[test]
fn a_result_that_cannot_be_inserted_fails_with_the_message_of_aws() {
    let definition = task(&json!({"ResultPath": "$.result"}));
    let mut play = Play::start(&definition, &json!("text"));
    play.succeed(&json!(1));
    assert_eq!(play.trace()[4..], ["5<-4 TaskSucceeded", "6<-5 ExecutionFailed"]);
    let cause = "Unable to apply ReferencePath $.result to input \"text\"";
    assert_eq!(play.error(), (Some("States.ReferencePathConflict"), Some(cause)));
}

#[test]
fn a_reference_without_a_match_fails_with_the_message_of_aws() {
    let states = json!({"Rest": {"Type": "Wait", "SecondsPath": "$.limits.seconds", "End": true}});
    let play = Play::start(&machine(&states), &json!({"limits": {}}));
    let cause = "An error occurred while executing the state 'Rest' (entered at the event id #2). The SecondsPath \
                 parameter does not reference an input value: $.limits.seconds";
    assert_eq!(play.error(), (Some("States.Runtime"), Some(cause)));

    let processor = json!({"StartAt": "One", "States": {"One": {"Type": "Succeed"}}});
    let states =
        json!({"Each": {"Type": "Map", "ItemsPath": "$.found.items", "ItemProcessor": processor, "End": true}});
    let play = Play::start(&machine(&states), &json!({"found": {}}));
    let cause = "Unable to apply step \"items\" to input {\"found\":{}}";
    assert_eq!(play.error(), (Some("States.ReferencePathConflict"), Some(cause)));
}

#[test]
fn a_number_is_not_accepted_as_the_payload_of_a_function() {
    let states = json!({"Add": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "add", "Payload.$": "$.n"}, "End": true,
    }});
    let play = Play::start(&machine(&states), &json!({"n": 1}));
    assert_eq!(play.trace()[1..], ["2<-0 TaskStateEntered", "3<-2 ExecutionFailed"]);
    let cause = "An error occurred while executing the state 'Add' (entered at the event id #2). The Parameters \
                 '{\"FunctionName\":\"add\",\"Payload\":1}' could not be used to start the Task: [The value for the field \
                 'Payload' must be a STRING]";
    assert_eq!(play.error(), (Some("States.Runtime"), Some(cause)));
    for payload in [json!("1"), json!([1]), json!({"n": 1}), Value::Null] {
        assert_eq!(Play::start(&machine(&states), &json!({ "n": payload })).calls.len(), 1);
    }
}

#[test]
fn the_executions_input_is_in_the_context_object_wherever_it_is_read() {
    let input = json!({"a": 1, "list": [1]});
    for path in [
        "$$.Execution.Input.a",
        "$$.Execution['Input'].a",
        "$$['Execution'].Input.a",
        "$$..Input.a",
        "$$.*.Input.a",
        "$$.Execution.*.a",
        "$$.State[?(@.Name == 'One' && $.Execution.Input.a == 1)].Name.length()",
    ] {
        let states = json!({"One": {"Type": "Pass", "Parameters": {"found.$": path}, "End": true}});
        let found = Play::start(&machine(&states), &input).output()["found"].to_string();
        assert!(found.contains('1'), "{path}: {found}");
    }
    for expression in [
        "$states.context.Execution.Input.a",
        "$states.context.Execution.*.a",
        "($c := $states.context; $c.Execution.Input.a)",
        "$states.context.State.(%.Execution.Input.a)",
        "$states.**.Input.a",
    ] {
        let output = format!("{{% {expression} %}}");
        let states = json!({"One": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": output, "End": true}});
        assert_eq!(Play::start(&machine(&states), &input).output(), json!(1), "{expression}");
    }
}
