//! Recovery from `kill -9`: paused tasks keep waiting, and each is answered once.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sfn::types::ExecutionStatus;
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::support::{Browser, Desk, SILENT, Setup, Valuer, kinds, seed};

/// The number of concurrent requests.
const AT_ONCE: usize = 16;

/// Submits applications and waits until each waits for the valuer.
async fn submit_all(desk: &Desk, valuer: &Valuer, references: &[String]) {
    stream::iter(references)
        .for_each_concurrent(AT_ONCE, async |reference| {
            desk.submit(&seed(reference, reference)).await;
            valuer.known_to(desk, reference).await;
        })
        .await;
}

#[tokio::test]
async fn a_hundred_paused_applications_survive_kill_9_and_each_is_answered_once() {
    let valuer = Valuer::open().await;
    let references = |from, to| (from..to).map(|i| format!("app-{i:03}")).collect::<Vec<_>>();
    let (patient, urgent) = (references(0, 60), references(60, 100));
    let desk =
        Setup::new().with("--valuation-service-url", &valuer.url).with("--valuation-timeout", "1h").start().await;
    submit_all(&desk, &valuer, &patient).await;
    // Executions that are already waiting keep their original timeout.
    let desk = desk.kill().with("--valuation-timeout", "3s").start().await;
    submit_all(&desk, &valuer, &urgent).await;
    let desk = desk.kill_and_start_again().await;

    let mut known = desk.references().await;
    known.sort();
    assert_eq!(known, [patient.clone(), urgent.clone()].concat());
    for reference in &patient {
        assert_eq!(desk.application(reference).await["status"], "Waiting for valuation", "{reference}");
    }
    assert_eq!(valuer.requests().len(), 100, "the valuer was asked once for each");

    // Callbacks work, and each is used only once.
    stream::iter(&patient)
        .for_each_concurrent(AT_ONCE, async |reference| {
            let request = valuer.asked_for(reference).await;
            let taken = request.answer(&desk, 250_000).await;
            assert_eq!(taken.status, 200, "{reference}: {}", taken.body);
            let again = request.answer(&desk, 250_000).await;
            assert_eq!(again.problem().1, "duplicate-callback", "{reference}");
            let valued = desk.until(reference, "Valued").await;
            let execution = valued["executionArn"].as_str().unwrap();
            assert_eq!(desk.ended(execution).await.status, ExecutionStatus::Succeeded, "{reference}");
            let events = desk.history(execution).await;
            let times = |kind| kinds(&events).iter().filter(|known| **known == kind).count();
            assert_eq!((times("TaskSubmitted"), times("ExecutionSucceeded")), (1, 1), "{reference}");
        })
        .await;

    // Deadlines work, including those that passed in the meantime: each application waits for a person, and the
    // valuer's callback is late.
    stream::iter(&urgent)
        .for_each_concurrent(AT_ONCE, async |reference| {
            let waiting = desk.until(reference, "Waiting for manual valuation").await;
            let late = valuer.asked_for(reference).await.answer(&desk, 250_000).await;
            assert_eq!(late.problem().1, "late-callback", "{reference}");
            let events = desk.history(waiting["executionArn"].as_str().unwrap()).await;
            assert_eq!(kinds(&events).iter().filter(|kind| **kind == "TaskTimedOut").count(), 1, "{reference}");
        })
        .await;
    let page = Browser::new(&desk).open("/waiting").await;
    assert_eq!(page.html.matches("Value it").count(), urgent.len());
    assert_eq!(valuer.requests().len(), 100, "the valuer was asked once for each");
}

#[tokio::test]
async fn a_manual_valuation_survives_kill_9_and_can_be_answered_from_the_open_page() {
    let desk = Setup::new().with("--valuation-timeout", "1s").start().await;
    desk.submit(&seed("app-ref", "No callback")).await;
    desk.until("app-ref", "Waiting for manual valuation").await;
    let mut browser = Browser::new(&desk);
    let application = browser.open("/applications/app-ref").await;
    let page = browser.open(&application.link("Value the property")).await;
    let cookies = browser.cookies();

    let desk = desk.kill_and_start_again().await;
    let mut browser = Browser::with_cookies(&desk, cookies);
    let answers = [("value", "500000"), ("basis", "desktop"), ("name", "Grace Hopper")];
    let next = browser.submit(&page, "manual-valuation", &answers).await;
    assert!(next.words().contains("Valuation of £500,000 recorded for app-ref."), "{}", next.words());
    assert_eq!(desk.until("app-ref", "Valued").await["valuation"]["valuedBy"], "Grace Hopper");
}

#[tokio::test]
async fn the_mock_valuer_calls_back_even_after_kill_9() {
    let desk = Setup::new().with("--mock-valuer-delay", "2s").start().await;
    desk.submit(&seed("app-ref", "999")).await;
    desk.until("app-ref", "Waiting for valuation").await;
    let desk = desk.kill_and_start_again().await;
    let valued = desk.until("app-ref", "Valued").await;
    assert_eq!(valued["valuation"]["propertyValue"], json!(666_000));
}

#[tokio::test]
async fn an_early_callback_is_used_even_if_the_desk_is_killed_before_it_can_be() {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    desk.submit(&seed("app-ref", SILENT)).await;
    let request = valuer.asked_for(SILENT).await;
    let parked = request.answer(&desk, 250_000).await;
    assert_eq!((parked.status, &parked.json()["outcome"]), (202, &json!("parked")));

    // The state after the service has answered and the desk has stored the answer, but before any further step.
    let dynamodb = aws_sdk_dynamodb::Client::new(&desk.aws());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let task = request.callback_path().split(['=', '.']).nth(1).expect("a signed id");
    let update = dynamodb.update_item().table_name("loan-desk-valuation-references");
    let update = update.key("valuationReference", text(&request.reference)).update_expression("SET requestId = :task");
    update.expression_attribute_values(":task", text(task)).send().await.expect("it is written");
    let update = dynamodb.update_item().table_name("loan-desk-paused-tasks").key("id", text(task));
    let update = update.update_expression("SET #state = :open, queue = :open, valuationReference = :reference");
    let update =
        update.expression_attribute_names("#state", "state").expression_attribute_values(":open", text("open"));
    update.expression_attribute_values(":reference", text(&request.reference)).send().await.expect("it is written");

    let desk = desk.kill_and_start_again().await;
    assert_eq!(desk.until("app-ref", "Valued").await["valuation"]["propertyValue"], 250_000);
    assert_eq!(valuer.known_to(&desk, SILENT).await.reference, request.reference);
    assert_eq!(valuer.requests().len(), 1, "the valuer was asked once");
}

#[tokio::test]
async fn an_acknowledged_application_survives_kill_9_and_continues() {
    let valuer = Valuer::open().await;
    let mut desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    let references = ["app-1", "app-2", "app-3", "app-4", "app-5"];
    for reference in references {
        // Kill the desk immediately, at an arbitrary point of the execution.
        desk.submit(&seed(reference, reference)).await;
        desk = desk.kill_and_start_again().await;
    }
    for reference in references {
        let taken = valuer.known_to(&desk, reference).await.answer(&desk, 250_000).await;
        assert_eq!(taken.status, 200, "{reference}: {}", taken.body);
        desk.until(reference, "Valued").await;
    }
}
