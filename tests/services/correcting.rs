//! Corrections of answers that Step Functions has not taken yet, and of those that it has.

use app::{
    desk::{DeskError, ManualValuationState},
    domain::{ManualValuationAnswer, Money, ValuationBasis},
};

use crate::support::{Answers, Fault, World, application, with_a_desk};

const TASKS: &str = "loan-desk-paused-tasks";
const WHY: &str = "A slip of the keys";

fn valued_at(pounds: u64) -> ManualValuationAnswer {
    ManualValuationAnswer::Value {
        value: Money::from_pence(pounds * 100).expect("an amount"),
        valued_on: time::macros::date!(2026 - 11 - 20),
        basis: ValuationBasis::Desktop,
        comment: String::new(),
    }
}

/// Submits an application, and returns the id of its manual valuation.
async fn waiting(world: &mut World) -> String {
    assert!(world.submit(&application("app-1")).await);
    world.settle().await;
    world.staff_queue().await.remove(0).id
}

/// The state, the value and the number of versions of the answer in the task's row.
async fn row(world: &World, id: &str) -> (String, u64, usize) {
    let task = world.table(TASKS).await.into_iter().find(|task| task["id"] == *id).expect("its row");
    let answer: serde_json::Value = serde_json::from_str(task["answer"].as_str().expect("an answer")).expect("JSON");
    let value = answer["says"]["success"]["output"]["propertyValue"].as_u64().expect("a value");
    let versions = answer["versions"].as_array().map_or(0, Vec::len);
    (task["state"].as_str().expect("a state").to_owned(), value, versions)
}

async fn story(world: &World) -> Vec<String> {
    let view = world.application("app-1").await.expect("it is there");
    view.story.into_iter().map(|entry| entry.text).collect()
}

/// How often Step Functions took an answer to a manual valuation.
async fn answers_taken(world: &World) -> usize {
    let history = world.history(&world.execution_arn("app-1"), false).await;
    let outputs = history.iter().filter_map(|event| event.task_succeeded_event_details.as_ref()?.output.as_deref());
    outputs.filter(|output| output.contains("valuedBy")).count()
}

#[test]
fn an_answer_that_could_not_be_sent_can_be_corrected_and_only_the_correction_is_used() {
    with_a_desk(Answers::Refuses, async |mut world| {
        let id = waiting(&mut world).await;
        world.faults.fail_next("SendTaskSuccess", Fault::LostRequest);
        assert_eq!(world.answer(&id, &valued_at(5_000_000)).await, Some(Err(DeskError::Unavailable)));
        let state = world.manual_valuation(&id).await.expect("it is there").state;
        assert!(matches!(state, ManualValuationState::Sending { .. }), "{state:?}");

        assert_eq!(world.correct(&id, &valued_at(500_000), WHY).await, Some(Ok(())));
        world.settle().await;
        let decided = world.application("app-1").await.expect("it is there").row;
        assert_eq!(decided.loan_to_value, Some(40.0));
        assert_eq!(row(&world, &id).await, ("answered".to_owned(), 500_000, 2));
        assert_eq!(answers_taken(&world).await, 1);
        let story = story(&world).await;
        let first = story.iter().position(|text| text.starts_with("Ada valued the property at £5,000,000"));
        let then = story.iter().position(|text| text.starts_with("Corrected: Ada valued the property at £500,000"));
        assert!(first.is_some() && first < then, "{story:?}");
        assert!(story.iter().any(|text| text.ends_with("Reason: A slip of the keys")), "{story:?}");
    });
}

#[test]
fn the_same_correction_given_twice_is_recorded_once() {
    with_a_desk(Answers::Refuses, async |mut world| {
        let id = waiting(&mut world).await;
        world.faults.fail_next("SendTaskSuccess", Fault::LostRequest);
        assert!(world.answer(&id, &valued_at(5_000_000)).await.expect("an answer").is_err());
        world.faults.fail_next("SendTaskSuccess", Fault::LostRequest);
        assert_eq!(world.correct(&id, &valued_at(500_000), WHY).await, Some(Err(DeskError::Unavailable)));
        assert_eq!(world.correct(&id, &valued_at(500_000), WHY).await, Some(Ok(())));
        assert_eq!(row(&world, &id).await, ("answering".to_owned(), 500_000, 2));
        world.seconds_pass(10).await;
        assert_eq!(row(&world, &id).await, ("answered".to_owned(), 500_000, 2));
        assert_eq!(answers_taken(&world).await, 1);
    });
}

#[test]
fn a_correction_of_an_answer_that_was_taken_is_kept_and_told_as_not_used() {
    with_a_desk(Answers::Refuses, async |mut world| {
        let id = waiting(&mut world).await;
        // Step Functions takes the answer, and the desk does not learn of it.
        world.faults.fail_next("SendTaskSuccess", Fault::LostAnswer);
        assert_eq!(world.answer(&id, &valued_at(400_000)).await, Some(Err(DeskError::Unavailable)));
        let corrected = world.correct(&id, &valued_at(800_000), WHY).await;
        assert_eq!(corrected, Some(Err(DeskError::CannotBeCorrected)));
        world.settle().await;
        assert_eq!(row(&world, &id).await, ("answered".to_owned(), 400_000, 2));
        assert_eq!(world.application("app-1").await.expect("it is there").row.loan_to_value, Some(50.0));
        let story = story(&world).await;
        let told = story.iter().find(|text| text.contains("£800,000")).expect("the correction is told");
        assert!(told.ends_with("The workflow had already gone on with the earlier answer: kept, not used"), "{told}");
        // What the workflow has taken cannot be corrected at all.
        let again = world.correct(&id, &valued_at(900_000), WHY).await;
        assert_eq!(again, Some(Err(DeskError::CannotBeCorrected)));
        assert_eq!(row(&world, &id).await, ("answered".to_owned(), 400_000, 2));
    });
}

/// Gives an answer whose call of `operation` is delayed, corrects it meanwhile, and lets the call go on.
async fn crossing(world: &mut World, operation: &'static str) -> (String, Option<Result<(), DeskError>>) {
    let id = waiting(world).await;
    world.faults.fail_next(operation, Fault::Delay);
    let (first, second) = (valued_at(400_000), valued_at(500_000));
    let (_, corrected) = tokio::join!(world.answer(&id, &first), async {
        while !world.faults.holds() {
            tokio::task::yield_now().await;
        }
        let corrected = world.correct(&id, &second, WHY).await;
        world.faults.release();
        corrected
    });
    world.settle().await;
    (id, corrected)
}

#[test]
fn a_correction_that_overtakes_the_answer_is_the_one_that_counts() {
    with_a_desk(Answers::Refuses, async |mut world| {
        let (id, corrected) = crossing(&mut world, "SendTaskSuccess").await;
        assert_eq!(corrected, Some(Ok(())));
        assert_eq!(row(&world, &id).await, ("answered".to_owned(), 500_000, 2));
        assert_eq!(world.application("app-1").await.expect("it is there").row.loan_to_value, Some(40.0));
        assert_eq!(answers_taken(&world).await, 1);
    });
}

#[test]
fn a_correction_before_the_desk_has_noted_the_answer_leaves_the_answer_that_was_taken() {
    with_a_desk(Answers::Refuses, async |mut world| {
        // The only update of an item by itself notes that the answer was taken.
        let (id, corrected) = crossing(&mut world, "UpdateItem").await;
        assert_eq!(corrected, Some(Err(DeskError::CannotBeCorrected)));
        assert_eq!(row(&world, &id).await, ("answered".to_owned(), 400_000, 2));
        assert_eq!(world.application("app-1").await.expect("it is there").row.loan_to_value, Some(50.0));
        assert_eq!(answers_taken(&world).await, 1);
    });
}

#[test]
fn an_answer_is_held_back_for_corrections_if_the_desk_is_told_to() {
    with_a_desk(Answers::Refuses, async |mut world| {
        world.configure(&["--correction-time", "30s"]);
        world.restart().await;
        let id = waiting(&mut world).await;
        assert_eq!(world.answer(&id, &valued_at(5_000_000)).await, Some(Ok(())));
        world.seconds_pass(20).await;
        assert_eq!(row(&world, &id).await, ("answering".to_owned(), 5_000_000, 0));
        assert!(world.staff_queue().await.is_empty(), "it is answered");
        assert_eq!(world.correct(&id, &valued_at(400_000), WHY).await, Some(Ok(())));
        world.seconds_pass(20).await;
        assert_eq!(answers_taken(&world).await, 0, "the time starts again with the correction");
        world.seconds_pass(20).await;
        assert_eq!(row(&world, &id).await, ("answered".to_owned(), 400_000, 2));
        assert_eq!(answers_taken(&world).await, 1);
        let corrected = world.correct(&id, &valued_at(300_000), WHY).await;
        assert_eq!(corrected, Some(Err(DeskError::CannotBeCorrected)));
    });
}
