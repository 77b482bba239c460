//! Tasks that wait for a token.

use super::*;

const PAUSED: [&str; 5] =
    ["1<-0 ExecutionStarted", "2<-0 TaskStateEntered", "3<-2 TaskScheduled", "4<-3 TaskStarted", "5<-4 TaskSubmitted"];

fn paused(more: &Value) -> Play {
    let mut states = json!({"Ask": callback(more)});
    if more.get("Catch").is_some() || more.get("Next").is_some() {
        states["Done"] = json!({"Type": "Pass", "End": true});
    }
    let mut play = Play::start(&machine(&states), &json!({"ref": "app-1"}));
    play.submit();
    assert_eq!(play.trace(), PAUSED);
    play
}

#[test]
fn an_answered_task_ends_with_the_answer() {
    let mut play = paused(&json!({"End": true}));
    assert_eq!(play.outcome, None);
    play.succeed(&json!({"value": 1}));
    assert_eq!(play.trace()[5..], ["6<-5 TaskSucceeded", "7<-6 TaskStateExited", "8<-7 ExecutionSucceeded"]);
    assert_eq!(play.output(), json!({"value": 1}));
}

#[test]
fn the_call_contains_the_token_of_its_own_task() {
    let play = Play::start(&machine(&json!({"Ask": callback(&json!({"End": true}))})), &json!({}));
    let parameters = json!({"FunctionName": "ask", "Payload": {"token": "token-3"}});
    assert_eq!(play.history[2]["taskScheduledEventDetails"]["parameters"], parameters.to_string());
    assert_eq!(
        play.calls,
        [(
            task_id(3),
            Work::Service {
                service: "lambda".into(),
                action: "invoke".into(),
                pattern: Pattern::WaitForTaskToken,
                parameters: parameters.into()
            }
        )]
    );
}

#[test]
fn a_scheduled_task_names_its_service_and_its_declared_deadlines() {
    let play = paused(&json!({"End": true, "TimeoutSeconds": 30, "HeartbeatSeconds": 5}));
    let details = &play.history[2]["taskScheduledEventDetails"];
    assert_eq!(details["resourceType"], "lambda");
    assert_eq!(details["resource"], "invoke.waitForTaskToken");
    assert_eq!(details["region"], "eu-west-2");
    assert_eq!((&details["timeoutInSeconds"], &details["heartbeatInSeconds"]), (&json!(30), &json!(5)));
    let details = &paused(&json!({"End": true})).history[2]["taskScheduledEventDetails"];
    assert_eq!((details.get("timeoutInSeconds"), details.get("heartbeatInSeconds")), (None, None));
}

#[test]
fn a_failed_task_fails_the_execution_without_leaving_its_state() {
    let mut play = paused(&json!({"End": true}));
    play.fail("ValuationFailed", "no such property");
    assert_eq!(play.trace()[5..], ["6<-5 TaskFailed", "7<-6 ExecutionFailed"]);
    assert_eq!(play.error(), (Some("ValuationFailed"), Some("no such property")));
}

#[test]
fn a_caught_failure_becomes_the_output() {
    let mut play = paused(&json!({"End": true, "Catch": [{"ErrorEquals": ["ValuationFailed"], "Next": "Done"}]}));
    play.fail("ValuationFailed", "no such property");
    assert_eq!(
        play.trace()[5..],
        [
            "6<-5 TaskFailed",
            "7<-6 TaskStateExited",
            "8<-7 PassStateEntered",
            "9<-8 PassStateExited",
            "10<-9 ExecutionSucceeded"
        ]
    );
    assert_eq!(play.output(), json!({"Error": "ValuationFailed", "Cause": "no such property"}));
}

#[test]
fn a_failure_without_error_and_cause_is_caught_as_nulls() {
    let mut play = paused(
        &json!({"End": true, "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.why", "Next": "Done"}]}),
    );
    let task = play.task();
    play.send(Event::TaskFailed { task, error: None, cause: None }).unwrap();
    let details = json!({"resourceType": "lambda", "resource": "invoke.waitForTaskToken"});
    assert_eq!(play.history[5]["taskFailedEventDetails"], details);
    assert_eq!(play.output(), json!({"ref": "app-1", "why": {"Error": null, "Cause": null}}));
}

#[test]
fn a_task_that_is_never_answered_times_out() {
    let mut play = paused(&json!({"End": true, "TimeoutSeconds": 30}));
    play.pass(29);
    assert_eq!(play.outcome, None);
    play.pass(1);
    assert_eq!(play.trace()[5..], ["6<-5 TaskTimedOut", "7<-6 ExecutionFailed"]);
    assert_eq!(
        play.history[5]["taskTimedOutEventDetails"],
        json!({"error": "States.Timeout", "resourceType": "lambda", "resource": "invoke.waitForTaskToken"})
    );
    assert_eq!(play.error(), (Some("States.Timeout"), None));
    assert_eq!(play.abandoned, [task_id(3)]);
}

#[test]
fn a_caught_timeout_has_an_empty_cause() {
    let catch = json!([{"ErrorEquals": ["States.Timeout"], "Next": "Done"}]);
    let mut play = paused(&json!({"End": true, "TimeoutSeconds": 30, "Catch": catch}));
    play.pass(30);
    assert_eq!(play.output(), json!({"Error": "States.Timeout", "Cause": ""}));
}

#[test]
fn a_timeout_can_come_from_the_input() {
    let states = json!({"Ask": callback(&json!({"End": true, "TimeoutSecondsPath": "$.limit"}))});
    let mut play = Play::start(&machine(&states), &json!({"limit": 7}));
    assert_eq!(play.history[2]["taskScheduledEventDetails"]["timeoutInSeconds"], 7);
    play.pass(7);
    assert_eq!(play.error().0, Some("States.Timeout"));
}

#[test]
fn states_task_failed_does_not_catch_a_timeout() {
    let catch = json!([{"ErrorEquals": ["States.TaskFailed"], "Next": "Done"}]);
    let mut play = paused(&json!({"End": true, "TimeoutSeconds": 30, "Catch": catch}));
    play.pass(30);
    assert_eq!(play.error().0, Some("States.Timeout"));
}

#[test]
fn a_heartbeat_restarts_its_timer_without_an_event() {
    let mut play = paused(&json!({"End": true, "TimeoutSeconds": 60, "HeartbeatSeconds": 10}));
    for _ in 0..4 {
        play.pass(9);
        let task = play.task();
        play.send(Event::TaskHeartbeat { task }).unwrap();
    }
    assert_eq!(play.trace(), PAUSED);
    play.pass(10);
    assert_eq!(play.trace()[5..], ["6<-5 TaskTimedOut", "7<-6 ExecutionFailed"]);
    assert_eq!(play.history[5]["taskTimedOutEventDetails"]["error"], "States.Timeout");
}

#[test]
fn heartbeats_do_not_extend_the_timeout() {
    let mut play = paused(&json!({"End": true, "TimeoutSeconds": 20, "HeartbeatSeconds": 15}));
    play.pass(14);
    let task = play.task();
    play.send(Event::TaskHeartbeat { task }).unwrap();
    play.pass(6);
    assert_eq!(play.error().0, Some("States.Timeout"));
}

#[test]
fn a_missed_heartbeat_is_caught_by_its_own_name_and_as_a_timeout() {
    for name in ["States.HeartbeatTimeout", "States.Timeout", "States.ALL"] {
        let catch = json!([{"ErrorEquals": [name], "Next": "Done"}]);
        let mut play = paused(&json!({"End": true, "HeartbeatSeconds": 5, "Catch": catch}));
        play.pass(5);
        assert_eq!(play.output()["Error"], "States.Timeout", "{name}");
    }
    let catch = json!([{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Done"}]);
    let mut play = paused(&json!({"End": true, "TimeoutSeconds": 5, "Catch": catch}));
    play.pass(5);
    assert_eq!(play.error().0, Some("States.Timeout"));
}

#[test]
fn retries_wait_longer_each_time_and_get_new_tokens() {
    let retry = json!([{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2}]);
    let mut play = paused(&json!({"End": true, "Retry": retry}));
    play.fail("Busy", "later");
    assert_eq!(play.trace()[5..], ["6<-5 TaskFailed"]);
    play.pass(1);
    assert_eq!(play.history.len(), 6);
    play.pass(1);
    assert_eq!(play.trace()[6..], ["7<-6 TaskScheduled", "8<-7 TaskStarted"]);
    assert!(play.history[6]["taskScheduledEventDetails"]["parameters"].as_str().unwrap().contains("token-7"));
    play.submit();
    play.fail("Busy", "later");
    play.pass(5);
    assert_eq!(play.history.len(), 10);
    play.pass(1);
    play.fail("Busy", "never");
    assert_eq!(play.trace()[12..], ["13<-12 TaskFailed", "14<-13 ExecutionFailed"]);
    assert_eq!(play.error(), (Some("Busy"), Some("never")));
}

#[test]
fn the_answer_to_an_earlier_attempt_is_refused() {
    let mut play = paused(&json!({"End": true, "Retry": [{"ErrorEquals": ["Busy"]}]}));
    let first = play.task();
    play.fail("Busy", "later");
    play.pass(1);
    assert_eq!(play.send(Event::TaskSucceeded { task: first, output: Payload::from_text("1") }), Err(NotPending));
    assert_eq!(play.send(Event::TaskHeartbeat { task: first }), Err(NotPending));
    play.succeed(&json!(2));
    assert_eq!(play.output(), json!(2));
}

#[test]
fn an_answer_can_arrive_before_the_call_returns() {
    let mut play = Play::start(&machine(&json!({"Ask": callback(&json!({"End": true}))})), &json!({}));
    let task = play.task();
    play.succeed(&json!(1));
    assert_eq!(play.types()[3..], ["TaskStarted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]);
    assert_eq!(play.send(Event::TaskSubmitted { task, output: Payload::from_text("{}") }), Err(NotPending));
}

#[test]
fn a_stopped_execution_ends_immediately() {
    let mut play = paused(&json!({"End": true, "TimeoutSeconds": 30}));
    let task = play.task();
    play.send(Event::Stop { error: Some("Withdrawn".into()), cause: None }).unwrap();
    assert_eq!(play.trace()[5..], ["6<-0 ExecutionAborted"]);
    assert_eq!(play.last()["executionAbortedEventDetails"], json!({"error": "Withdrawn"}));
    assert_eq!(play.outcome, Some(Outcome::Aborted { error: Some("Withdrawn".into()), cause: None }));
    assert_eq!(play.abandoned, [task]);
    assert_eq!(play.send(Event::TaskSucceeded { task, output: Payload::from_text("1") }), Err(NotPending));
}

#[test]
fn a_paused_execution_is_a_few_hundred_bytes_whatever_its_input() {
    let states = json!({"Ask": callback(&json!({"End": true, "TimeoutSeconds": 30}))});
    let mut play = Play::start(&machine(&states), &json!({"note": "x".repeat(10_000)}));
    play.submit();
    let stored = serde_json::to_string(&play.state).unwrap();
    assert!(stored.len() < 200, "{} bytes: {stored}", stored.len());
}

#[test]
fn the_heartbeat_of_an_activity_begins_when_a_worker_takes_the_task() {
    let states = json!({"Work": {
        "Type": "Task",
        "Resource": "arn:aws:states:eu-west-2:000000000000:activity:work",
        "HeartbeatSeconds": 5,
        "End": true,
    }});
    let mut play = Play::start(&machine(&states), &json!({"n": 1}));
    assert!(matches!(&play.calls[0].1, Work::Activity { activity_arn, .. } if activity_arn.ends_with("activity:work")));
    play.pass(100);
    assert_eq!(play.trace()[2..], ["3<-2 ActivityScheduled"]);
    let task = play.task();
    play.send(Event::ActivityStarted { task, worker_name: Some("w1".into()) }).unwrap();
    assert_eq!(play.last()["activityStartedEventDetails"], json!({"workerName": "w1"}));
    assert_eq!(play.send(Event::ActivityStarted { task, worker_name: None }), Err(NotPending));
    play.pass(5);
    assert_eq!(play.trace()[3..], ["4<-3 ActivityStarted", "5<-4 ActivityTimedOut", "6<-5 ExecutionFailed"]);
}

#[test]
fn a_function_called_by_its_arn_has_its_own_event_types() {
    let arn = "arn:aws:lambda:eu-west-2:000000000000:function:f";
    let states = json!({"Call": {"Type": "Task", "Resource": arn, "End": true}});
    let mut play = Play::start(&machine(&states), &json!({"n": 1}));
    assert_eq!(play.calls[0].1, Work::Function { function: arn.into(), payload: json!({"n": 1}).into() });
    play.succeed(&json!("ok"));
    assert_eq!(
        play.types()[2..],
        [
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let mut play = Play::start(&machine(&states), &json!({}));
    play.fail("Exception", "{}");
    assert_eq!(play.types()[4..], ["LambdaFunctionFailed", "ExecutionFailed"]);
}

#[test]
fn a_task_for_an_activity_that_does_not_exist_is_not_scheduled() {
    let arn = "arn:aws:states:eu-west-2:000000000000:activity:nobody";
    let states = json!({"Ask": {
        "Type": "Task", "Resource": arn, "TimeoutSeconds": 5, "End": true,
        "Retry": [{"ErrorEquals": ["States.ALL"]}],
    }});
    let play = Play::start(&machine(&states), &json!({}));
    assert_eq!(play.trace()[2..], ["3<-2 ActivityScheduleFailed", "4<-3 ExecutionFailed"]);
    let why = json!({"error": "States.Runtime", "cause": format!("The activity {arn} does not exist")});
    assert_eq!(play.history[2]["activityScheduleFailedEventDetails"], why);
    assert_eq!(play.last()["executionFailedEventDetails"], why);
}
