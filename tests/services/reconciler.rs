//! The reconciler, called directly on the test's clock.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answers, MANUAL_TIMEOUT, World, application, with_a_desk};

const TASKS: &str = "loan-desk-paused-tasks";

/// Submits an application, and lets it become old enough to be compared with its execution.
async fn submit(world: &mut World, reference: &str) {
    assert!(world.submit(&application(reference)).await);
    world.settle().await;
    world.clock.advance(Duration::from_secs(10));
}

async fn states(world: &World) -> Vec<Value> {
    world.table(TASKS).await.into_iter().map(|mut task| task["state"].take()).collect()
}

async fn status(world: &World, reference: &str) -> String {
    world.application(reference).await.expect("it is there").row.status.key().to_owned()
}

#[test]
fn a_sweep_closes_a_task_that_was_answered_without_the_desk() {
    with_a_desk(Answers::Never, async |mut world| {
        submit(&mut world, "app-1").await;
        let token = world.table(TASKS).await[0]["token"].as_str().expect("a token").to_owned();
        let output = json!({ "valuationReference": "V-0001", "propertyValue": 500_000 });
        assert!(world.answer_past_the_desk(&token, &output).await);
        world.settle().await;
        assert_eq!(status(&world, "app-1").await, "approved");
        assert_eq!(states(&world).await, ["open"]);
        world.sweep().await;
        assert_eq!(states(&world).await, ["abandoned"]);
        assert!(world.waiting(None).await.is_empty());
    });
}

#[test]
fn a_sweep_notices_that_an_execution_was_stopped() {
    with_a_desk(Answers::Never, async |mut world| {
        submit(&mut world, "app-1").await;
        assert!(world.stop_execution("app-1").await);
        assert_eq!(status(&world, "app-1").await, "waiting_for_valuation");
        world.sweep().await;
        assert_eq!(status(&world, "app-1").await, "stopped");
        assert_eq!(states(&world).await, ["abandoned"]);
    });
}

#[test]
fn a_sweep_that_comes_before_the_search_for_passed_deadlines_says_that_a_deadline_has_passed() {
    with_a_desk(Answers::Refuses, async |mut world| {
        submit(&mut world, "app-1").await;
        world.clock.advance(MANUAL_TIMEOUT);
        world.settle().await;
        assert_eq!(world.execution_status("app-1").await.as_deref(), Some("FAILED"));
        world.sweep().await;
        let manual = world.table(TASKS).await.into_iter().find(|task| task["kind"] == "manual_valuation");
        assert_eq!(manual.expect("a manual valuation")["state"], "lapsed");
    });
}

#[test]
fn a_redrive_closes_the_tasks_from_before_it_even_within_the_same_second() {
    with_a_desk(Answers::Refuses, async |mut world| {
        submit(&mut world, "app-1").await;
        let before = world.staff_queue().await.remove(0);
        assert!(world.stop_execution("app-1").await);
        assert!(world.redrive("app-1").await);
        world.settle().await;
        world.sweep().await;
        let after = world.staff_queue().await;
        assert_eq!(after.len(), 1, "{after:?}");
        assert_ne!(after[0].id, before.id);
        let open = states(&world).await.into_iter().filter(|state| state == "open").count();
        assert_eq!(open, 1);
    });
}

#[test]
fn a_sweep_reads_the_applications_of_unanswered_tasks_in_batches() {
    const APPLICATIONS: usize = 7;
    with_a_desk(Answers::Never, async |mut world| {
        for number in 0..APPLICATIONS {
            submit(&mut world, &format!("app-{number}")).await;
        }
        let before = world.faults.calls().len();
        world.sweep().await;
        let calls = world.faults.calls().split_off(before);
        let count = |name: &str| calls.iter().filter(|call| *call == name).count();
        assert_eq!(count("BatchGetItem"), 1, "{calls:?}");
        // Each application is read and described once.
        assert_eq!(count("GetItem"), APPLICATIONS, "{calls:?}");
        assert_eq!(count("DescribeExecution"), APPLICATIONS, "{calls:?}");
    });
}

#[test]
fn a_deadline_that_has_passed_only_by_the_desks_clock_closes_nothing() {
    with_a_desk(Answers::Never, async |mut world| {
        submit(&mut world, "app-1").await;
        // As if the deadline had been earlier: Step Functions has not timed the task out.
        let task = world.table(TASKS).await.remove(0);
        world.set(TASKS, task["id"].as_str().expect("an id"), "deadline", "2026-11-22T10:00:01.000Z").await;
        world.finish_steps().await;
        assert_eq!(states(&world).await, ["open"]);
        assert_eq!(status(&world, "app-1").await, "waiting_for_valuation");
    });
}
