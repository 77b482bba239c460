//! Submitting applications: by the API, by a form without script, and directly in Step Functions.

use aws_sdk_sfn::types::ExecutionStatus;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Browser, Desk, Setup, Valuer, kinds, seed};

/// The events of an application without a loan amount, in the order of AWS.
const VALUED: [&str; 19] = [
    "ExecutionStarted",
    // Prepare
    "PassStateEntered",
    "PassStateExited",
    // RequestValuation
    "TaskStateEntered",
    "TaskScheduled",
    "TaskStarted",
    "TaskSubmitted",
    "TaskSucceeded",
    "TaskStateExited",
    // WasAnAmountAskedFor
    "ChoiceStateEntered",
    "ChoiceStateExited",
    // RecordValuation
    "TaskStateEntered",
    "TaskScheduled",
    "TaskStarted",
    "TaskSucceeded",
    "TaskStateExited",
    // Valued
    "SucceedStateEntered",
    "SucceedStateExited",
    "ExecutionSucceeded",
];

/// Asserts that the application has completed its workflow, in Step Functions, in the API and on the pages.
async fn assert_valued(desk: &Desk, reference: &str) {
    let application = desk.until(reference, "Valued").await;
    let execution = application["executionArn"].as_str().expect("an execution");
    let ended = desk.ended(execution).await;
    assert_eq!(ended.status, ExecutionStatus::Succeeded);
    let output: Value = serde_json::from_str(&ended.output.expect("an output")).expect("JSON");
    assert_eq!(output["propertyValue"], 666_000);
    assert_eq!(output.as_object().map(|output| output.len()), Some(2), "{output}");
    assert!(output["valuationReference"].as_str().is_some_and(|reference| !reference.is_empty()), "{output}");

    let events = desk.history(execution).await;
    assert_eq!(kinds(&events), VALUED);
    let ids: Vec<_> = events.iter().map(|event| (event.id, event.previous_event_id)).collect();
    let chained: Vec<_> = (1..=19).map(|id| (id, if id <= 2 { 0 } else { id - 1 })).collect();
    assert_eq!(ids, chained);

    assert_eq!(application["valuation"], output);
    assert_eq!(application["property"], json!({"nameOrNumber": "999", "postcode": "PO1 1CE"}));
    assert_eq!(application["decision"], Value::Null);
    assert!(desk.references().await.contains(&reference.to_owned()));
    let page = Browser::new(desk).open(&format!("/applications/{reference}")).await.words();
    assert!(page.contains("The valuation service valued the property at £666,000"), "{page}");
}

#[tokio::test]
async fn an_application_submitted_by_the_api_ends_with_its_valuation() {
    let desk = Setup::new().start().await;
    let answer = desk.post("/api/applications", &seed("app-ref", "999")).await;
    assert_eq!((answer.status, answer.header("location")), (201, "/api/applications/app-ref"));
    assert_eq!(
        answer.json()["executionArn"],
        "arn:aws:states:eu-west-2:000000000000:execution:loan-processing:app-ref"
    );
    assert_valued(&desk, "app-ref").await;
}

#[tokio::test]
async fn an_application_submitted_by_the_form_without_script_ends_with_its_valuation() {
    let desk = Setup::new().start().await;
    let mut browser = Browser::new(&desk);
    let form = browser.open("/applications/new").await;
    let answers = [("reference", "app-ref"), ("property", "999"), ("postcode", " po11ce ")];
    let page = browser.submit(&form, "new-application", &answers).await;
    assert_eq!((page.path.as_str(), page.status), ("/applications/app-ref", 200));
    assert!(page.words().contains("Application submitted."), "{}", page.words());
    assert_valued(&desk, "app-ref").await;
}

#[tokio::test]
async fn an_application_started_in_step_functions_ends_with_its_valuation() {
    let desk = Setup::new().start().await;
    let execution = desk.start_execution("from-the-console", &seed("app-ref", "999")).await;
    let waiting = desk.until("app-ref", "Waiting for valuation").await;
    assert_eq!(waiting["executionArn"], execution.as_str());
    assert_valued(&desk, "app-ref").await;
}

#[tokio::test]
async fn an_execution_with_invalid_input_fails_with_the_reason() {
    let desk = Setup::new().start().await;
    let mut input = seed("app-ref", "999");
    input["property"]["postcode"] = json!("nowhere");
    let execution = desk.start_execution("wrong", &input).await;
    let ended = desk.ended(&execution).await;
    assert_eq!((ended.status, ended.error.as_deref()), (ExecutionStatus::Failed, Some("InvalidApplication")));
    let cause = ended.cause.unwrap_or_default();
    assert!(cause.contains("loanApplication.property.postcode: enter a full UK postcode, like PO1 1CE"), "{cause}");
}

#[tokio::test]
async fn resubmitting_an_application_is_idempotent_and_another_one_with_its_reference_is_refused() {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    let first = desk.submit(&seed("app-ref", "999")).await;
    let again = desk.post("/api/applications", &seed("app-ref", "999")).await;
    assert_eq!((again.status, again.header("location")), (200, "/api/applications/app-ref"));
    assert_eq!(again.json()["submittedAt"], first["submittedAt"]);

    let other = desk.post("/api/applications", &seed("app-ref", "1000")).await;
    let (status, kind, detail) = other.problem();
    assert_eq!((status, kind.as_str()), (409, "reference-taken"));
    assert!(detail.contains("app-ref already exists") && detail.contains("Submit under another reference"), "{detail}");
    assert_eq!(desk.application("app-ref").await["property"]["nameOrNumber"], "999");

    let mut browser = Browser::new(&desk);
    let form = browser.open("/applications/new").await;
    let answers = [("reference", "app-ref"), ("property", "1000"), ("postcode", "PO1 1CE")];
    let refused = browser.submit(&form, "new-application", &answers).await;
    assert_eq!(refused.path, "/applications/new");
    assert!(refused.words().contains("app-ref already exists with different details"), "{}", refused.words());
    assert_eq!(refused.field("new-application", "property"), "1000");

    valuer.asked_for("999").await;
    assert_eq!(desk.references().await, ["app-ref"]);
    assert_eq!(valuer.requests().len(), 1);
}

#[tokio::test]
async fn only_one_of_many_concurrent_submissions_starts_the_application() {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    let application = seed("app-ref", "999");
    let answers = join_all((0..10).map(|_| desk.post("/api/applications", &application))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 9].as_slice(), &[201]].concat());
    valuer.known_to(&desk, "999").await.answer(&desk, 1).await;
    desk.until("app-ref", "Valued").await;
    assert_eq!(valuer.requests().len(), 1);
}

#[tokio::test]
async fn an_invalid_application_is_refused_with_the_reason_and_not_stored() {
    let desk = Setup::new().start().await;
    let with = |pointer: &str, value: Value| {
        let mut application = seed("app-ref", "999");
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        application.pointer_mut(parent).expect("its parent")[name] = value;
        application
    };
    for (application, field, wrong) in [
        (json!({"applicationReference": "app-ref"}), "property", "this field is required"),
        (with("/applicationReference", json!("app ref")), "applicationReference", "1 to 80 letters, digits, hyphens"),
        (with("/property/postcode", json!("PO1")), "property/postcode", "enter a full UK postcode, like PO1 1CE"),
        (with("/property/nameOrNumber", json!(" ")), "property/nameOrNumber", "enter the property's name or number"),
        (with("/loanAmout", json!("1")), "loanAmout", "unknown field `loanAmout`"),
        (with("/loanAmount", json!("a lot")), "loanAmount", "expected an amount of pounds"),
        (with("/loanAmount", json!("0")), "loanAmount", "an amount above £0"),
        (with("/termYears", json!(41)), "termYears", "1 to 40 years"),
        (with("/termYears", json!(300)), "termYears", "1 to 40 years"),
        (with("/applicant", json!(" ")), "applicant", "leave it out, or enter a name"),
    ] {
        let answer = desk.post("/api/applications", &application).await;
        let (status, kind, detail) = answer.problem();
        assert_eq!((status, kind.as_str()), (422, "invalid"), "{application}");
        assert!(detail.contains(wrong) && detail.contains(&field.replace('/', ".")), "{application}: {detail}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors[0]["pointer"], format!("#/{field}"), "{application}");
        assert_eq!(errors[1], json!(null), "{application}");
    }
    let (status, kind, detail) = desk.post("/api/applications", &json!([])).await.problem();
    assert_eq!((status, kind.as_str()), (422, "invalid"));
    assert!(detail.contains("The body must be a JSON object"), "{detail}");
    let wrong_twice = json!({"property": {"nameOrNumber": "999", "postcode": "PO1"}, "termYears": 0});
    let errors = desk.post("/api/applications", &wrong_twice).await.json()["errors"].clone();
    assert_eq!((&errors[0]["pointer"], &errors[1]["pointer"]), (&json!("#/property/postcode"), &json!("#/termYears")));
    let post = |kind: &'static str, body: &'static str| {
        desk.send(desk.request(Method::POST, "/api/applications").header("content-type", kind).body(body))
    };
    let (status, kind, detail) = post("application/json", "{").await.problem();
    assert_eq!((status, kind.as_str()), (400, "not-json"));
    assert!(detail.contains("The body is not JSON"), "{detail}");
    let (status, kind, detail) = post("text/plain", "app-ref").await.problem();
    assert_eq!((status, kind.as_str()), (415, "not-json"));
    assert!(detail.contains("application/json"), "{detail}");
    assert_eq!(desk.references().await, [""; 0]);
}

#[tokio::test]
async fn amounts_as_numbers_and_as_decimal_strings_are_pounds() {
    let desk = Setup::new().start().await;
    let with = |reference: &str, amount: Value| {
        let mut application = seed(reference, "No callback");
        application["loanAmount"] = amount;
        application
    };
    let typed = [json!("£250,000.50"), json!("250 000")];
    for amount in [json!(-1), json!(-250_000.5), json!(true), json!([250_000])].into_iter().chain(typed) {
        let (status, kind, detail) = desk.post("/api/applications", &with("wrong", amount.clone())).await.problem();
        assert_eq!((status, kind.as_str()), (422, "invalid"), "{amount}");
        assert!(detail.contains("loanAmount") && detail.contains("expected an amount of pounds"), "{amount}: {detail}");
    }
    for (amount, wrong) in [(json!(0), "above £0"), (json!(0.005), "at most two digits"), (json!(1e12), "below £1,0")]
    {
        let (status, _, detail) = desk.post("/api/applications", &with("wrong", amount.clone())).await.problem();
        assert_eq!(status, 422, "{amount}");
        assert!(detail.contains("loanAmount") && detail.contains(wrong), "{amount}: {detail}");
    }
    for (reference, amount) in [("decimal", json!("250000.50")), ("number", json!(250_000.5))] {
        assert_eq!(desk.submit(&with(reference, amount)).await["loanAmount"], "250000.50", "{reference}");
    }
    let same = desk.post("/api/applications", &with("number", json!("250000.50"))).await;
    assert_eq!(same.status, 200, "the same amount, written otherwise");
    assert_eq!(desk.submit(&with("whole", json!(250_000))).await["loanAmount"], "250000.00");
}

#[tokio::test]
async fn loan_to_value_decides_if_there_is_a_loan_amount() {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    for (reference, amount, to_value, status, decision) in [
        ("at-the-limit", json!("375000"), 75.0, "Approved", "approved"),
        ("a-penny-above-it", json!("375000.01"), 75.01, "Referred to an underwriter", "referred"),
        ("above-it", json!("375050.00"), 75.01, "Referred to an underwriter", "referred"),
        ("at-the-second", json!(450_000), 90.0, "Referred to an underwriter", "referred"),
        ("above-both", json!(450_050), 90.01, "Declined", "declined"),
    ] {
        let mut application = seed(reference, reference);
        application["loanAmount"] = amount;
        desk.start_execution(reference, &application).await;
        assert_eq!(valuer.known_to(&desk, reference).await.answer(&desk, 500_000).await.status, 200);
        let decided = desk.until(reference, status).await;
        assert_eq!(decided["loanToValue"], to_value, "{reference}");
        assert_eq!(decided["decision"], decision, "{reference}");
        let ended = desk.ended(decided["executionArn"].as_str().unwrap()).await;
        let output: Value = serde_json::from_str(&ended.output.expect("an output")).expect("JSON");
        assert_eq!(output["decision"], decision, "{reference}");
        assert_eq!(output["valuation"]["propertyValue"], 500_000, "{reference}");
    }
}

#[tokio::test]
async fn an_invalid_form_is_shown_again_as_typed_with_all_its_errors() {
    let desk = Setup::new().start().await;
    let mut browser = Browser::new(&desk);
    let form = browser.open("/applications/new").await;
    let typed = [
        ("reference", "not a reference"),
        ("applicant", "Ada <Byron> & \"Sons\""),
        ("property", ""),
        ("postcode", "PO1"),
        ("loan_amount", "a lot"),
        ("term_years", "41"),
    ];
    let page = browser.submit(&form, "new-application", &typed).await;
    assert_eq!(page.path, "/applications/new");
    for wrong in [
        "A reference has 1 to 80 letters, digits, hyphens or underscores, like LN-2041",
        "Enter the property's name or number",
        "Enter a full UK postcode, like PO1 1CE",
        "Enter an amount in pounds, like 250000 or 250,000.00",
        "Enter the term in whole years, from 1 to 40",
    ] {
        assert!(page.words().contains(wrong), "{wrong}: {}", page.words());
    }
    for (field, answer) in typed {
        assert_eq!(page.field("new-application", field), answer);
    }
    assert_eq!(desk.references().await, [""; 0]);
}

#[tokio::test]
async fn cross_site_requests_are_refused() {
    let desk = Setup::new().start().await;
    let form = [("reference", "app-ref"), ("property", "999"), ("postcode", "PO1 1CE")];
    let request = desk.request(Method::POST, "/desk/submit-application").form(&form);
    let refused = desk.send(request.header("origin", "https://elsewhere.example")).await;
    assert_eq!(refused.status, 403);
    let request = desk.request(Method::POST, "/api/applications").json(&seed("app-ref", "999"));
    let refused = desk.send(request.header("origin", "https://elsewhere.example")).await;
    let (status, kind, _) = refused.problem();
    assert_eq!((status, kind.as_str()), (403, "cross-site"));
    assert_eq!(desk.references().await, [""; 0]);
}
