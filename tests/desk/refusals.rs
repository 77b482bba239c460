//! Refused and failed requests: browsers get a page in the desk's layout, API clients get problem+json.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Browser, Desk, Setup, eventually, html, seed};

const FORM: &str = "/desk/submit-application";

/// Sends a form like a browser would from the form's page.
async fn send(desk: &Desk, cookie: &str, body: String) -> Answer {
    let request = desk.request(Method::POST, FORM).header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("accept", "text/html").header("referer", format!("{}/applications/new", desk.url));
    let request = request.header("origin", &desk.url).header("sec-fetch-site", "same-origin");
    desk.send(request.header("cookie", cookie).body(body)).await
}

/// The text of a page, after checking that it has the desk's layout.
fn page(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{}", answer.body);
    assert_eq!(answer.header("location"), "");
    assert!(answer.header("content-security-policy").contains("'nonce-"));
    assert!(answer.body.contains("/pkg/loan-desk.css") && answer.body.contains(r#"class="rail""#), "{}", answer.body);
    html::words(&answer.body)
}

#[tokio::test]
async fn a_form_that_may_not_have_been_recorded_gets_a_page_that_says_so_and_what_to_do() {
    let first = Setup::new().start().await;
    let second = Setup::beside(&first).start().await;
    let wrong = "reference=app-ref&property=&postcode=PO1";
    let known = send(&second, "", wrong.to_owned()).await;
    assert_eq!(known.status, 303);
    let cookie = known.header("set-cookie").split(';').next().unwrap().to_owned();
    let gone = first.kill();
    // A new session cannot be written, and an existing one cannot be read.
    for cookie in ["", &cookie] {
        for form in [wrong, "reference=app-ref&property=999&postcode=PO1+1CE"] {
            let answer = send(&second, cookie, form.to_owned()).await;
            assert!(answer.status >= 500, "{}", answer.status);
            let words = page(&answer);
            assert!(words.contains("The desk could not answer"), "{words}");
            assert!(words.contains("what you sent may not have been recorded"), "{words}");
            assert!(
                words.contains("Send it again in a moment. If it was recorded after all, it is not recorded twice."),
                "{words}"
            );
        }
    }
    // Sending the form again works, as the page says.
    let first = gone.start().await;
    for _ in 0..2 {
        let sent = send(&second, &cookie, "reference=app-ref&property=999&postcode=PO1+1CE".to_owned()).await;
        assert_eq!((sent.status, sent.header("location")), (303, "/applications/app-ref"), "{}", sent.body);
    }
    assert_eq!(first.references().await, ["app-ref"]);
}

#[tokio::test]
async fn an_unreachable_session_store_is_logged_once() {
    let first = Setup::new().start().await;
    let second = Setup::beside(&first).with("--log", "info").start().await;
    let wrong = "reference=app-ref&property=&postcode=PO1";
    drop(first);
    let before = second.log().lines().count();
    assert!(send(&second, "", wrong.to_owned()).await.status >= 500);
    let log = second.log();
    let errors: Vec<_> = log.lines().skip(before).filter(|line| line.contains("session")).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(!log.contains("answered"), "{log}");
}

#[tokio::test]
async fn a_form_that_is_too_large_or_malformed_is_refused_with_a_page() {
    let desk = Setup::new().start().await;
    let large = format!("reference=app-ref&property={}&postcode=PO1+1CE", "x".repeat(300_000));
    let answer = send(&desk, "", large).await;
    assert_eq!(answer.status, 413);
    assert!(page(&answer).contains("The desk did not accept it. Shorten it"), "{}", page(&answer));

    let answer = send(&desk, "", "reference=a&reference=b&property=999&postcode=PO1+1CE".to_owned()).await;
    assert_eq!(answer.status, 400);
    assert!(page(&answer).contains("The desk could not accept this"), "{}", page(&answer));
    let answer = desk.send(desk.request(Method::DELETE, "/waiting")).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET,HEAD"));
    page(&answer);
}

#[tokio::test]
async fn a_form_sent_by_another_site_is_refused_with_an_explanation() {
    let desk = Setup::new().start().await;
    let request = desk.request(Method::POST, FORM).header("sec-fetch-site", "cross-site").body("reference=a");
    let answer = desk.send(request).await;
    assert_eq!(answer.status, 403);
    assert!(page(&answer).contains("A page of another site sent it"), "{}", page(&answer));
}

#[tokio::test]
async fn a_desk_answers_only_to_its_own_host_names_but_accepts_callbacks_at_any() {
    let desk = Setup::new().with("--public-url", "http://desk.example").start().await;
    desk.submit(&seed("app-ref", "No callback")).await;
    for own in ["desk.example", "localhost:3000", "127.0.0.1"] {
        let answer = desk.send(desk.request(Method::GET, "/api/applications").header("host", own)).await;
        assert_eq!(answer.status, 200, "{own}");
    }
    let rebound = |method, path| desk.request(method, path).header("host", "evil.example");
    let answer = desk.send(rebound(Method::GET, "/applications")).await;
    assert_eq!(answer.status, 421);
    let words = page(&answer);
    assert!(words.contains("The desk does not use this address") && !words.contains("app-ref"), "{words}");
    for path in ["/api/applications", "/api/applications/app-ref", "/events"] {
        let (status, kind, detail) = desk.send(rebound(Method::GET, path)).await.problem();
        assert_eq!((status, kind.as_str()), (421, "unknown-name"), "{path}");
        assert!(detail.contains("--public-url"), "{detail}");
    }
    // On a busy machine, the check behind it may be slow.
    eventually("ready under any name", async || {
        (desk.send(rebound(Method::GET, "/readyz")).await.status == 200).then_some(())
    })
    .await;
    let callback = json!({"valuationReference": "nobody-knows", "propertyValue": 1});
    assert_eq!(desk.send(rebound(Method::POST, "/api/valuations").json(&callback)).await.status, 401);
    assert_eq!(desk.kept_callbacks().await.len(), 1);
}

#[tokio::test]
async fn the_mock_valuer_calls_only_the_desk() {
    let desk = Setup::new().start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let elsewhere = format!("http://{}/api/valuations", listener.local_addr().expect("an address"));
    let property = json!({"nameOrNumber": "Early callback", "postcode": "PO1 1CE"});
    let ask = |callback: &str| json!({"property": property, "callbackUrl": callback});
    let path = "/mock-valuer/valuation-requests";
    let (status, kind, detail) = desk.post(path, &ask(&elsewhere)).await.problem();
    assert_eq!((status, kind.as_str()), (422, "callback-url"));
    assert!(detail.contains(&format!("begins with {}/api/valuations", desk.url)), "{detail}");
    assert_eq!(desk.post(path, &ask(&format!("{}/api/valuations", desk.url))).await.status, 201);
    assert_eq!(desk.kept_callbacks().await.len(), 1);
}

#[tokio::test]
async fn an_api_client_learns_which_part_of_its_request_is_invalid() {
    let desk = Setup::new().start().await;
    let (status, kind, detail) = desk.get("/api/applications?search=a&search=b").await.problem();
    assert_eq!((status, kind.as_str()), (400, "bad-request"));
    assert!(detail.contains("duplicate field `search`"), "{detail}");
    let page = Browser::new(&desk).open("/no-such-page").await;
    assert_eq!(page.status, 404);
}
