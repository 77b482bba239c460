//! Answers whose task token is dead, and functions that fail on their way.

use std::time::Duration;

use app::{
    desk::DeskError,
    domain::{ManualValuationAnswer, Money, ValuationBasis},
};

use serde_json::json;

use crate::support::{Answers, Fault, World, application, with_a_desk};

const TASKS: &str = "loan-desk-paused-tasks";

fn valued() -> ManualValuationAnswer {
    ManualValuationAnswer::Value {
        value: Money::from_pence(40_000_000).expect("an amount"),
        valued_on: time::macros::date!(2026 - 11 - 20),
        basis: ValuationBasis::Desktop,
        comment: String::new(),
    }
}

async fn submit(world: &mut World) {
    assert!(world.submit(&application("app-1")).await);
    world.settle().await;
}

async fn status(world: &World, reference: &str) -> String {
    world.application(reference).await.expect("it is there").row.status.key().to_owned()
}

#[test]
fn an_answer_to_a_stopped_execution_is_kept_and_the_person_learns_that_it_was_not_used() {
    with_a_desk(Answers::Refuses, async |mut world| {
        submit(&mut world).await;
        let item = world.staff_queue().await.remove(0);
        assert!(world.stop_execution("app-1").await);
        assert_eq!(world.answer(&item.id, &valued()).await, Some(Err(DeskError::NotUsed)));
        let task = world.table(TASKS).await.into_iter().find(|task| task["id"] == item.id).expect("its row");
        assert_eq!(task["state"], "too_late");
        assert!(task["answer"].as_str().expect("an answer").contains("400000"), "{task}");
        world.clock.advance(Duration::from_secs(10));
        world.sweep().await;
        assert_eq!(status(&world, "app-1").await, "stopped");
    });
}

#[test]
fn an_answer_to_a_call_that_failed_is_used_when_the_workflow_calls_again() {
    with_a_desk(Answers::Refuses, async |mut world| {
        // The function has stored its token, but the workflow does not learn of it.
        world.faults.fail_next("Invoke loan-desk-manual-valuation", Fault::LostAnswer);
        submit(&mut world).await;
        let item = world.staff_queue().await.remove(0);
        assert_eq!(world.answer(&item.id, &valued()).await, Some(Ok(())));
        assert_eq!(world.execution_status("app-1").await.as_deref(), Some("RUNNING"));
        world.seconds_pass(60).await;
        assert_eq!(world.faults.count_of("Invoke loan-desk-manual-valuation"), 2);
        assert_eq!(status(&world, "app-1").await, "approved");
        assert_eq!(world.table(TASKS).await.iter().filter(|task| task["state"] == "answered").count(), 1);
    });
}

#[test]
fn a_reference_that_the_valuer_gives_twice_is_refused_for_the_second_request() {
    with_a_desk(Answers::Reuses, async |mut world| {
        submit(&mut world).await;
        assert!(world.submit(&application("app-2")).await);
        world.settle().await;
        assert_eq!(status(&world, "app-1").await, "waiting_for_valuation");
        assert_eq!(status(&world, "app-2").await, "waiting_for_manual_valuation");
        let first = world.valuer.accepted().remove(0);
        let body = json!({ "valuationReference": first.reference, "propertyValue": 500_000 });
        world.call_back(&(first.path, body)).await.expect("an answer");
        world.settle().await;
        assert_eq!(status(&world, "app-1").await, "approved");
        assert_eq!(status(&world, "app-2").await, "waiting_for_manual_valuation");
    });
}

/// Submits an application whose first call `name` fails, and returns how often the valuer was asked.
async fn asked_although(world: &mut World, name: &'static str, fault: Fault) -> usize {
    world.faults.fail_next(name, fault);
    submit(world).await;
    world.seconds_pass(20).await;
    assert_eq!(world.faults.count_of("Invoke loan-desk-valuation-request"), 2);
    assert_eq!(status(world, "app-1").await, "waiting_for_valuation");
    assert_eq!(world.table(TASKS).await.len(), 1);
    assert_eq!(world.valuer.accepted().len(), 1, "the valuer knows one request");
    world.valuer.requests()
}

#[test]
fn a_function_that_cannot_store_its_token_is_retried_and_asks_the_valuer_once() {
    with_a_desk(Answers::Never, async |mut world| {
        assert_eq!(asked_although(&mut world, "TransactWriteItems", Fault::LostRequest).await, 1);
    });
}

#[test]
fn a_function_whose_answer_is_lost_is_retried_and_asks_the_valuer_once() {
    with_a_desk(Answers::Never, async |mut world| {
        assert_eq!(asked_although(&mut world, "Invoke loan-desk-valuation-request", Fault::LostAnswer).await, 1);
    });
}
