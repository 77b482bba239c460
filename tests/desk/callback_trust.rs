//! Authentication of callbacks: a stranger's callback neither sets the value of a property nor displaces the valuer's.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::support::{Browser, Desk, HELD, SILENT, Setup, Valuer, eventually, seed};

const BARE: &str = "/api/valuations";

async fn desk_and_valuer(setup: Setup) -> (Desk, Valuer) {
    let valuer = Valuer::open().await;
    let desk = setup.with("--valuation-service-url", &valuer.url).start().await;
    (desk, valuer)
}

fn by_reference() -> Setup {
    Setup::new().with("--callback-auth", "reference")
}

fn response(reference: &str, pounds: u32) -> Value {
    json!({ "valuationReference": reference, "propertyValue": pounds })
}

fn seed_with_amount(reference: &str, name_or_number: &str) -> Value {
    let mut application = seed(reference, name_or_number);
    application["loanAmount"] = json!("250000");
    application
}

/// The number of stored callbacks with an outcome.
async fn kept(desk: &Desk, outcome: &str) -> usize {
    desk.kept_callbacks().await.iter().filter(|(kept_as, _)| kept_as == outcome).count()
}

#[tokio::test]
async fn a_planted_callback_ends_in_a_manual_valuation_and_not_in_an_approval() {
    let (desk, _valuer) = desk_and_valuer(Setup::new().with("--valuation-timeout", "2s")).await;
    // The first reference that the valuer will issue.
    let (status, kind, _) = desk.post(BARE, &response("V-0001", 9_999_999)).await.problem();
    assert_eq!((status, kind.as_str()), (401, "forged-callback-url"));
    desk.submit(&seed_with_amount("app-ref", "999")).await;
    let waiting = desk.until("app-ref", "Waiting for manual valuation").await;
    assert_eq!(waiting["valuation"], json!(null));
    assert_eq!(kept(&desk, "refused").await, 1);
    let page = Browser::new(&desk).open("/applications/app-ref").await.words();
    assert!(!page.contains("9,999,999"), "{page}");
}

#[tokio::test]
async fn in_reference_mode_a_planted_callback_is_ignored_and_the_valuers_is_used() {
    let (desk, valuer) = desk_and_valuer(by_reference().with("--valuation-timeout", "1h")).await;
    let (status, kind, _) = desk.post(BARE, &response("V-0001", 9_999_999)).await.problem();
    assert_eq!((status, kind.as_str()), (404, "unknown-valuation-reference"));
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    assert_eq!(request.reference, "V-0001");
    assert_eq!(desk.application("app-ref").await["status"], "Waiting for valuation");
    assert_eq!(desk.post(BARE, &response("V-0001", 250_000)).await.status, 200);
    assert_eq!(desk.until("app-ref", "Valued").await["valuation"]["propertyValue"], 250_000);
    let page = Browser::new(&desk).open("/applications/app-ref").await.words();
    assert!(!page.contains("9,999,999"), "{page}");
}

#[tokio::test]
async fn unsigned_callbacks_are_refused_without_effect_and_only_a_few_are_kept() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    let before = desk.application("app-ref").await;
    let forged = format!("{BARE}?request=abc.9999999999.key.c2lnbmF0dXJl");
    for path in [BARE, &forged] {
        let answer = desk.post(path, &response(&request.reference, 1)).await;
        assert_eq!(answer.header("www-authenticate"), "Callback-URL");
        let (status, kind, detail) = answer.problem();
        assert_eq!((status, kind.as_str()), (401, "forged-callback-url"), "{path}");
        assert!(detail.contains("Call back at exactly the callbackUrl"), "{detail}");
    }
    for i in 0..250 {
        assert_eq!(desk.post(BARE, &json!({ "valuationReference": "x".repeat(2_000), "n": i })).await.status, 401);
    }
    let callbacks = desk.kept_callbacks().await;
    assert!(callbacks.len() <= 200, "{}", callbacks.len());
    assert!(callbacks.iter().all(|(outcome, body)| outcome == "refused" && body.len() <= 1024));
    let dynamodb = aws_sdk_dynamodb::Client::new(&desk.aws());
    let items = dynamodb.scan().table_name("loan-desk-callbacks").send().await.expect("a table of callbacks");
    let expires = |item: &std::collections::HashMap<_, _>| matches!(item.get("expiresAt"), Some(AttributeValue::N(_)));
    assert!(items.items().iter().all(expires), "each callback expires");
    assert_eq!(desk.application("app-ref").await, before);
    assert_eq!(request.answer(&desk, 250_000).await.status, 200);
}

#[tokio::test]
async fn malformed_callbacks_expire() {
    let (desk, valuer) = desk_and_valuer(Setup::new()).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    assert_eq!(desk.post(request.callback_path(), &json!({})).await.status, 422);
    let dynamodb = aws_sdk_dynamodb::Client::new(&desk.aws());
    let items = dynamodb.scan().table_name("loan-desk-callbacks").send().await.expect("a table of callbacks");
    assert!(matches!(items.items()[0].get("expiresAt"), Some(AttributeValue::N(_))), "{items:?}");
}

#[tokio::test]
async fn an_early_callback_is_used_once_its_reference_is_known_with_and_without_a_signed_address() {
    for (setup, is_bare) in [(Setup::new(), false), (by_reference(), true)] {
        let (desk, valuer) = desk_and_valuer(setup.with("--valuation-timeout", "1h")).await;
        desk.submit(&seed("app-ref", HELD)).await;
        let request = valuer.asked_for(HELD).await;
        let path = if is_bare { BARE } else { request.callback_path() };
        let parked = desk.post(path, &response(&request.reference, 250_000)).await;
        assert_eq!((parked.status, &parked.json()["outcome"]), (202, &json!("parked")));
        valuer.release();
        assert_eq!(desk.until("app-ref", "Valued").await["valuation"]["propertyValue"], 250_000);
        assert_eq!(kept(&desk, "accepted").await, 1);
    }
}

#[tokio::test]
async fn an_early_callback_over_the_limit_is_asked_to_retry_and_is_then_used() {
    for (setup, is_bare) in [(Setup::new(), false), (by_reference(), true)] {
        let (desk, valuer) = desk_and_valuer(setup.with("--valuation-timeout", "1h")).await;
        desk.submit(&seed("app-ref", HELD)).await;
        let request = valuer.asked_for(HELD).await;
        let path = if is_bare { BARE } else { request.callback_path() };
        // At the signed address these are for another reference; without one, a stranger guesses the reference.
        let planted = if is_bare {
            json!({ "valuationReference": request.reference, "failed": true })
        } else {
            response("another", 1)
        };
        for _ in 0..100 {
            assert_eq!(desk.post(path, &planted).await.status, 202);
        }
        let refused = desk.post(path, &response(&request.reference, 250_000)).await;
        assert_eq!(refused.header("retry-after"), "10");
        assert_eq!(refused.problem().1, "too-many-callbacks");
        valuer.release();
        if is_bare {
            // Reference mode cannot detect a callback that is planted during the request with the right reference.
            desk.until("app-ref", "Waiting for manual valuation").await;
        } else {
            valuer.known_to(&desk, HELD).await;
            assert_eq!(request.answer(&desk, 250_000).await.status, 200);
            desk.until("app-ref", "Valued").await;
        }
    }
}

#[tokio::test]
async fn the_log_warns_of_reference_mode_and_contains_no_reference() {
    let (desk, valuer) = desk_and_valuer(by_reference().with("--log", "info,loan_desk=trace")).await;
    assert!(desk.log().contains("--callback-auth reference: anybody who knows or guesses"), "{}", desk.log());
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    assert_eq!(desk.post(BARE, &response(&request.reference, 250_000)).await.status, 200);
    desk.until("app-ref", "Valued").await;
    assert!(!desk.log().contains(&request.reference), "{}", desk.log());

    let signed = Setup::new().start().await;
    assert!(!signed.log().contains("--callback-auth"), "{}", signed.log());
}

#[tokio::test]
async fn a_signed_address_stays_valid_after_a_restart() {
    let (desk, valuer) = desk_and_valuer(Setup::new().with("--valuation-timeout", "1h")).await;
    desk.submit(&seed("app-ref", "999")).await;
    let request = valuer.known_to(&desk, "999").await;
    let desk = desk.kill_and_start_again().await;
    assert_eq!(request.answer(&desk, 250_000).await.status, 200);
}

#[tokio::test]
async fn a_request_that_the_valuer_never_accepts_takes_no_unsigned_callback() {
    let (desk, valuer) = desk_and_valuer(Setup::new().with("--valuation-timeout", "2s")).await;
    desk.submit(&seed("app-ref", SILENT)).await;
    let request = valuer.asked_for(SILENT).await;
    assert_eq!(desk.post(BARE, &response(&request.reference, 250_000)).await.status, 401);
    eventually("a person is asked", async || {
        (desk.application("app-ref").await["status"] == "Waiting for manual valuation").then_some(())
    })
    .await;
}
