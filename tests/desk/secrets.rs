//! A task token is a secret: whoever has it can answer its task. It must not leave the desk by any way but Step Functions.

use serde_json::json;

use crate::support::{Browser, Setup, Valuer, seed};

#[tokio::test]
async fn no_page_answer_or_log_line_shows_a_task_token() {
    let valuer = Valuer::open().await;
    let setup = Setup::new().with("--valuation-service-url", &valuer.url).with("--log", "trace");
    let desk = setup.start().await;
    let other_desk = Setup::beside(&desk).with("--log", "trace").start().await;
    let mut seen = Vec::new();
    let mut tokens = Vec::new();

    // One that waits for the valuer, one that waits for a person, one that a person has answered.
    for reference in ["asked", "waiting", "answered"] {
        let submitted = desk.post("/api/applications", &seed(reference, reference)).await;
        let execution = submitted.json()["executionArn"].as_str().unwrap().to_owned();
        seen.push(submitted.body);
        let request = valuer.known_to(&desk, reference).await;
        seen.push(request.body.to_string());
        if reference != "asked" {
            request.fails(&desk).await;
            desk.until(reference, "Waiting for manual valuation").await;
            seen.push(request.answer(&desk, 1).await.body);
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

    let mut paths: Vec<String> =
        ["/", "/applications", "/waiting", "/applications/new", "/api/applications", "/readyz"]
            .map(str::to_owned)
            .to_vec();
    for reference in ["asked", "waiting", "answered"] {
        let page = format!("/applications/{reference}");
        paths.extend(["RequestValuation", "ManualValuation"].map(|state| format!("{page}?tab=workflow&state={state}")));
        paths.extend([format!("{page}?tab=workflow"), format!("/api{page}"), page]);
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
    // Whoever tries tokens learns nothing from the refusals, nor does the log.
    for token in &tokens {
        let body = json!({ "valuationReference": token, "propertyValue": 1 });
        desk.post("/api/valuations", &body).await;
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
