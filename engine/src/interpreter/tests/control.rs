//! Pass, Choice, Wait, Succeed and Fail, and the ends of executions.

use super::*;

#[test]
fn consecutive_states_run_in_one_step() {
    let states = json!({
        "One": {"Type": "Pass", "Result": 1, "Next": "Two"},
        "Two": {"Type": "Pass", "Next": "Three"},
        "Three": {"Type": "Succeed"},
    });
    let play = Play::start(&machine(&states), &json!({}));
    assert_eq!(
        play.trace(),
        [
            "1<-0 ExecutionStarted",
            "2<-0 PassStateEntered",
            "3<-2 PassStateExited",
            "4<-3 PassStateEntered",
            "5<-4 PassStateExited",
            "6<-5 SucceedStateEntered",
            "7<-6 SucceedStateExited",
            "8<-7 ExecutionSucceeded"
        ]
    );
    assert_eq!(play.output(), json!(1));
}

#[test]
fn an_unchanged_input_keeps_its_whitespace() {
    let play = Play::start_with_text(&machine(&json!({"One": {"Type": "Pass", "End": true}})), "[1, 2]");
    assert_eq!(play.last()["executionSucceededEventDetails"]["output"], "[1, 2]");
}

#[test]
fn a_wait_ends_when_it_is_due() {
    let states = json!({"Rest": {"Type": "Wait", "Seconds": 6, "End": true}});
    let mut play = Play::start(&machine(&states), &json!({}));
    play.pass(5);
    assert_eq!(play.trace(), ["1<-0 ExecutionStarted", "2<-0 WaitStateEntered"]);
    play.pass(1);
    assert_eq!(play.trace()[2..], ["3<-2 WaitStateExited", "4<-3 ExecutionSucceeded"]);
}

#[test]
fn a_wait_until_a_past_time_ends_immediately() {
    let states = json!({"Rest": {"Type": "Wait", "Timestamp": "2016-03-14T01:59:00Z", "End": true}});
    assert_eq!(Play::start(&machine(&states), &json!({})).output(), json!({}));
}

#[test]
fn a_choice_without_a_match_fails_with_the_message_of_aws() {
    let states = json!({
        "Which": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "One"}]},
        "One": {"Type": "Pass", "End": true},
    });
    let play = Play::start(&machine(&states), &json!({"n": 2}));
    assert_eq!(play.types(), ["ExecutionStarted", "ChoiceStateEntered", "ExecutionFailed"]);
    let cause = "An error occurred while executing the state 'Which' (entered at the event id #2). Failed to \
                 transition out of the state. The state does not point to a next state.";
    assert_eq!(play.error(), (Some("States.Runtime"), Some(cause)));
}

#[test]
fn a_fail_state_fails_with_its_error_and_cause() {
    let states = json!({"Stop": {"Type": "Fail", "ErrorPath": "$.error", "Cause": "because"}});
    let play = Play::start(&machine(&states), &json!({"error": "Refused"}));
    assert_eq!(play.trace()[1..], ["2<-0 FailStateEntered", "3<-2 ExecutionFailed"]);
    assert_eq!(play.error(), (Some("Refused"), Some("because")));
}

#[test]
fn the_timeout_of_the_state_machine_ends_the_execution() {
    let mut definition = machine(&json!({"Rest": {"Type": "Wait", "Seconds": 25, "End": true}}));
    definition["TimeoutSeconds"] = json!(3);
    let mut play = Play::start(&definition, &json!({}));
    play.pass(3);
    assert_eq!(play.trace()[2..], ["3<-0 ExecutionTimedOut"]);
    assert_eq!(play.last()["executionTimedOutEventDetails"], json!({"error": "States.Timeout"}));
    assert_eq!(play.outcome, Some(Outcome::TimedOut { error: None, cause: None }));
}

#[test]
fn an_execution_starts_once() {
    let mut play = Play::start(&machine(&json!({"Rest": {"Type": "Wait", "Seconds": 6, "End": true}})), &json!({}));
    assert_eq!(play.send(Event::Start), Err(NotPending));
}

#[test]
fn a_failed_jsonata_expression_has_an_event_that_skips_the_states_entry() {
    let states = json!({
        "One": {"Type": "Pass", "Next": "Two"},
        "Two": {"Type": "Pass", "Output": "{% $nowhere %}", "End": true},
    });
    let mut definition = machine(&states);
    definition["QueryLanguage"] = json!("JSONata");
    let play = Play::start(&definition, &json!({}));
    assert_eq!(play.trace()[3..], ["4<-3 PassStateEntered", "5<-3 EvaluationFailed", "6<-5 ExecutionFailed"]);
    let cause = "An error occurred while executing the state 'Two' (entered at the event id #4). The JSONata expression \
                 '$nowhere' specified for the field 'Output' returned nothing (undefined).";
    assert_eq!(
        play.history[4]["evaluationFailedEventDetails"],
        json!({"error": "States.QueryEvaluationError", "cause": cause, "location": "Output", "state": "Two"})
    );
}
