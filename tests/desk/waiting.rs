//! The page of what waits: what staff have to answer apart from what the valuation service owes, and rows that stay where
//! they are while the page is open.

use reqwest::Method;

use crate::support::{Browser, Desk, Page, Setup, eventually, html, seed};

/// The live update of an open page at this address, which shows `rows`.
async fn update(desk: &Desk, path: &str, rows: &[String]) -> Page {
    let request = desk.request(Method::GET, path).header("accept", "text/html").header("desk-refresh", "1");
    let answer = desk.send(request.header("desk-shown-rows", rows.join(","))).await;
    Page { path: path.to_owned(), status: answer.status, html: answer.body }
}

/// The ids of the rows of a page.
fn rows(page: &Page) -> Vec<String> {
    let tags = html::tags(&page.html);
    tags.iter().map(|tag| tag.attribute("data-row").to_owned()).filter(|id| !id.is_empty()).collect()
}

/// The words of each row of a page.
fn texts(page: &Page) -> Vec<String> {
    page.html
        .split("data-row=")
        .skip(1)
        .map(|row| html::words(&format!("<tr {}", row.split("</tr>").next().unwrap())))
        .collect()
}

/// Submits an application that staff have to value.
async fn submit_for_staff(desk: &Desk, reference: &str) {
    desk.submit(&seed(reference, "Failed response")).await;
    desk.until(reference, "Waiting for manual valuation").await;
}

#[tokio::test]
async fn what_staff_have_to_answer_is_apart_from_what_the_valuation_service_owes() {
    let desk = Setup::new().with("--mock-valuer-delay", "1s").with("--valuation-timeout", "1h").start().await;
    submit_for_staff(&desk, "LN-1").await;
    desk.submit(&seed("LN-2", "No callback")).await;
    desk.until("LN-2", "Waiting for valuation").await;
    let mut browser = Browser::new(&desk);
    for (path, shown, hidden) in [
        ("/waiting", "LN-1", "LN-2"),
        ("/waiting?on=staff", "LN-1", "LN-2"),
        ("/waiting?on=valuation_service", "LN-2", "LN-1"),
    ] {
        let page = browser.open(path).await;
        let words = page.words();
        assert!(words.contains(shown) && !words.contains(hidden), "{path}: {words}");
        assert!(words.contains("Waiting on staff 1 Waiting on the valuation service 1"), "{path}: {words}");
    }
    let page = browser.open("/waiting").await;
    assert_eq!(page.link("Waiting on the valuation service"), "/waiting?on=valuation_service");
}

#[tokio::test]
async fn the_rows_of_an_open_page_stay_and_say_what_happened_and_new_ones_are_announced() {
    let desk = Setup::new().with("--mock-valuer-delay", "1s").start().await;
    for reference in ["LN-1", "LN-2"] {
        submit_for_staff(&desk, reference).await;
    }
    let mut browser = Browser::new(&desk);
    let page = browser.open("/waiting").await;
    let shown = rows(&page);
    assert_eq!(shown.len(), 2);
    // Somebody else answers the first, and another application comes.
    let form = browser.open(&page.link("Value it")).await;
    let answers = [
        ("outcome", "value"),
        ("value", "500000"),
        ("valued_on", "2026-01-15"),
        ("basis", "desktop"),
        ("name", "Grace Hopper"),
    ];
    browser.submit(&form, "manual-valuation", &answers).await;
    desk.until("LN-1", "Valued").await;
    submit_for_staff(&desk, "LN-3").await;

    let page = update(&desk, "/waiting", &shown).await;
    assert_eq!(rows(&page), shown, "the same rows in the same order");
    let texts = texts(&page);
    assert!(texts[0].contains("LN-1") && texts[0].contains("Grace Hopper: £500,000"), "{texts:?}");
    assert!(texts[1].contains("LN-2") && texts[1].contains("Value it"), "{texts:?}");
    assert_eq!(page.link("1 new task: show it"), "/waiting");
    // A page that is loaded again shows what waits now.
    let page = browser.open("/waiting").await;
    assert!(!page.words().contains("LN-1") && page.words().contains("LN-3"), "{}", page.words());
    assert!(!page.words().contains("new task"), "{}", page.words());
}

#[tokio::test]
async fn a_row_whose_deadline_passes_or_whose_workflow_is_stopped_says_so() {
    let desk = Setup::new().with("--valuation-timeout", "3s").start().await;
    let lapsed = desk.submit(&seed("LN-1", "No callback")).await;
    let shown = eventually("the request is listed", async || {
        let shown = rows(&Browser::new(&desk).open("/waiting?on=valuation_service").await);
        (shown.len() == 1).then_some(shown)
    })
    .await;
    desk.until("LN-1", "Waiting for manual valuation").await;
    let page = update(&desk, "/waiting?on=valuation_service", &shown).await;
    assert!(texts(&page)[0].contains("Not answered in time"), "{:?}", texts(&page));

    let shown = rows(&Browser::new(&desk).open("/waiting").await);
    let execution = lapsed["executionArn"].as_str().expect("an execution");
    desk.step_functions().stop_execution().execution_arn(execution).send().await.expect("it runs");
    // The workflow page makes the desk read the execution.
    Browser::new(&desk).open("/applications/LN-1?tab=workflow").await;
    eventually("the row says so", async || {
        let page = update(&desk, "/waiting", &shown).await;
        texts(&page)[0].contains("The workflow no longer waits for it").then_some(())
    })
    .await;
}
