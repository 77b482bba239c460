//! Manual valuations with the form, without script: a person's answer resumes the execution exactly once.

use std::{collections::HashMap, sync::LazyLock};

use app::domain::{day_in_words, iso_day, uk_today};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sfn::types::ExecutionStatus;
use futures_util::future::join_all;
use serde_json::{Value, json};
use time::Date;

use crate::support::{Browser, Desk, Page, Setup, Valuer, kinds, seed};

const FORM: &str = "manual-valuation";

/// The day of the valuation, which must not be old.
static VALUED_ON: LazyLock<Date> = LazyLock::new(|| uk_today() - time::Duration::days(10));

/// The same day as the date field of a browser sends it.
static VALUED_ON_TYPED: LazyLock<String> = LazyLock::new(|| iso_day(*VALUED_ON));

static VALUE: LazyLock<[(&str, &str); 6]> = LazyLock::new(|| {
    [
        ("outcome", "value"),
        ("value", "£500,000"),
        ("valued_on", &VALUED_ON_TYPED),
        ("basis", "desktop"),
        ("comment", "Compared with three sales in the street"),
        ("name", "Grace Hopper"),
    ]
});

/// A desk with an application that waits for a person because the valuation service could not value the property.
async fn waiting_desk() -> Desk {
    desk_waiting_for(&json!({ "loanAmount": "250000" })).await
}

/// The same for an application with these amounts.
async fn desk_waiting_for(amounts: &Value) -> Desk {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    let mut application = seed("app-ref", "999");
    for (name, amount) in amounts.as_object().expect("amounts") {
        application[name] = amount.clone();
    }
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
    let next = browser.submit(&page, FORM, &*VALUE).await;
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
            "valuedOn": *VALUED_ON_TYPED, "comment": "Compared with three sales in the street",
        })
    );
    let story = browser.open("/applications/app-ref").await.words();
    let told = format!("Grace Hopper valued the property at £500,000 (desktop, {})", day_in_words(*VALUED_ON));
    assert!(story.contains(&told), "{story}");
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
    first.submit(&page, FORM, &*VALUE).await;
    desk.until("app-ref", "Approved").await;

    let answers = [
        ("value", "400000"),
        ("valued_on", &VALUED_ON_TYPED),
        ("basis", "physical"),
        ("comment", "Seen from inside"),
        ("name", "Alan Turing"),
    ];
    let refused = second.submit(&late, FORM, &answers).await;
    assert_eq!((&refused.path, refused.status), (&late.path, 200));
    let words = refused.words();
    assert!(words.contains("Grace Hopper answered this on"), "{words}");
    assert!(words.contains("Your answer came after that and was not used."), "{words}");
    for typed in ["400000", &VALUED_ON_TYPED, "Seen from inside"] {
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
        ("valued_on", &VALUED_ON_TYPED),
        ("basis", "desktop"),
        ("comment", "Compared with three sales in the street"),
    ] {
        assert_eq!(refused.field(FORM, field), typed);
    }
    browser.submit(&refused, FORM, &[("value", "500000.50"), ("name", "Grace Hopper")]).await;
    assert_eq!(desk.until("app-ref", "Approved").await["valuation"]["propertyValue"], "500000.50");
}

/// The answers of [`VALUE`] with another value.
fn valued_at(value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut answers = VALUE.to_vec();
    answers.push(("value", value));
    answers
}

async fn is_still_waiting(desk: &Desk) -> bool {
    desk.application("app-ref").await["status"] == "Waiting for manual valuation"
}

#[tokio::test]
async fn an_unusual_value_is_recorded_only_after_a_question_with_both_figures() {
    let desk = desk_waiting_for(&json!({ "loanAmount": "350000", "estimatedValue": "500000" })).await;
    let mut browser = Browser::new(&desk);
    let page = open_form(&mut browser).await;
    let asked = browser.submit(&page, FORM, &valued_at("5,000,000")).await;
    assert_eq!(asked.path, page.path);
    let words = asked.words();
    assert!(words.contains("£5,000,000 is ten times the estimate of £500,000. Is that right?"), "{words}");
    assert!(words.contains("Loan-to-value will be 7.00%: approved"), "{words}");
    assert!(words.contains("Record £5,000,000, ten times the estimate"), "{words}");
    assert_eq!(asked.field(FORM, "comment"), "Compared with three sales in the street");
    assert!(is_still_waiting(&desk).await);

    // The question was about another value.
    let other = [("value", "1"), ("confirmed", "5000000.00")];
    let asked = browser.submit(&asked, FORM, &other).await;
    assert!(asked.words().contains("£1 is less than 1% of the estimate of £500,000"), "{}", asked.words());
    let usual = [("value", "450000"), ("confirmed", "5000000.00")];
    let asked = browser.submit(&asked, FORM, &usual).await;
    assert!(asked.words().contains("Loan-to-value will be 77.78%: referred to an underwriter"), "{}", asked.words());
    assert!(is_still_waiting(&desk).await);

    let confirmed = [("value", "£5,000,000"), ("confirmed", "5000000.00")];
    let next = browser.submit(&asked, FORM, &confirmed).await;
    assert_eq!(next.path, "/waiting");
    assert_eq!(desk.until("app-ref", "Approved").await["loanToValue"], 7.0);
}

#[tokio::test]
async fn the_range_of_usual_values_is_configurable() {
    let desk = desk_waiting_for(&json!({ "estimatedValue": "500000" })).await;
    let desk = desk.kill().with("--value-alert", "0.95..1.05").start().await;
    let mut browser = Browser::new(&desk);
    let page = open_form(&mut browser).await;
    let asked = browser.submit(&page, FORM, &valued_at("530000")).await;
    let words = asked.words();
    assert!(words.contains("£530,000 is 1.1 times the estimate of £500,000"), "{words}");
    browser.submit(&asked, FORM, &[("value", "520000")]).await;
    desk.until("app-ref", "Valued").await;
}

#[tokio::test]
async fn the_effect_of_a_value_can_be_checked_without_recording_it() {
    let desk = waiting_desk().await;
    let mut browser = Browser::new(&desk);
    let page = open_form(&mut browser).await;
    let answers = [("outcome", "value"), ("value", "400000"), ("name", ""), ("check", "1")];
    let checked = browser.submit(&page, FORM, &answers).await;
    assert_eq!((&checked.path, checked.status), (&page.path, 200));
    assert!(checked.words().contains("Loan-to-value will be 62.50%: approved"), "{}", checked.words());
    assert!(!checked.words().contains("There is a problem"), "{}", checked.words());
    assert_eq!(checked.field(FORM, "value"), "400000");
    let wrong = browser.submit(&checked, FORM, &[("value", "lots"), ("check", "1")]).await;
    assert!(wrong.words().contains("Enter an amount in pounds, like 250000"), "{}", wrong.words());
    assert!(is_still_waiting(&desk).await);
}

#[tokio::test]
async fn a_late_answer_is_put_into_the_form_and_compared_with() {
    let valuer = Valuer::open().await;
    let desk =
        Setup::new().with("--valuation-service-url", &valuer.url).with("--valuation-timeout", "1s").start().await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    desk.until("app-ref", "Waiting for manual valuation").await;
    request.answer(&desk, 666_000).await;
    let mut browser = Browser::new(&desk);
    let page = open_form(&mut browser).await;
    assert!(page.words().contains("Use £666,000"), "{}", page.words());

    let mut answers = valued_at("66,600");
    answers.push(("comment", ""));
    let asked = browser.submit(&page, FORM, &answers).await;
    assert!(asked.words().contains("£66,600 is 10% of the late answer of £666,000"), "{}", asked.words());
    let used = browser.submit(&asked, FORM, &[("use_value", "666000.00")]).await;
    assert_eq!(used.path, page.path);
    assert_eq!(used.field(FORM, "value"), "666,000");
    assert_eq!(used.field(FORM, "comment"), "Late answer of the valuation service");
    assert_eq!(used.field(FORM, "basis"), "desktop");
    browser.submit(&used, FORM, &[]).await;
    assert_eq!(desk.until("app-ref", "Valued").await["valuation"]["propertyValue"], 666_000);
}

#[tokio::test]
async fn a_valuation_that_is_older_than_a_year_is_refused() {
    let desk = waiting_desk().await;
    let mut browser = Browser::new(&desk);
    let page = open_form(&mut browser).await;
    for (typed, why) in
        [("1926-01-01", "The valuation is too old: enter a date from"), ("2999-01-01", "today or in the past")]
    {
        let mut answers = VALUE.to_vec();
        answers.push(("valued_on", typed));
        let refused = browser.submit(&page, FORM, &answers).await;
        assert!(refused.words().contains(why), "{}", refused.words());
        assert_eq!(refused.field(FORM, "valued_on"), typed);
    }
}

#[tokio::test]
async fn save_and_next_leads_to_the_next_item_and_says_when_there_is_none() {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    for (reference, property) in [("first", "1"), ("second", "2"), ("third", "3")] {
        desk.submit(&seed(reference, property)).await;
        valuer.known_to(&desk, property).await.fails(&desk).await;
        desk.until(reference, "Waiting for manual valuation").await;
    }
    let mut browser = Browser::new(&desk);
    let mut page = manual_valuation(&desk, "first").await;
    let mut answers = VALUE.to_vec();
    answers.push(("then", "next"));
    for (answered, next) in [("first", "second"), ("second", "third")] {
        page = browser.submit(&page, FORM, &answers).await;
        let words = page.words();
        assert!(words.contains(&format!("Manual valuation for {next}")), "{words}");
        assert!(words.contains(&format!("Valuation of £500,000 recorded for {answered}.")), "{words}");
    }
    page = browser.submit(&page, FORM, &answers).await;
    assert_eq!(page.path, "/waiting");
    let words = page.words();
    assert!(words.contains("Valuation of £500,000 recorded for third."), "{words}");
    assert!(words.contains("Nothing else is waiting for staff."), "{words}");
}

#[tokio::test]
async fn a_recorded_answer_can_be_corrected_with_a_reason_until_the_workflow_has_it() {
    let desk = waiting_desk().await;
    let desk = desk.kill().with("--correction-time", "8s").start().await;
    let mut browser = Browser::new(&desk);
    let page = open_form(&mut browser).await;
    let next = browser.submit(&page, FORM, &valued_at("£5,000,000")).await;
    assert!(
        next.words().contains("Its workflow continues in 8 seconds; until then, the answer can be corrected."),
        "{}",
        next.words()
    );
    let correction = browser.open(&next.link("Correct app-ref")).await;
    assert!(correction.words().contains("it can still be corrected until"), "{}", correction.words());
    assert_eq!(correction.field(FORM, "value"), "5,000,000");
    let refused = browser.submit(&correction, FORM, &[("value", "400,000")]).await;
    assert!(refused.words().contains("Enter why the recorded answer is corrected"), "{}", refused.words());
    assert_eq!(refused.field(FORM, "value"), "400,000");
    let corrected = browser.submit(&refused, FORM, &[("correction", "One nought too many")]).await;
    assert!(corrected.words().contains("Answer for app-ref corrected."), "{}", corrected.words());

    let decided = desk.until("app-ref", "Approved").await;
    assert_eq!((&decided["loanToValue"], &decided["valuation"]["propertyValue"]), (&json!(62.5), &json!(400_000)));
    let story = browser.open("/applications/app-ref").await.words();
    assert!(story.contains("Grace Hopper valued the property at £5,000,000"), "{story}");
    assert!(story.contains("Corrected: Grace Hopper valued the property at £400,000"), "{story}");
    assert!(story.contains("Reason: One nought too many"), "{story}");
    let late = browser.submit(&refused, FORM, &[("value", "300,000"), ("correction", "Too late")]).await;
    assert!(late.words().contains("a new valuation for this one is not possible yet"), "{}", late.words());
    assert_eq!(desk.application("app-ref").await["loanToValue"], 62.5);
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
