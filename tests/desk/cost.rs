//! What an application costs in writes to DynamoDB.

use crate::support::{Setup, Valuer, seed};

/// Items that calls in a log have written to tables.
fn items_written(log: &str) -> usize {
    let writes = log.lines().filter(|line| line.contains(" call operation=") && line.contains(" status=200 "));
    writes
        .filter_map(|line| line.split(' ').find_map(|field| field.strip_prefix("items=")?.parse::<usize>().ok()))
        .sum()
}

#[tokio::test]
async fn an_application_takes_nine_written_items_from_submission_to_decision() {
    const APPLICATIONS: usize = 5;
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
