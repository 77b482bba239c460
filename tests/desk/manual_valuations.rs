//! Manual valuations with the form, without script: a person's answer resumes the execution exactly once.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sfn::types::ExecutionStatus;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Browser, Desk, Page, Setup, Valuer, kinds, seed};

const FORM: &str = "manual-valuation";

const VALUE: [(&str, &str); 6] = [
    ("outcome", "value"),
    ("value", "£500,000"),
    ("valued_on", "2026-01-15"),
    ("basis", "desktop"),
    ("comment", "Compared with three sales in the street"),
    ("name", "Grace Hopper"),
];

/// A desk with an application that waits for a person because the valuation service could not value the property.
async fn waiting_desk() -> Desk {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    let mut application = seed("app-ref", "999");
    application["loanAmount"] = json!("250000");
    desk.submit(&application).await;
    let request = valuer.known_to(&desk, "999").await;
    request.fails(&desk).await;
    desk.until("app-ref", "Waiting for manual valuation").await;
    desk
}

/// Opens the manual valuation page from the application's page.
async fn open_form(browser: &mut Browser<'_>) -> Page {
    let application = browser.open("/applications/app-ref").await;
    let page = browser.open(&application.link("Value the property")).await;
    assert!(page.words().contains("Manual valuation for app-ref"), "{}", page.words());
    page
}

async fn ended(desk: &Desk) -> (ExecutionStatus, Value) {
    let application = desk.application("app-ref").await;
    let ended = desk.ended(application["executionArn"].as_str().expect("an execution")).await;
    (ended.status, serde_json::from_str(&ended.output.unwrap_or_default()).unwrap_or_default())
}

#[tokio::test]
async fn a_value_resumes_the_execution_and_is_recorded_with_the_name() {
    let desk = waiting_desk().await;
    let mut browser = Browser::new(&desk);
    let queue = browser.open("/waiting").await;
    let page = browser.open(&queue.link("Value it")).await;
    assert!(page.words().contains("The valuation service could not value the property."), "{}", page.words());
    let next = browser.submit(&page, FORM, &VALUE).await;
    assert_eq!(next.path, "/waiting");
    assert!(next.words().contains("Valuation of £500,000 recorded for app-ref."), "{}", next.words());
    assert!(next.words().contains("Nothing is waiting"), "{}", next.words());

    let approved = desk.until("app-ref", "Approved").await;
    assert_eq!(approved["loanToValue"], 50.0);
    assert_eq!(approved["valuation"]["valuedBy"], "Grace Hopper");
    let (status, output) = ended(&desk).await;
    assert_eq!(status, ExecutionStatus::Succeeded);
    assert_eq!(
        output["valuation"],
        json!({
            "valuationReference": "V-0001", "propertyValue": 500_000, "valuedBy": "Grace Hopper", "basis": "desktop",
            "valuedOn": "2026-01-15", "comment": "Compared with three sales in the street",
        })
    );
    let story = browser.open("/applications/app-ref").await.words();
    assert!(story.contains("Grace Hopper valued the property at £500,000 (desktop, 15 January 2026)"), "{story}");
}

#[tokio::test]
async fn an_application_whose_property_cannot_be_valued_is_declined_with_the_reason_and_the_name() {
    let desk = waiting_desk().await;
    let mut browser = Browser::new(&desk);
    let page = open_form(&mut browser).await;
    let reason = "The building <b>has been</b> demolished";
    let answers = [("outcome", "cannot_value"), ("reason", reason), ("name", "Alan Turing")];
    let next = browser.submit(&page, FORM, &answers).await;
    assert!(next.words().contains("Recorded that the property of app-ref cannot be valued."), "{}", next.words());

    let declined = desk.until("app-ref", "Declined").await;
    assert_eq!(declined["remark"], format!("The property cannot be valued: {reason}"));
    let (status, output) = ended(&desk).await;
    assert_eq!(status, ExecutionStatus::Succeeded);
    assert_eq!(output, json!({"decision": "declined", "reason": reason}));
    let story = browser.open("/applications/app-ref").await.words();
    assert!(story.contains(&format!("Alan Turing could not value the property: {reason}")), "{story}");
}

#[tokio::test]
async fn a_second_answer_is_refused_with_the_name_of_the_first_person_and_what_was_typed() {
    let desk = waiting_desk().await;
    let (mut first, mut second) = (Browser::new(&desk), Browser::new(&desk));
    let (page, late) = (open_form(&mut first).await, open_form(&mut second).await);
    first.submit(&page, FORM, &VALUE).await;
    desk.until("app-ref", "Approved").await;

    let answers = [
        ("value", "400000"),
        ("valued_on", "2026-01-16"),
        ("basis", "physical"),
        ("comment", "Seen from inside"),
        ("name", "Alan Turing"),
    ];
    let refused = second.submit(&late, FORM, &answers).await;
    assert_eq!((&refused.path, refused.status), (&late.path, 200));
    let words = refused.words();
    assert!(words.contains("Grace Hopper answered this on"), "{words}");
    assert!(words.contains("Your answer came after that and was not used."), "{words}");
    for typed in ["400000", "2026-01-16", "Seen from inside"] {
        assert!(words.contains(typed), "{typed}: {words}");
    }
    assert_eq!(ended(&desk).await.1["valuation"]["valuedBy"], "Grace Hopper");
    assert_eq!(desk.application("app-ref").await["valuation"]["propertyValue"], 500_000);
}

#[tokio::test]
async fn only_one_of_many_concurrent_answers_is_used_and_the_others_learn_whose() {
    let desk = waiting_desk().await;
    let names = ["Ada", "Barbara", "Edsger", "Grace", "John", "Margaret"];
    let mut browsers = names.map(|_| Browser::new(&desk));
    let forms = join_all(browsers.iter_mut().map(open_form)).await;
    let pages = join_all(names.into_iter().zip(browsers).zip(&forms).map(async |((name, mut browser), page)| {
        let mut answers = VALUE.to_vec();
        answers.push(("name", name));
        browser.submit(page, FORM, &answers).await
    }))
    .await;
    let approved = desk.until("app-ref", "Approved").await;
    let heard = approved["valuation"]["valuedBy"].as_str().expect("a name");
    assert_eq!(pages.iter().filter(|page| page.path == "/waiting").count(), 1);
    let expected = format!("{heard} answered this on");
    for page in pages.iter().filter(|page| page.path != "/waiting") {
        assert!(page.words().contains(&expected), "{expected}: {}", page.words());
    }
    let events = desk.history(approved["executionArn"].as_str().unwrap()).await;
    assert_eq!(kinds(&events).iter().filter(|kind| **kind == "ExecutionSucceeded").count(), 1);
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_refused_and_what_was_typed_is_shown() {
    let timeouts = Setup::new().with("--valuation-timeout", "1s").with("--manual-valuation-timeout", "1s");
    let desk = timeouts.start().await;
    desk.submit(&seed("app-ref", "No callback")).await;
    desk.until("app-ref", "Needs attention").await;
    let overdue = manual_valuation_id(&desk).await;
    // The form is that of another application, so that no page has to be opened before a deadline.
    let desk = desk.kill().with("--manual-valuation-timeout", "1h").start().await;
    desk.submit(&seed("other", "No callback")).await;
    let page = manual_valuation(&desk, "other").await;
    let mut answers = VALUE.to_vec();
    answers.push(("id", &overdue));
    let refused = Browser::new(&desk).submit(&page, FORM, &answers).await;
    assert_eq!(refused.path, format!("/manual-valuations/{overdue}"));
    let words = refused.words();
    // The desk may or may not have noticed that the deadline has passed.
    let noticed = words.contains("The deadline for this answer has passed")
        && words.contains("Your answer came after that and was not used. You had typed: £500,000");
    let kept = words.contains("Grace Hopper’s answer came too late") && words.contains("kept, not used");
    assert!(noticed != kept, "{words}");
    assert!(words.contains("£500,000"), "{words}");
    assert_eq!(ended(&desk).await.0, ExecutionStatus::Failed);
}

#[tokio::test]
async fn an_incomplete_answer_is_shown_again_as_typed_and_can_be_completed() {
    let desk = waiting_desk().await;
    let mut browser = Browser::new(&desk);
    let page = open_form(&mut browser).await;
    let mut answers = VALUE.to_vec();
    answers.extend([("value", "about half a million"), ("name", " ")]);
    let refused = browser.submit(&page, FORM, &answers).await;
    assert_eq!(refused.path, page.path);
    for wrong in ["There is a problem", "Enter an amount in pounds, like 250000", "Enter your name"] {
        assert!(refused.words().contains(wrong), "{wrong}: {}", refused.words());
    }
    for (field, typed) in [
        ("outcome", "value"),
        ("value", "about half a million"),
        ("valued_on", "2026-01-15"),
        ("basis", "desktop"),
        ("comment", "Compared with three sales in the street"),
    ] {
        assert_eq!(refused.field(FORM, field), typed);
    }
    browser.submit(&refused, FORM, &[("value", "500000.50"), ("name", "Grace Hopper")]).await;
    assert_eq!(desk.until("app-ref", "Approved").await["valuation"]["propertyValue"], "500000.50");
}

#[tokio::test]
async fn an_unknown_manual_valuation_is_not_found() {
    let desk = Setup::new().start().await;
    let page = Browser::new(&desk).open("/manual-valuations/nobody-knows").await;
    assert_eq!(page.status, 404);
    assert!(page.words().contains("Page not found"), "{}", page.words());
}

/// The id of the only manual valuation, open or not.
async fn manual_valuation_id(desk: &Desk) -> String {
    let tasks = aws_sdk_dynamodb::Client::new(&desk.aws()).scan().table_name("loan-desk-paused-tasks").send().await;
    let tasks = tasks.expect("a table of tasks");
    let is_manual =
        |task: &&HashMap<String, AttributeValue>| task["kind"].as_s().is_ok_and(|kind| kind == "manual_valuation");
    let [task] = tasks.items().iter().filter(is_manual).collect::<Vec<_>>()[..] else { panic!("{tasks:?}") };
    task["id"].as_s().expect("an id").clone()
}

/// Opens the manual valuation page once the application waits for it.
async fn manual_valuation(desk: &Desk, reference: &str) -> Page {
    desk.until(reference, "Waiting for manual valuation").await;
    let mut browser = Browser::new(desk);
    let application = browser.open(&format!("/applications/{reference}")).await;
    browser.open(&application.link("Value the property")).await
}

/// A desk where Rose Cottage was valued for the application `before` and awaits a manual valuation for `now`.
async fn desk_that_valued_before() -> Desk {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    desk.submit(&seed("before", "Rose Cottage")).await;
    let request = valuer.known_to(&desk, "Rose Cottage").await;
    request.answer(&desk, 240_000).await;
    desk.until("before", "Valued").await;
    let mut elsewhere = seed("elsewhere", "Rose Cottage Elsewhere");
    elsewhere["property"]["postcode"] = json!("PO1 1CF");
    desk.submit(&elsewhere).await;
    valuer.known_to(&desk, "Rose Cottage Elsewhere").await.answer(&desk, 990_000).await;
    desk.until("elsewhere", "Valued").await;

    desk.submit(&seed("now", "rose  COTTAGE")).await;
    valuer.known_to(&desk, "rose  COTTAGE").await.fails(&desk).await;
    desk.until("now", "Waiting for manual valuation").await;
    desk
}

#[tokio::test]
async fn earlier_valuations_of_the_property_are_shown_regardless_of_how_its_address_is_written() {
    let desk = desk_that_valued_before().await;
    let words = manual_valuation(&desk, "now").await.words();
    assert!(words.contains("£240,000"), "{words}");
    assert!(!words.contains("£990,000"), "{words}");
    let beside = Setup::beside(&desk).start().await;
    let words = manual_valuation(&beside, "now").await.words();
    assert!(words.contains("£240,000"), "{words}");
}
