//! Lists of more than one page.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, PutRequest, WriteRequest},
};
use serde_json::json;

use crate::support::{Browser, Desk, Page, Setup, seed};

type Item = HashMap<String, AttributeValue>;

async fn store(desk: &Desk, table: &str, items: impl Iterator<Item = Vec<(&'static str, String)>>) {
    let items: Vec<_> = items
        .map(|item| {
            let item: Item =
                item.into_iter().map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).collect();
            WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build().unwrap()).build()
        })
        .collect();
    let dynamodb = Client::new(&desk.aws());
    for items in items.chunks(25) {
        dynamodb.batch_write_item().request_items(table, items.to_vec()).send().await.expect("they are stored");
    }
}

/// Deletes the read model while the desk is down, so that it is rebuilt from the tables.
async fn with_a_new_read_model(desk: Desk) -> Desk {
    let file = desk.setup().data_dir().join("read-model.sqlite");
    let gone = desk.kill();
    std::fs::remove_file(file).expect("the read model is a file in the data folder");
    gone.start().await
}

/// The references that the rows of a page link to, in order.
fn references(page: &Page) -> Vec<String> {
    let links = page.links().into_iter();
    links.filter_map(|link| link.strip_prefix("/applications/LN-").map(|reference| format!("LN-{reference}"))).collect()
}

/// The references on each page from `path` on, following the links to the next page.
async fn all_pages(desk: &Desk, path: &str, next: &str) -> Vec<Vec<String>> {
    let mut browser = Browser::new(desk);
    let mut page = browser.open(path).await;
    let mut pages = vec![references(&page)];
    while page.words().contains(next) {
        page = browser.open(&page.link(next)).await;
        pages.push(references(&page));
        assert!(pages.len() < 10, "{pages:?}");
    }
    pages
}

#[tokio::test]
async fn waiting_tasks_are_paged_soonest_deadline_first_and_all_are_counted() {
    let desk = Setup::new().start().await;
    // Several tasks have the same deadline.
    let tasks = (0..120).map(|i| {
        let reference = format!("LN-{i:03}");
        vec![
            ("id", format!("task-{i}")),
            ("token", format!("token-{i}")),
            ("queue", "open".to_owned()),
            ("feed", "task".to_owned()),
            ("updatedAt", "2026-11-22T10:00:00.000Z".to_owned()),
            ("state", "open".to_owned()),
            ("kind", if i % 3 == 0 { "valuation" } else { "manual_valuation" }.to_owned()),
            ("applicationReference", reference.clone()),
            ("executionArn", format!("arn:aws:states:eu-west-2:000000000000:execution:loan-processing:{reference}")),
            ("application", seed(&reference, "999").to_string()),
            ("since", "2026-11-22T10:00:00.000Z".to_owned()),
            ("deadline", format!("2126-11-{:02}T10:00:00.000Z", 1 + i / 5)),
        ]
    });
    store(&desk, "loan-desk-paused-tasks", tasks).await;
    let desk = with_a_new_read_model(desk).await;
    let pages = all_pages(&desk, "/waiting", "Later deadlines").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20]);
    // Tasks with the same deadline are in no particular order.
    let days: Vec<usize> = pages.concat().iter().map(|one| one["LN-".len()..].parse::<usize>().unwrap() / 5).collect();
    assert!(days.is_sorted(), "{days:?}");
    assert_eq!(pages.concat().into_iter().collect::<BTreeSet<_>>().len(), 120);

    let today = Browser::new(&desk).open("/").await.words();
    assert!(today.contains("The first 10 of 80. 40 applications are waiting for the valuation service."), "{today}");
    assert!(today.contains("Waiting 120"), "{today}");
    let page = Browser::new(&desk).open("/waiting?after=nonsense").await;
    assert_eq!(references(&page).len(), 50);
}

#[tokio::test]
async fn all_applications_are_found_and_sorted_across_pages() {
    let desk = Setup::new().start().await;
    let applications = (0..230).map(|i| {
        let mut application = seed(&format!("LN-{i:03}"), "999");
        application["applicant"] = json!(if i % 2 == 0 { "Ada Byron" } else { "Alan Turing" });
        if i != 7 {
            application["loanAmount"] = json!((100_000 + (i * 37) % 230).to_string());
        }
        vec![
            ("applicationReference", format!("LN-{i:03}")),
            ("kind", "application".to_owned()),
            ("application", application.to_string()),
            ("status", if i < 200 { "valued" } else { "declined" }.to_owned()),
            ("submittedAt", format!("2026-01-{:02}T10:00:00.000Z", 1 + i / 10)),
            ("updatedAt", format!("2026-01-{:02}T10:00:00.000Z", 1 + i / 10)),
            ("decidedAt", format!("2026-01-{:02}T10:00:00.000Z", 1 + i / 10)),
            ("executionArn", "arn:aws:states:eu-west-2:000000000000:execution:loan-processing:old".to_owned()),
        ]
    });
    store(&desk, "loan-desk-applications", applications).await;
    let desk = with_a_new_read_model(desk).await;
    for (path, next, sizes) in [
        ("/applications", "Older applications", vec![50, 50, 50, 50, 30]),
        ("/applications?sort=-amount", "More applications", vec![50, 50, 50, 50, 30]),
        ("/applications?q=turing", "Older applications", vec![50, 50, 15]),
        ("/applications?q=Ada+LN-&status=valued&sort=reference", "More applications", vec![50, 50]),
    ] {
        let pages = all_pages(&desk, path, next).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{path}");
        let all = pages.concat();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{path}: {all:?}");
        let numbers: Vec<i64> = all.iter().map(|one| one["LN-".len()..].parse().unwrap()).collect();
        let in_order = match path {
            "/applications?sort=-amount" => {
                assert_eq!(numbers.last(), Some(&7), "it has no amount");
                numbers[..229].is_sorted_by_key(|i| -((i * 37) % 230))
            }
            "/applications?q=Ada+LN-&status=valued&sort=reference" => numbers.is_sorted(),
            _ => numbers.is_sorted_by_key(|i| -(i / 10)),
        };
        assert!(in_order, "{path}: {numbers:?}");
    }
    let none = Browser::new(&desk).open("/applications?q=turing+byron").await.words();
    assert!(none.contains("No applications match."), "{none}");
    // A new application is found immediately.
    let mut application = seed("LN-230", "999");
    application["applicant"] = json!("Grace Hopper");
    desk.submit(&application).await;
    assert_eq!(references(&Browser::new(&desk).open("/applications?q=hopper").await), ["LN-230"]);
}
