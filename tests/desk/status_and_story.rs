//! The status and the story of an application are true to the history of its execution.

use aws_sdk_sfn::types::HistoryEvent;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Browser, Desk, Page, Setup, Valuer, eventually, html, seed};

/// A folder with the desk's workflows, after `change` to that of applications.
fn workflows(change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/infra");
    for name in ["loan-processing.asl.json", "mock-valuation.asl.json"] {
        std::fs::copy(format!("{own}/{name}"), folder.path().join(name)).expect("the desk's own workflow");
    }
    let path = folder.path().join("loan-processing.asl.json");
    let mut workflow: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut workflow);
    std::fs::write(&path, workflow.to_string()).unwrap();
    folder
}

fn with_workflows(folder: &TempDir) -> Setup {
    Setup::new().with("--workflow-dir", folder.path().display().to_string())
}

/// The entries of the story on a page: the text of each, and the time at which it happened.
fn story(page: &Page) -> Vec<(String, String)> {
    let entries = page.html.split("<li id=\"story-").skip(1).filter_map(|entry| entry.split("</li>").next());
    entries
        .map(|entry| {
            let text = html::words(&entry[entry.find("<p>").unwrap()..entry.find("</p>").unwrap()]);
            let tags = html::tags(entry.rsplit("<p class=\"under\">").next().unwrap());
            let at = tags.iter().find(|tag| tag.name == "time").map(|tag| tag.attribute("datetime").to_owned());
            (text, at.unwrap_or_default())
        })
        .collect()
}

/// The time of an event as pages write it.
fn time_of(event: &HistoryEvent) -> String {
    let milliseconds = (event.timestamp.as_nanos() + 500_000) / 1_000_000;
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000).unwrap();
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.format(format).unwrap()
}

/// The times of the events of this type, oldest first.
async fn times_of(desk: &Desk, execution: &str, kind: &str) -> Vec<String> {
    let events = desk.history(execution).await;
    events.iter().filter(|event| event.r#type.as_str() == kind).map(time_of).collect()
}

#[tokio::test]
async fn a_workflow_that_waits_before_the_valuation_is_in_progress_with_its_state_and_is_not_started_again() {
    let folder = workflows(|workflow| {
        workflow["States"]["CheckCredit"] = json!({ "Type": "Wait", "Seconds": 3600, "Next": "Prepare" });
        workflow["StartAt"] = json!("CheckCredit");
    });
    let desk = with_workflows(&folder).start().await;
    desk.submit(&seed("app-ref", "999")).await;
    desk.until("app-ref", "In progress").await;
    let mut browser = Browser::new(&desk);
    for path in ["/applications/app-ref", "/applications/app-ref?tab=workflow"] {
        let words = browser.open(path).await.words();
        assert!(words.contains("In progress: CheckCredit"), "{path}: {words}");
    }
    let words = browser.open("/applications/app-ref").await.words();
    assert!(words.contains("The workflow is in the state CheckCredit"), "{words}");
    assert!(!desk.log().contains("starting"), "{}", desk.log());
}

#[tokio::test]
async fn a_deadline_is_told_once_with_the_time_of_its_event_and_before_what_followed() {
    let desk = Setup::new().with("--valuation-timeout", "2s").with("--manual-valuation-timeout", "2s").start().await;
    let submitted = desk.submit(&seed("app-ref", "No callback")).await;
    desk.until("app-ref", "Needs attention").await;
    eventually("the last deadline is noticed", async || {
        (desk.log().matches("nobody answered before the deadline").count() == 2).then_some(())
    })
    .await;
    let page = Browser::new(&desk).open("/applications/app-ref").await;
    let timed_out = times_of(&desk, submitted["executionArn"].as_str().unwrap(), "TaskTimedOut").await;
    let (texts, times): (Vec<_>, Vec<_>) = story(&page).into_iter().unzip();
    assert_eq!(texts.len(), 5, "{texts:?}");
    assert!(texts[1].starts_with("Valuation requested"), "{texts:?}");
    assert_eq!(texts[2], "The valuation service did not answer in time");
    assert!(texts[3].starts_with("Manual valuation asked for"), "{texts:?}");
    assert_eq!(texts[4], "The valuation service timed out, and nobody valued the property manually in time.");
    assert_eq!([&times[2], &times[4]], [&timed_out[0], &timed_out[1]]);
    assert!(times.is_sorted(), "{times:?}");
    // The error is in the folded part.
    let error = "ValuationServiceTimedOut: The valuation service timed out";
    let folded = page.html.split("class=\"raw\"").nth(1).expect("details");
    assert!(html::words(&format!("<details {folded}")).contains(error), "{folded}");
}

#[tokio::test]
async fn a_stop_is_told_with_the_time_of_its_event_whenever_the_desk_learns_of_it() {
    let valuer = Valuer::open().await;
    let desk =
        Setup::new().with("--valuation-service-url", &valuer.url).with("--valuation-timeout", "2s").start().await;
    let submitted = desk.submit(&seed("app-ref", "999")).await;
    valuer.known_to(&desk, "999").await;
    let execution = submitted["executionArn"].as_str().unwrap();
    desk.step_functions().stop_execution().execution_arn(execution).send().await.expect("it runs");
    // The desk notices when the deadline has passed, if not before.
    let page = eventually("it is stopped", async || {
        let page = Browser::new(&desk).open("/applications/app-ref?tab=workflow").await;
        page.words().contains("Stopped").then_some(())
    });
    page.await;
    let page = Browser::new(&desk).open("/applications/app-ref").await;
    let stopped = times_of(&desk, execution, "ExecutionAborted").await.remove(0);
    let entries = story(&page);
    assert_eq!(entries.len(), 3, "{entries:?}");
    assert_eq!(entries[2], ("Its workflow was stopped by an operator.".to_owned(), stopped));
}

#[tokio::test]
async fn a_failed_execution_has_its_reason_in_words_and_its_error_one_click_deeper() {
    let folder = workflows(|workflow| {
        let is_here = json!({ "Variable": "$.applicationReference", "IsPresent": true, "Next": "NoCredit" });
        workflow["States"]["CheckCredit"] = json!({ "Type": "Choice", "Choices": [is_here], "Default": "Prepare" });
        workflow["States"]["NoCredit"] =
            json!({ "Type": "Fail", "Error": "Credit.NoSuchTable", "Cause": "at credit.js:17" });
        workflow["StartAt"] = json!("CheckCredit");
    });
    let desk = with_workflows(&folder).start().await;
    desk.submit(&seed("app-ref", "999")).await;
    let failed = desk.until("app-ref", "Needs attention").await;
    assert_eq!(failed["remark"], "The workflow failed before it reached a decision.");
    let page = Browser::new(&desk).open("/applications/app-ref").await;
    let (seen, folded) = page.html.split_once("class=\"raw\"").expect("details");
    assert!(!seen.contains("credit.js"), "{}", html::words(seen));
    assert!(html::words(&format!("<details {folded}")).contains("Credit.NoSuchTable: at credit.js:17"), "{folded}");
}

#[tokio::test]
async fn every_status_is_explained_with_the_next_step_and_an_application_can_be_copied() {
    let desk = Setup::new().with("--mock-valuer-delay", "1s").start().await;
    let mut application = seed("LN-1", "999");
    application["applicant"] = json!("Zoë O'Brien");
    application["loanAmount"] = json!("550000.50");
    application["termYears"] = json!(25);
    desk.submit(&application).await;
    desk.until("LN-1", "Referred to an underwriter").await;
    let mut browser = Browser::new(&desk);
    let page = browser.open("/applications/LN-1").await;
    assert!(page.words().contains("so an underwriter has to decide. Ask an underwriter."), "{}", page.words());

    let form = browser.open(&page.link("Copy as new application")).await;
    assert!(form.words().contains("Copied from LN-1, with a new reference"), "{}", form.words());
    let field = |name| form.field("new-application", name);
    assert_eq!(
        ["reference", "applicant", "property", "postcode", "loan_amount", "estimated_value", "term_years"].map(field),
        ["", "Zoë O'Brien", "999", "PO1 1CE", "550,000.50", "", "25"]
    );
    let copy = browser.submit(&form, "new-application", &[("loan_amount", "300000")]).await;
    assert_ne!(copy.path, "/applications/LN-1");
    let copied = desk.until(copy.path.rsplit('/').next().unwrap(), "Approved").await;
    assert_eq!(copied["applicant"], "Zoë O'Brien");

    // What cannot be copied leaves an empty form.
    for nothing in ["/applications/new?copy=LN-2", "/applications/new?copy=", "/applications/new?copy=%20%2F"] {
        let form = browser.open(nothing).await;
        assert_eq!(form.field("new-application", "postcode"), "", "{nothing}");
        assert!(!form.words().contains("Copied"), "{nothing}");
    }
    let list = browser.open("/applications").await.words();
    assert!(list.contains("What the statuses mean"), "{list}");
}

#[tokio::test]
async fn no_notice_contradicts_the_status_above_which_it_stands() {
    let desk = Setup::new().with("--mock-valuer-delay", "1s").start().await;
    let mut browser = Browser::new(&desk);
    let form = browser.open("/applications/new").await;
    let answers = [("reference", "LN-1"), ("property", "999"), ("postcode", "PO1 1CE"), ("loan_amount", "300000")];
    let page = browser.submit(&form, "new-application", &answers).await;
    // The page may stay open until the decision.
    assert!(page.words().contains("Application submitted."), "{}", page.words());
    assert!(!page.words().contains("being requested"), "{}", page.words());
}
