//! The figures on the Today page equal a plain count over the table, at every desk and after any events.

use std::collections::BTreeMap;

use app::domain::uk_day;
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, PutRequest, WriteRequest},
};
use serde_json::{Value, json};
use time::{Date, Duration, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

use crate::support::{Browser, Desk, Setup, Valuer, eventually, seed};

const TABLE: &str = "loan-desk-applications";

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn written(at: OffsetDateTime) -> AttributeValue {
    text(at.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000Z")).unwrap())
}

/// An application that ends with a decision.
fn loan(reference: &str, name_or_number: &str) -> Value {
    let mut loan = seed(reference, name_or_number);
    loan["loanAmount"] = json!("150000.00");
    loan
}

/// Stores applications as if they had been submitted and processed in the last weeks.
async fn store_long_ago(desk: &Desk, how_many: i64) {
    let dynamodb = Client::new(&desk.aws());
    let now = OffsetDateTime::now_utc();
    let items: Vec<_> = (0..how_many)
        .map(|i| {
            let reference = format!("long-ago-{i}");
            let submitted_at = now - Duration::hours(20 * 24 * i / how_many) - Duration::hours(9);
            let decided_at = submitted_at + Duration::minutes(i * i * 7 % 7_000);
            let status = ["valued", "approved", "referred", "declined", "needs_attention", "stopped"][i as usize % 6];
            let mut item = std::collections::HashMap::from([
                ("applicationReference".to_owned(), text(&reference)),
                ("kind".to_owned(), text("application")),
                ("application".to_owned(), text(seed(&reference, "999").to_string())),
                (
                    "executionArn".to_owned(),
                    text("arn:aws:states:eu-west-2:000000000000:execution:loan-processing:old"),
                ),
                ("submittedAt".to_owned(), written(submitted_at)),
                ("updatedAt".to_owned(), written(submitted_at)),
                ("status".to_owned(), text("waiting_for_manual_valuation")),
            ]);
            if decided_at < now {
                item.insert("status".to_owned(), text(status));
                item.insert("updatedAt".to_owned(), written(decided_at));
                item.insert("decidedAt".to_owned(), written(decided_at));
            }
            WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build().unwrap()).build()
        })
        .collect();
    for items in items.chunks(25) {
        dynamodb.batch_write_item().request_items(TABLE, items.to_vec()).send().await.expect("they are stored");
    }
}

/// The values of the bars by the label of the figure, oldest day first.
type Bars = BTreeMap<String, Vec<String>>;

async fn shown(desk: &Desk) -> Bars {
    let page = Browser::new(desk).open("/").await;
    assert_eq!(page.status, 200);
    let bars = page.labels().into_iter().filter_map(|label| {
        let (figure, bars) = label.split_once(", by day: ")?;
        let bars = bars.split(", ").filter_map(|bar| bar.split_once(": ")).map(|(_, count)| count.to_owned());
        Some((figure.to_owned(), bars.collect()))
    });
    bars.collect()
}

/// The same, counted from the table. The time to a decision is covered by unit tests, because the page rounds it.
async fn counted(desk: &Desk) -> Bars {
    let dynamodb = Client::new(&desk.aws());
    let items: Vec<_> =
        dynamodb.scan().table_name(TABLE).into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
    let day_of = |item: &std::collections::HashMap<_, AttributeValue>, name: &str| {
        item.get(name).map(|at| uk_day(OffsetDateTime::parse(at.as_s().unwrap(), &Rfc3339).unwrap()))
    };
    let decision = ["approved", "declined"];
    let lives: Vec<Life> = items
        .iter()
        .map(|item| Life {
            submitted: day_of(item, "submittedAt").unwrap(),
            ended: day_of(item, "decidedAt"),
            is_decided: decision.contains(&item["status"].as_s().unwrap().as_str()),
        })
        .collect();
    let today = uk_day(OffsetDateTime::now_utc());
    let days = (0..14).rev().map(|ago| today - Duration::days(ago));
    let count = |is_meant: fn(&Life, Date) -> bool| {
        let on = |day| lives.iter().filter(|life| is_meant(life, day)).count();
        days.clone().map(|day| on(day).to_string()).collect::<Vec<_>>()
    };
    BTreeMap::from([
        ("Submitted today".to_owned(), count(|life, day| life.submitted == day)),
        (
            "Waiting now".to_owned(),
            count(|life, day| life.submitted <= day && life.ended.is_none_or(|ended| ended > day)),
        ),
        ("Decided today".to_owned(), count(|life, day| life.is_decided && life.ended == Some(day))),
    ])
}

struct Life {
    submitted: Date,
    ended: Option<Date>,
    is_decided: bool,
}

/// What a desk shows and a plain count of the same moment, with no event in between.
async fn shown_and_counted(desk: &Desk, first: &Desk) -> (Bars, Bars) {
    eventually("nothing happens for a moment", async || {
        let before = counted(first).await;
        let mut shown = shown(desk).await;
        shown.remove("Median time to a decision").expect("a fourth figure");
        let after = counted(first).await;
        (before == after).then_some((shown, after))
    })
    .await
}

/// Asserts that both desks show what a plain count gives.
async fn must_be_right(what: &str, desks: [&Desk; 2]) {
    for (desk, name) in desks.into_iter().zip(["first", "second"]) {
        let (shown, counted) = shown_and_counted(desk, desks[0]).await;
        assert_eq!(shown, counted, "{what}, at the {name} desk");
    }
}

#[tokio::test]
async fn the_figures_equal_a_plain_count_at_every_desk_after_many_events() {
    let valuer = Valuer::open().await;
    let first = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    let second = Setup::beside(&first).start().await;
    must_be_right("nothing", [&first, &second]).await;

    for i in 0..24 {
        let desk = if i % 2 == 0 { &first } else { &second };
        desk.submit(&loan(&format!("app-{i}"), &format!("House {i:02}"))).await;
    }
    must_be_right("submitted", [&first, &second]).await;
    for i in 0..24 {
        let desk = if i % 3 == 0 { &first } else { &second };
        let request = valuer.known_to(desk, &format!("House {i:02}")).await;
        match i % 4 {
            0 | 1 => assert_eq!(request.answer(desk, 250_000).await.status, 200),
            2 => request.fails(desk).await,
            _ => {}
        }
    }
    must_be_right("answered", [&first, &second]).await;
    let stopped = second.until("app-3", "Waiting for valuation").await["executionArn"].as_str().unwrap().to_owned();
    first.step_functions().stop_execution().execution_arn(stopped).send().await.expect("it is stopped");
    // The workflow page makes the desk read the execution.
    first.get("/applications/app-3?tab=workflow").await;
    first.until("app-3", "Stopped").await;
    must_be_right("stopped", [&first, &second]).await;

    // Another execution takes over a decided application.
    let machine = "arn:aws:states:eu-west-2:000000000000:stateMachine:loan-processing";
    first.until("app-0", "Approved").await;
    let again = loan("app-0", "House 00").to_string();
    let start = first.step_functions().start_execution().state_machine_arn(machine).name("again").input(again);
    start.send().await.expect("it is started");
    second.until("app-0", "Waiting for valuation").await;
    must_be_right("begun again", [&first, &second]).await;

    // Data from before the desk started.
    store_long_ago(&first, 300).await;
    drop(second);
    let read_model = first.setup().data_dir().join("read-model.sqlite");
    let first = first.kill();
    std::fs::remove_file(read_model).expect("the read model is a file in the data folder");
    let first = first.start().await;
    let second = Setup::beside(&first).start().await;
    must_be_right("long ago", [&first, &second]).await;
    let figures = shown(&second).await;
    assert!(figures["Waiting now"][0] != "0" && figures["Decided today"][3] != "0", "{figures:?}");
}

#[tokio::test]
async fn an_outcome_that_is_written_late_is_counted() {
    let first = Setup::new().start().await;
    let second = Setup::beside(&first).start().await;
    for i in 0..3 {
        first.submit(&seed(&format!("app-{i}"), "No callback")).await;
        first.until(&format!("app-{i}"), "Waiting for valuation").await;
    }
    must_be_right("submitted", [&first, &second]).await;
    // Like a write by a workflow that started an hour ago.
    let an_hour_ago = written(OffsetDateTime::now_utc() - Duration::HOUR);
    let update = Client::new(&first.aws()).update_item().table_name(TABLE).key("applicationReference", text("app-1"));
    update
        .update_expression("SET #status = :status, decidedAt = :then, updatedAt = :then")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":status", text("approved"))
        .expression_attribute_values(":then", an_hour_ago)
        .send()
        .await
        .expect("it is written");
    for desk in [&first, &second] {
        eventually("it is counted", async || {
            let (shown, counted) = shown_and_counted(desk, &first).await;
            (shown == counted).then_some(())
        })
        .await;
    }
}
