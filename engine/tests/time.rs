//! Timers when the clock is set, and when the engine was not running.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Desk, ManualClock, callback_machine};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

fn waits(seconds: u64) -> Value {
    json!({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": seconds, "End": true}}})
}

async fn exits(desk: &Desk, execution: &str) -> usize {
    desk.history(execution).await.iter().filter(|event| *event == "WaitStateExited").count()
}

#[tokio::test]
async fn setting_the_clock_back_delays_timers_without_losing_or_repeating_any() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let (short, long) = (desk.machine("short", &waits(60)).await, desk.machine("long", &waits(120)).await);
    let fired = desk.start(&short, "fired", &json!({})).await;
    let waiting = desk.start(&long, "waiting", &json!({})).await;
    clock.advance(MINUTE);
    desk.end(&fired).await;
    clock.set_back(HOUR);
    // Due long before the other, which was started while the clock was an hour ahead.
    let other = desk.start(&long, "other", &json!({})).await;
    clock.advance(2 * MINUTE);
    desk.end(&other).await;
    assert_eq!(desk.status(&waiting).await, "RUNNING");
    clock.advance(HOUR);
    desk.end(&waiting).await;
    for execution in [&fired, &waiting, &other] {
        assert_eq!(exits(&desk, execution).await, 1, "{execution}");
    }
}

#[tokio::test]
async fn setting_the_clock_forward_fires_due_timers_once() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &waits(60)).await;
    let early = desk.start(&machine, "early", &json!({})).await;
    clock.advance(30 * 24 * HOUR);
    desk.end(&early).await;
    clock.set_back(30 * 24 * HOUR);
    let late = desk.start(&machine, "late", &json!({})).await;
    clock.advance(MINUTE);
    desk.end(&late).await;
    desk.engine.shutdown().await;
    let desk = Desk::open(folder.path(), clock.clone()).await;
    clock.advance(30 * 24 * HOUR);
    for execution in [&early, &late] {
        assert_eq!((desk.status(execution).await, exits(&desk, execution).await), ("SUCCEEDED".into(), 1));
    }
}

#[tokio::test]
async fn a_heartbeat_due_during_downtime_gets_a_full_interval() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let mut definition = callback_machine();
    definition["States"]["Ask"]["HeartbeatSeconds"] = json!(20);
    definition["States"]["Ask"]["TimeoutSeconds"] = json!(100_000);
    let machine = desk.machine("m", &definition).await;
    let (beating, silent) = (
        desk.start(&machine, "beating", &json!({"question": 1})).await,
        desk.start(&machine, "silent", &json!({"question": 2})).await,
    );
    let mut tokens = std::collections::BTreeMap::new();
    for _ in 0..2 {
        let call = desk.called().await;
        tokens.insert(call.payload["question"].as_i64().unwrap(), call.token());
        call.returns(json!({}));
    }
    for execution in [&beating, &silent] {
        desk.until(execution, "TaskSubmitted").await;
    }
    desk.engine.shutdown().await;
    clock.advance(HOUR);

    let desk = Desk::open(folder.path(), clock.clone()).await;
    let wait = desk.machine("wait", &waits(19)).await;
    let after_19_seconds = desk.start(&wait, "e", &json!({})).await;
    clock.advance(Duration::from_secs(19));
    desk.end(&after_19_seconds).await;
    desk.ask("SendTaskHeartbeat", json!({"taskToken": tokens[&1]})).await;
    assert_eq!(desk.status(&silent).await, "RUNNING");
    clock.advance(Duration::from_secs(2));
    assert_eq!(desk.end(&silent).await["error"], "States.Timeout");
    assert_eq!(desk.status(&beating).await, "RUNNING");
    clock.advance(Duration::from_secs(20));
    assert_eq!(desk.end(&beating).await["error"], "States.Timeout");
}
