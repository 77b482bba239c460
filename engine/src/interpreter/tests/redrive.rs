//! Redriven executions.

use super::*;

#[test]
fn a_failed_task_is_retried_with_a_new_token() {
    let states = json!({"Ask": callback(&json!({"Next": "Done", "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]})), "Done": {"Type": "Succeed"}});
    let mut play = Play::start(&machine(&states), &json!({"n": 1}));
    play.fail("E", "once");
    play.pass(1);
    play.fail("E", "twice");
    assert_eq!(play.error().1, Some("twice"));
    let before = play.history.len();
    play.redrive();
    assert_eq!(play.types()[before..], ["ExecutionRedriven", "TaskScheduled", "TaskStarted"]);
    assert_eq!(play.history[before]["executionRedrivenEventDetails"], json!({"redriveCount": 1}));
    play.fail("E", "its retries count from zero again");
    play.pass(1);
    play.succeed(&json!("at last"));
    assert_eq!(play.output(), json!("at last"));
}

#[test]
fn branches_that_have_succeeded_are_not_repeated() {
    let states = json!({"Both": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "Result": "kept", "End": true}}},
        {"StartAt": "Ask", "States": {"Ask": callback(&json!({"End": true}))}},
        {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 60, "End": true}}},
    ]}});
    let mut play = Play::start(&machine(&states), &json!({}));
    play.fail("E", "broken");
    let before = play.history.len();
    play.redrive();
    assert_eq!(play.types()[before..], ["ExecutionRedriven", "TaskScheduled", "TaskStarted"]);
    play.succeed(&json!("asked again"));
    play.pass(60);
    assert_eq!(play.output(), json!(["kept", "asked again", {}]));
}

#[test]
fn a_redriven_map_only_runs_the_missing_iterations() {
    let processor = json!({"StartAt": "Ask", "States": {"Ask": callback(&json!({"End": true}))}});
    let states = json!({"Each": {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": processor, "End": true}});
    let mut play = Play::start(&machine(&states), &json!(["a", "b", "c"]));
    play.succeed(&json!(1));
    play.fail("E", "broken");
    play.redrive();
    play.succeed(&json!(2));
    play.succeed(&json!(3));
    assert_eq!(play.output(), json!([1, 2, 3]));
}

#[test]
fn a_redriven_distributed_map_continues_its_run() {
    let processor = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}},
    });
    let states = json!({"Each": {"Type": "Map", "Label": "each", "ItemProcessor": processor, "End": true}});
    let mut play = Play::start(&machine(&states), &json!(["a", "b"]));
    let run = play.map_runs[0].0;
    play.end_map_run(MapRunOutcome::too_many_failed());
    play.redrive();
    assert_eq!(play.map_runs, [(run, None)]);
    let redriven = &play.last()["mapRunRedrivenEventDetails"];
    assert_eq!(redriven["mapRunArn"], play.history[3]["mapRunStartedEventDetails"]["mapRunArn"]);
    assert_eq!(redriven["redriveCount"], 1);
    let output = Payload::from_text("[1,2]");
    play.send(Event::MapRunEnded { run, outcome: MapRunOutcome::Succeeded { output } }).unwrap();
    let trace = play.trace();
    assert_eq!(trace[7..10], ["8<-0 ExecutionRedriven", "9<-8 MapRunRedriven", "10<-9 MapRunSucceeded"], "{trace:?}");
    assert_eq!(play.output(), json!([1, 2]));
}

#[test]
fn stopped_and_timed_out_executions_can_be_redriven() {
    let mut definition = machine(&json!({"Rest": {"Type": "Wait", "Seconds": 10, "End": true}}));
    definition["TimeoutSeconds"] = json!(8);
    let mut play = Play::start(&definition, &json!({}));
    play.pass(8);
    assert!(matches!(play.outcome, Some(Outcome::TimedOut { .. })));
    play.redrive();
    play.send(Event::Stop { error: None, cause: None }).unwrap();
    play.redrive();
    play.pass(8);
    assert!(matches!(play.outcome, Some(Outcome::TimedOut { .. })), "the machine's timeout counts from the redrive");
}

#[test]
fn only_unsuccessful_executions_can_be_redriven() {
    let states = json!({"Ask": callback(&json!({"End": true}))});
    let mut play = Play::start(&machine(&states), &json!({}));
    assert_eq!(play.send(Event::Redrive), Err(NotPending));
    play.succeed(&json!(1));
    assert_eq!(play.send(Event::Redrive), Err(NotPending));
}
