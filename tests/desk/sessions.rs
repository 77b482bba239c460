//! Sessions survive restarts: rejected forms, notices and names. So does the theme.

use reqwest::Method;

use crate::support::{Browser, Setup, seed};

#[tokio::test]
async fn a_rejected_form_is_shown_again_once_even_after_a_restart() {
    let desk = Setup::new().start().await;
    let mut browser = Browser::new(&desk);
    let form = browser.open("/applications/new").await;
    let typed = [("reference", "app-ref"), ("property", "Rose Cottage"), ("postcode", "PO1")];
    let next = browser.send_only(&form, "new-application", &typed).await;
    let cookies = browser.cookies();

    let desk = desk.kill_and_start_again().await;
    let mut browser = Browser::with_cookies(&desk, cookies);
    let page = browser.open(&next).await;
    assert!(page.words().contains("Enter a full UK postcode, like PO1 1CE"), "{}", page.words());
    for (field, typed) in typed {
        assert_eq!(page.field("new-application", field), typed);
    }
    let fresh = browser.open(&next).await;
    assert_eq!(fresh.field("new-application", "property"), "");
}

#[tokio::test]
async fn a_notice_is_shown_once_even_after_a_restart() {
    let desk = Setup::new().start().await;
    let mut browser = Browser::new(&desk);
    let form = browser.open("/applications/new").await;
    let answers = [("reference", "app-ref"), ("property", "No callback"), ("postcode", "PO1 1CE")];
    let next = browser.send_only(&form, "new-application", &answers).await;
    let cookies = browser.cookies();

    let desk = desk.kill_and_start_again().await;
    let mut browser = Browser::with_cookies(&desk, cookies);
    let notice = "Application submitted.";
    assert!(browser.open(&next).await.words().contains(notice));
    assert!(!browser.open(&next).await.words().contains(notice));
}

#[tokio::test]
async fn the_name_of_a_person_is_remembered_after_a_restart() {
    let desk = Setup::new().with("--valuation-timeout", "1s").start().await;
    for reference in ["one", "two"] {
        desk.submit(&seed(reference, "No callback")).await;
        desk.until(reference, "Waiting for manual valuation").await;
    }
    let mut browser = Browser::new(&desk);
    let application = browser.open("/applications/one").await;
    let page = browser.open(&application.link("Value the property")).await;
    let answers = [("value", "500000"), ("basis", "desktop"), ("name", "Grace Hopper")];
    browser.submit(&page, "manual-valuation", &answers).await;
    let cookies = browser.cookies();

    let desk = desk.kill_and_start_again().await;
    let mut browser = Browser::with_cookies(&desk, cookies);
    let application = browser.open("/applications/two").await;
    let page = browser.open(&application.link("Value the property")).await;
    assert_eq!(page.field("manual-valuation", "name"), "Grace Hopper");
    let stranger = Browser::new(&desk).open(&page.path).await;
    assert_eq!(stranger.field("manual-valuation", "name"), "");
}

#[tokio::test]
async fn choosing_a_theme_returns_to_the_same_page_and_the_theme_is_kept() {
    let desk = Setup::new().start().await;
    let mut browser = Browser::new(&desk);
    assert!(browser.open("/waiting").await.html.contains(r#"data-theme="system""#));
    let choice = [("theme", "dark"), ("back", "/waiting?x=1")];
    let next = browser.post("/desk/choose-theme", &choice).await;
    assert_eq!(next, "/waiting?x=1");
    let cookies = browser.cookies();

    let desk = desk.kill_and_start_again().await;
    let mut browser = Browser::with_cookies(&desk, cookies);
    assert!(browser.open(&next).await.html.contains(r#"data-theme="dark""#));
    assert_eq!(browser.post("/desk/choose-theme", &[("theme", "light"), ("back", "//elsewhere.example")]).await, "/");
}

#[tokio::test]
async fn the_session_cookie_is_inaccessible_to_scripts_and_other_sites() {
    for (url, secure) in [("http://127.0.0.1:3000", false), ("https://desk.example", true)] {
        let desk = Setup::new().with("--public-url", url).start().await;
        let form = [("reference", "app-ref"), ("property", ""), ("postcode", "")];
        let answer = desk.send(desk.request(Method::POST, "/desk/submit-application").form(&form)).await;
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("visit="), "{cookie}");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        assert_eq!(cookie.contains("Secure"), secure, "{cookie}");
    }
}
