//! Task tokens are secrets, because a token is enough to answer its task. The desk must pass them only to Step
//! Functions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Browser, Setup, Valuer, seed};

#[tokio::test]
async fn no_page_answer_or_log_line_shows_a_task_token() {
    let valuer = Valuer::open().await;
    let setup = Setup::new().with("--valuation-service-url", &valuer.url).with("--log", "trace");
    let desk = setup.start().await;
    let other_desk = Setup::beside(&desk).with("--log", "trace").start().await;
    let mut seen = Vec::new();
    let mut tokens = Vec::new();

    // One waits for the valuer, one waits for a person, and one has been answered by a person.
    for reference in ["asked", "waiting", "answered"] {
        let submitted = desk.post("/api/applications", &seed(reference, reference)).await;
        let execution = submitted.json()["executionArn"].as_str().unwrap().to_owned();
        seen.push(submitted.body);
        let request = valuer.known_to(&desk, reference).await;
        seen.push(request.body.to_string());
        if reference != "asked" {
            request.fails(&desk).await;
            desk.until(reference, "Waiting for manual valuation").await;
            // The same value as the manual valuation, which is therefore not questioned.
            seen.push(request.answer(&desk, 500_000).await.body);
        }
        tokens.extend(desk.task_tokens(&execution).await);
    }
    assert_eq!(tokens.len(), 5, "{tokens:?}");

    let mut browser = Browser::new(&desk);
    let application = browser.open("/applications/answered").await;
    let form = browser.open(&application.link("Value the property")).await;
    seen.push(browser.submit(&form, "manual-valuation", &[("value", "")]).await.html);
    let answers = [("value", "500000"), ("basis", "desktop"), ("name", "Grace Hopper")];
    seen.push(browser.submit(&form, "manual-valuation", &answers).await.html);
    seen.push(browser.submit(&form, "manual-valuation", &answers).await.html);
    desk.until("answered", "Valued").await;

    let mut paths: Vec<String> = [
        "/",
        "/applications",
        "/waiting",
        "/applications/new",
        "/workflows/loan-processing",
        "/api/applications",
        "/readyz",
    ]
    .map(str::to_owned)
    .to_vec();
    for reference in ["asked", "waiting", "answered"] {
        let page = format!("/applications/{reference}");
        paths.extend(["RequestValuation", "ManualValuation"].map(|state| format!("{page}?tab=workflow&state={state}")));
        paths.extend([format!("{page}?tab=workflow"), format!("/api{page}"), page]);
        let execution = format!("/workflows/loan-processing/executions/{reference}");
        paths.extend(["RequestValuation", "ManualValuation"].map(|state| format!("{execution}?state={state}")));
    }
    paths.push(form.path.clone());
    let mut elsewhere = Browser::new(&other_desk);
    for path in &paths {
        seen.extend([browser.open(path).await.html, elsewhere.open(path).await.html]);
    }
    let application = elsewhere.open("/applications/waiting").await;
    let form = elsewhere.open(&application.link("Value the property")).await;
    seen.push(elsewhere.submit(&form, "manual-valuation", &answers).await.html);
    desk.until("waiting", "Valued").await;
    let workflow = browser.open("/applications/answered?tab=workflow").await.html;
    assert!(workflow.contains("taskToken") && workflow.contains("••••••••"), "tokens are masked where they stood");

    for desk in [&desk, &other_desk] {
        assert!(desk.log().contains(r#""level":"TRACE""#), "the log says all that it may");
    }
    // Guessed tokens appear neither in the responses nor in the log.
    for token in &tokens {
        let body = json!({ "valuationReference": token, "propertyValue": 1 });
        let refused = desk.post("/api/valuations", &body).await;
        assert_eq!(refused.status, 401, "{}", refused.body);
        seen.push(refused.body);
        seen.push(desk.get("/api/applications/unknown").await.body);
    }
    seen.extend([desk.log(), other_desk.log()]);
    for token in &tokens {
        assert!(token.len() > 20, "a token: {token}");
        for text in &seen {
            if let Some(at) = text.find(token.as_str()) {
                let start = text.floor_char_boundary(at.saturating_sub(300));
                panic!("a token is shown: …{}", &text[start..at + token.len()]);
            }
        }
    }
}

/// The desk's workflow, preceded by custom tasks that put the token in unexpected places and fail.
fn custom_workflow() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/infra/loan-processing.asl.json");
    let mut definition: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let function = "arn:aws:lambda:eu-west-2:000000000000:function:loan-desk-manual-valuation";
    let own = [
        ("Everything", "JSONPath", json!({"everything.$": "$$"})),
        ("Job", "JSONPath", json!({"job.$": "$$.Task"})),
        ("Instead", "JSONPath", json!({"taskToken": "none", "loanApplication.$": "$$.Task.Token"})),
        ("InAList", "JSONPath", json!({"list.$": "States.Array(States.Format('token={}', $$.Task.Token))"})),
        ("Composed", "JSONata", json!("{% {'handle': $states.context.Task.Token, 'n': [$states.context.Task]} %}")),
    ];
    let first = definition["StartAt"].take();
    for (at, (name, language, payload)) in own.iter().enumerate() {
        let next = own.get(at + 1).map_or(first.clone(), |(next, ..)| json!(next));
        let input = json!({"FunctionName": function, "Payload": payload});
        let mut state = json!({
            "Type": "Task", "QueryLanguage": language, "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "TimeoutSeconds": 30, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": next}], "End": true,
        });
        if *language == "JSONPath" {
            state["Parameters"] = input;
            state["Catch"][0]["ResultPath"] = json!("$.went");
        } else {
            state["Arguments"] = input;
            state["Catch"][0]["Output"] = json!("{% $sift($states.input, function($v, $k) { $k != 'went' }) %}");
        }
        definition["States"][*name] = state;
    }
    definition["StartAt"] = json!(own[0].0);
    definition
}

#[tokio::test]
async fn no_page_shows_a_token_that_a_custom_workflow_puts_in_an_unexpected_place() {
    let folder = tempfile::tempdir().unwrap();
    let infra = concat!(env!("CARGO_MANIFEST_DIR"), "/infra");
    let mock = "mock-valuation.asl.json";
    std::fs::copy(format!("{infra}/{mock}"), folder.path().join(mock)).unwrap();
    std::fs::write(folder.path().join("loan-processing.asl.json"), custom_workflow().to_string()).unwrap();
    let setup = Setup::new().with("--workflow-dir", folder.path().display().to_string()).with("--log", "trace");
    let desk = setup.start().await;
    let submitted = desk.submit(&seed("app-ref", "Early callback")).await;
    let execution = submitted["executionArn"].as_str().unwrap();
    desk.until("app-ref", "Valued").await;

    let events = desk.history(execution).await;
    let scheduled: Vec<_> = events.iter().filter_map(|event| event.task_scheduled_event_details.as_ref()).collect();
    let tokens: BTreeSet<_> = scheduled.iter().flat_map(|details| embedded_tokens(&details.parameters)).collect();
    assert_eq!(tokens.len(), 6, "one of each own task and the valuer's: {tokens:?}");

    let mut browser = Browser::new(&desk);
    let mut seen = vec![desk.log()];
    for state in ["Everything", "Job", "Instead", "InAList", "Composed", "RequestValuation"] {
        let page = browser.open(&format!("/applications/app-ref?tab=workflow&state={state}")).await;
        assert!(page.html.contains("••••••••"), "{state}: tokens are masked where they stood");
        seen.push(page.html);
    }
    for text in &seen {
        for token in &tokens {
            if let Some(at) = text.find(token.as_str()) {
                let start = text.floor_char_boundary(at.saturating_sub(300));
                panic!("a token is shown: …{}", &text[start..at + token.len()]);
            }
        }
    }
}

/// The tokens of the embedded Step Functions in a text: 76 characters that start with a version and a small number.
fn embedded_tokens(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
    runs.filter(|run| run.len() == 76 && run.starts_with("AgAA")).map(str::to_owned).collect()
}
