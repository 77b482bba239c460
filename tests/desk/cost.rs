//! What an application costs in writes to DynamoDB.

use serde_json::Value;

use crate::support::{Setup, Valuer, seed};

/// Items that the calls in a log have written to tables.
fn items_written(log: &str) -> u64 {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let calls = lines.filter(|line| line["target"] == "loan_desk::calls" && line["fields"]["status"] == 200);
    calls.filter_map(|call| call["fields"]["items"].as_u64()).sum()
}

#[tokio::test]
async fn an_application_takes_nine_written_items_from_submission_to_decision() {
    const APPLICATIONS: u64 = 5;
    let valuer = Valuer::open().await;
    let desk = Setup::new()
        .with("--valuation-service-url", &valuer.url)
        .with("--log", "info,loan_desk::calls=trace")
        .start()
        .await;
    let before = items_written(&desk.log());
    for number in 0..APPLICATIONS {
        let reference = format!("LN-{number}");
        let mut application = seed(&reference, &number.to_string());
        application["loanAmount"] = "100000".into();
        desk.submit(&application).await;
        let answer = valuer.known_to(&desk, &number.to_string()).await.answer(&desk, 666_000).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        desk.until(&reference, "Approved").await;
    }
    let written = items_written(&desk.log()) - before;
    // The desk also renews its lease now and then.
    assert!((9 * APPLICATIONS..10 * APPLICATIONS).contains(&written), "{written}");
}
