//! The CSV export of the list of applications.

use serde_json::json;

use crate::support::{Setup, seed};

#[tokio::test]
async fn the_file_contains_all_applications_that_match_the_filter() {
    let desk = Setup::new().start().await;
    let mut submitted = Vec::new();
    for i in 0..53 {
        let reference = format!("listed-{i}");
        desk.submit(&seed(&reference, "No callback")).await;
        submitted.insert(0, reference);
    }
    let mut odd = seed("odd", "=HYPERLINK(\"x\"), 1");
    odd["applicant"] = json!("Zoë");
    odd["loanAmount"] = json!("250000");
    desk.submit(&odd).await;
    desk.until("odd", "Approved").await;

    let answer = desk.get("/applications.csv?q=listed").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert!(
        answer.headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"applications-")
    );
    assert!(answer.body.starts_with("\u{feff}Reference,Applicant,Property,Postcode,"), "{}", answer.body);
    let references: Vec<_> = answer.body.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(references, submitted);

    let approved = desk.get("/applications.csv?status=approved&sort=amount").await.body;
    let lines: Vec<_> = approved.split("\r\n").collect();
    let odd = r#"odd,Zoë,"'=HYPERLINK(""x""), 1",PO1 1CE,250000.00,,,Approved,,,,,666000.00,"#;
    assert!(lines.len() == 3 && lines[1].starts_with(odd) && lines[2].is_empty(), "{approved}");
    // The facts of the decision: by whom, the loan-to-value and the limits of that day.
    assert!(lines[1].contains(",Valuation service,,,,37.54,75.00,90.00,20"), "{approved}");
    let none = desk.get("/applications.csv?q=there-is-no-such-thing").await.body;
    assert_eq!(none.lines().count(), 1, "{none}");
    let today = app::domain::iso_day(app::domain::uk_today());
    let decided = desk.get(&format!("/applications.csv?decided_from={today}&decided_to={today}")).await.body;
    assert_eq!(decided.lines().count(), 2, "{decided}");
    let earlier = desk.get("/applications.csv?submitted_to=2026-01-01").await.body;
    assert_eq!(earlier.lines().count(), 1, "{earlier}");
}
