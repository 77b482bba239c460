//! The webhook for the valuation service: each kind of callback has its own response, and every callback is kept.

use aws_sdk_sfn::types::ExecutionStatus;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{BUSY, Browser, Desk, SAME_REFERENCE, Setup, Valuer, kinds, seed};

async fn desk_and_valuer(setup: Setup) -> (Desk, Valuer) {
    let valuer = Valuer::open().await;
    let desk = setup.with("--valuation-service-url", &valuer.url).start().await;
    (desk, valuer)
}

fn response(reference: &str, pounds: u32) -> Value {
    json!({ "valuationReference": reference, "propertyValue": pounds })
}

/// The body of the only stored callback with an outcome.
async fn kept_as(desk: &Desk, outcome: &str) -> String {
    let kept = desk.kept_callbacks().await;
    let mut bodies = kept.iter().filter(|(kept_as, _)| kept_as == outcome).map(|(_, body)| body);
    let body = bodies.next().unwrap_or_else(|| panic!("none kept as {outcome}: {kept:?}"));
    assert_eq!(bodies.next(), None, "more than one kept as {outcome}");
    body.clone()
}

#[tokio::test]
async fn the_valuer_receives_only_the_property_and_the_callback_url() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.asked_for("999").await;
    assert_eq!(request.body["property"], json!({"nameOrNumber": "999", "postcode": "PO1 1CE"}));
    let callback_url = request.body["callbackUrl"].as_str().expect("a callback URL");
    assert!(callback_url.starts_with(&format!("{}/api/valuations?request=", desk.url)), "{callback_url}");
    assert_eq!(request.body.as_object().map(|body| body.len()), Some(2), "{}", request.body);
}

#[tokio::test]
async fn a_callback_at_the_signed_address_resumes_its_execution() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    let submitted = desk.submit(&seed("signed", "signed")).await;
    let request = valuer.known_to(&desk, "signed").await;
    let answer = desk.post(request.callback_path(), &response(&request.reference, 250_000)).await;
    assert_eq!((answer.status, &answer.json()["outcome"]), (200, &json!("accepted")));
    let ended = desk.ended(submitted["executionArn"].as_str().unwrap()).await;
    assert_eq!(ended.status, ExecutionStatus::Succeeded);
    let output: Value = serde_json::from_str(&ended.output.unwrap()).unwrap();
    assert_eq!(output, response(&request.reference, 250_000));
}

#[tokio::test]
async fn a_value_that_the_workflow_cannot_calculate_with_is_refused_and_the_application_keeps_waiting() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    let mut application = seed("app-ref", "999");
    application["loanAmount"] = json!("250000");
    desk.submit(&application).await;
    let request = valuer.known_to(&desk, "999").await;
    for typed in ["£666,000", "666 000", "0666000"] {
        let body = json!({ "valuationReference": request.reference, "propertyValue": typed });
        let (status, kind, _) = desk.post(request.callback_path(), &body).await.problem();
        assert_eq!((status, kind.as_str()), (422, "malformed-callback"), "{typed}");
    }
    let body = json!({ "valuationReference": request.reference, "propertyValue": "666000.00" });
    assert_eq!(desk.post(request.callback_path(), &body).await.status, 200);
    assert_eq!(desk.until("app-ref", "Approved").await["loanToValue"], 37.54);
}

#[tokio::test]
async fn a_repeated_answer_is_a_duplicate_and_a_different_one_conflicts_and_both_are_kept() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    let taken = desk.post(request.callback_path(), &response(&request.reference, 250_000)).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    desk.until("app-ref", "Valued").await;

    let again = desk.post(request.callback_path(), &response(&request.reference, 250_000)).await;
    let (status, kind, detail) = again.problem();
    assert_eq!((status, kind.as_str()), (409, "duplicate-callback"));
    assert!(detail.contains("kept, not used"), "{detail}");
    let other = desk.post(request.callback_path(), &response(&request.reference, 300_000)).await;
    let (status, kind, _) = other.problem();
    assert_eq!((status, kind.as_str()), (409, "conflicting-callback"));

    assert_eq!(kept_as(&desk, "duplicate").await, response(&request.reference, 250_000).to_string());
    assert_eq!(kept_as(&desk, "conflicting").await, response(&request.reference, 300_000).to_string());
    let page = Browser::new(&desk).open("/applications/app-ref").await.words();
    for expected in ["The same answer of £250,000 arrived again", "Another answer of £300,000 arrived: kept, not used"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert_eq!(desk.application("app-ref").await["valuation"]["propertyValue"], 250_000);
}

#[tokio::test]
async fn a_callback_after_the_deadline_is_kept_as_late_and_a_person_is_still_asked() {
    let (desk, valuer) = desk_and_valuer(Setup::new().with("--valuation-timeout", "1s")).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.asked_for("999").await;
    desk.until("app-ref", "Waiting for manual valuation").await;
    let (status, kind, detail) =
        desk.post(request.callback_path(), &response(&request.reference, 250_000)).await.problem();
    assert_eq!((status, kind.as_str()), (409, "late-callback"));
    assert!(detail.contains("Task Timed Out: 'Provided task does not exist anymore'"), "{detail}");
    assert_eq!(kept_as(&desk, "late").await, response(&request.reference, 250_000).to_string());
    let page = Browser::new(&desk).open("/applications/app-ref").await.words();
    assert!(page.contains("A late answer of £250,000 arrived"), "{page}");
    assert_eq!(desk.application("app-ref").await["status"], "Waiting for manual valuation");
}

#[tokio::test]
async fn an_unknown_reference_is_not_found_and_kept() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    let (status, kind, detail) = desk.post(request.callback_path(), &response("nobody-knows", 1)).await.problem();
    assert_eq!((status, kind.as_str()), (404, "unknown-valuation-reference"));
    assert!(detail.contains("Unknown valuation reference"), "{detail}");
    assert_eq!(kept_as(&desk, "unknown").await, response("nobody-knows", 1).to_string());
    let page = Browser::new(&desk).open("/applications/app-ref").await.words();
    assert!(page.contains("An answer with an unknown valuation reference arrived: kept, not used"), "{page}");
    assert_eq!(desk.application("app-ref").await["status"], "Waiting for valuation");
}

#[tokio::test]
async fn a_callback_at_an_address_with_a_wrong_signature_is_unauthorized_and_kept() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    for forged in ["/api/valuations?request=abc.def", &format!("{}x", request.callback_path())] {
        let (status, kind, detail) = desk.post(forged, &response(&request.reference, 1)).await.problem();
        assert_eq!((status, kind.as_str()), (401, "forged-callback-url"), "{forged}");
        assert!(detail.contains("Call back at exactly the callbackUrl"), "{detail}");
    }
    assert_eq!(desk.kept_callbacks().await.iter().filter(|(outcome, _)| outcome == "refused").count(), 2);
    assert_eq!(desk.application("app-ref").await["status"], "Waiting for valuation");
}

#[tokio::test]
async fn a_callback_is_kept_even_if_its_address_names_the_request_twice() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    let twice = format!("{}&request=another", request.callback_path());
    let (status, kind, _) = desk.post(&twice, &response(&request.reference, 1)).await.problem();
    assert_eq!((status, kind.as_str()), (401, "forged-callback-url"));
    assert_eq!(kept_as(&desk, "refused").await, response(&request.reference, 1).to_string());
    let (path, parameter) = request.callback_path().split_once('?').unwrap();
    let same = desk.post(&format!("{path}?{parameter}&{parameter}"), &response(&request.reference, 250_000)).await;
    assert_eq!(same.status, 200, "{}", same.body);
}

#[tokio::test]
async fn malformed_callbacks_are_refused_with_a_reason_and_kept_and_a_valid_one_is_still_used() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    let large = format!("{{\"valuationReference\": \"{}\"}}", "x".repeat(20_000));
    let reference = &request.reference;
    let cases = [
        ("application/json", "{".to_owned(), 400, "not JSON"),
        ("application/json", "[]".to_owned(), 422, "not a JSON object"),
        ("application/json", r#"{"propertyValue": 1}"#.to_owned(), 422, "valuationReference must be text"),
        ("application/json", format!(r#"{{"valuationReference": "{reference}"}}"#), 422, "propertyValue must be"),
        (
            "application/json",
            format!(r#"{{"valuationReference": "{reference}", "propertyValue": -1}}"#),
            422,
            "above 0",
        ),
        (
            "application/json",
            format!(r#"{{"valuationReference": "{reference}", "propertyValue": 1, "failed": "no"}}"#),
            422,
            "failed must be true or false",
        ),
        ("text/plain", response(reference, 1).to_string(), 415, "application/json"),
        ("application/json", large, 413, "larger than 16384 bytes"),
    ];
    for (kind, body, expected, wrong) in &cases {
        let post = desk.request(Method::POST, request.callback_path()).header("content-type", *kind);
        let (status, problem, detail) = desk.send(post.body(body.clone())).await.problem();
        assert_eq!((status, problem.as_str()), (*expected, "malformed-callback"), "{body:.80}");
        assert!(detail.contains(wrong) && detail.contains("The callback was kept"), "{body:.80}: {detail}");
    }
    let kept = desk.kept_callbacks().await;
    for (_, body, ..) in &cases {
        let start = &body[..body.len().min(16 * 1024)];
        assert!(kept.iter().any(|(outcome, kept)| outcome == "malformed" && kept == start), "{body:.80} was not kept");
    }
    desk.post(request.callback_path(), &response(reference, 250_000)).await;
    desk.until("app-ref", "Valued").await;
}

#[tokio::test]
async fn only_one_of_many_concurrent_callbacks_is_used() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    let submitted = desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    let answers = join_all((1..=10).map(|pounds| request.answer(&desk, pounds))).await;
    desk.until("app-ref", "Valued").await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[200].as_slice(), &[409; 9]].concat());
    let outcomes: Vec<_> = desk.kept_callbacks().await.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "accepted").count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "conflicting").count(), 9, "{outcomes:?}");
    let events = desk.history(submitted["executionArn"].as_str().unwrap()).await;
    assert_eq!(kinds(&events).iter().filter(|kind| **kind == "ExecutionSucceeded").count(), 1);
}

#[tokio::test]
async fn a_reference_that_the_valuer_issues_twice_is_refused_for_the_second_request() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("first", "999")).await;
    let first = valuer.known_to(&desk, "999").await;
    let second = desk.submit(&seed("second", SAME_REFERENCE)).await;
    desk.until("second", "Waiting for manual valuation").await;
    let events = desk.history(second["executionArn"].as_str().unwrap()).await;
    let failed = events.iter().find_map(|event| event.task_failed_event_details.as_ref()).expect("a task that failed");
    assert_eq!(failed.error.as_deref(), Some("ValuationServiceRefused"));
    let cause = failed.cause.as_deref().unwrap_or_default();
    assert!(cause.contains("a valuationReference that belongs to another request"), "{cause}");

    assert_eq!(first.answer(&desk, 250_000).await.status, 200);
    assert_eq!(desk.until("first", "Valued").await["valuation"]["propertyValue"], 250_000);
    assert_eq!(desk.application("second").await["status"], "Waiting for manual valuation");
}

#[tokio::test]
async fn a_retry_sends_the_same_idempotency_key_and_callback_url() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("app-ref", BUSY)).await;
    desk.submit(&seed("other", "999")).await;
    let request = valuer.known_to(&desk, BUSY).await;
    assert_eq!(request.answer(&desk, 250_000).await.status, 200);
    desk.until("app-ref", "Valued").await;
    let (tries, others): (Vec<_>, Vec<_>) =
        valuer.requests().into_iter().partition(|request| request.body["property"]["nameOrNumber"] == BUSY);
    assert_eq!(tries.len(), 2);
    assert!(tries[0].idempotency_key.is_some());
    assert_eq!(tries[0].idempotency_key, tries[1].idempotency_key);
    assert_eq!(tries[0].body, tries[1].body);
    assert_ne!(tries[0].idempotency_key, others[0].idempotency_key);
    let page = Browser::new(&desk).open("/applications/app-ref").await.words();
    assert!(page.contains("Valuation requested after a failed attempt, reference"), "{page}");
}
