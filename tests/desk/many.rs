//! Lists of more than one page, and what pages say while lists are incomplete.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, PutRequest, WriteRequest},
};
use axum::{body::Bytes, http::HeaderMap, response::IntoResponse};
use serde_json::json;
use tokio::sync::watch;

use crate::support::{Browser, Desk, Page, Setup, eventually, seed};

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
    let mut listed = BTreeSet::new();
    for (path, sizes) in [("/waiting", vec![50, 30]), ("/waiting?on=valuation_service", vec![40])] {
        let pages = all_pages(&desk, path, "Later deadlines").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{path}");
        // Tasks with the same deadline are in no particular order.
        let numbers = pages.concat().into_iter().map(|one| one["LN-".len()..].parse::<usize>().unwrap());
        let numbers: Vec<usize> = numbers.collect();
        assert!(numbers.iter().map(|number| number / 5).is_sorted(), "{path}: {numbers:?}");
        listed.extend(numbers);
    }
    assert_eq!(listed.len(), 120);

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
        ("/applications?q=turing", "More applications", vec![50, 50, 15]),
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

/// A proxy of a desk's AWS that holds all scans back but the first, until it is released.
struct HeldScans {
    url: String,
    released: watch::Sender<bool>,
}

impl HeldScans {
    async fn before(desk: &Desk) -> Self {
        let aws = desk.aws_url().to_owned();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let (released, may_pass) = watch::channel(false);
        let scans = Arc::new(AtomicUsize::new(0));
        let pass_on = async move |headers: HeaderMap, body: Bytes| {
            let is_scan = headers.get("x-amz-target").is_some_and(|target| target.as_bytes().ends_with(b".Scan"));
            if is_scan && scans.fetch_add(1, Ordering::SeqCst) > 0 {
                may_pass.clone().wait_for(|released| *released).await.expect("the test goes on");
            }
            let mut request = http.post(&aws).body(body);
            for (name, value) in headers.iter().filter(|(name, _)| *name != "host" && *name != "content-length") {
                request = request.header(name, value);
            }
            let answer = request.send().await.expect("the first desk answers");
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut response = (status, answer.bytes().await.expect("a body")).into_response();
            response.headers_mut().extend(headers.into_iter().filter(|(name, _)| {
                name.as_ref().is_some_and(|name| name != "content-length" && name != "transfer-encoding")
            }));
            response
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, axum::Router::new().fallback(pass_on)).into_future());
        Self { url, released }
    }
}

#[tokio::test]
async fn while_a_new_read_model_is_filled_pages_say_how_far_it_is_and_all_else_works() {
    let first = Setup::new().start().await;
    let applications = (0..3_000).map(|i| {
        let reference = format!("LN-{i:04}");
        vec![
            ("applicationReference", reference.clone()),
            ("kind", "application".to_owned()),
            ("application", seed(&reference, "999").to_string()),
            ("status", "valued".to_owned()),
            ("submittedAt", "2026-01-01T10:00:00.000Z".to_owned()),
            ("updatedAt", "2026-01-01T10:00:00.000Z".to_owned()),
            ("executionArn", "arn:aws:states:eu-west-2:000000000000:execution:loan-processing:old".to_owned()),
        ]
    });
    store(&first, "loan-desk-applications", applications).await;
    let scans = HeldScans::before(&first).await;
    let desk = Setup::beside(&first).variable("AWS_ENDPOINT_URL", &scans.url).start().await;
    let reading = "The desk is reading its data for the first time";
    for path in ["/", "/applications", "/waiting"] {
        let words = Browser::new(&desk).open(path).await.words();
        assert!(words.contains(reading), "{path}: {words}");
    }
    // A part would be taken for the whole.
    for path in ["/api/applications", "/applications.csv"] {
        assert_eq!(desk.get(path).await.problem().1, "catching-up", "{path}");
    }
    assert_eq!(desk.application("LN-2999").await["status"], "Valued");
    desk.submit(&seed("LN-new", "999")).await;
    scans.released.send_replace(true);
    let csv = eventually("everything has been read", async || {
        Some(desk.get("/applications.csv").await).filter(|answer| answer.status == 200)
    })
    .await;
    assert_eq!(csv.body.lines().count(), 1 + 3_000 + 1);
    let words = Browser::new(&desk).open("/applications").await.words();
    assert!(!words.contains(reading), "{words}");
}

#[tokio::test]
async fn while_the_read_model_cannot_be_written_pages_say_since_when_lists_are_out_of_date() {
    let desk = Setup::new().start().await;
    desk.submit(&seed("LN-1", "999")).await;
    assert_eq!(desk.references().await, ["LN-1"]);
    // Somebody else's transaction keeps the desk from writing, as a full disk would.
    let file = rusqlite::Connection::open(desk.data_dir().join("read-model.sqlite")).unwrap();
    file.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    desk.submit(&seed("LN-2", "999")).await;
    eventually("the desk notices", async || {
        let words = Browser::new(&desk).open("/applications").await.words();
        words.contains("do not show what changed since").then_some(())
    })
    .await;
    for path in ["/api/applications", "/applications.csv"] {
        assert_eq!(desk.get(path).await.problem().1, "out-of-date", "{path}");
    }
    assert_eq!(desk.application("LN-2").await["applicationReference"], "LN-2");
    file.execute_batch("ROLLBACK").unwrap();
    eventually("the desk is up to date", async || (desk.get("/api/applications").await.status == 200).then_some(()))
        .await;
    assert_eq!(desk.references().await.len(), 2);
    let complaints = desk.log().matches("the read model cannot follow the tables").count();
    assert!(complaints <= 2, "logged when it began and when it was over: {}", desk.log());
}

#[tokio::test]
async fn a_long_history_is_shown_a_page_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflows = concat!(env!("CARGO_MANIFEST_DIR"), "/infra");
    for name in ["loan-processing.asl.json", "mock-valuation.asl.json"] {
        std::fs::copy(format!("{workflows}/{name}"), folder.path().join(name)).expect("the desk's own workflow");
    }
    // Goes round 60 times, with four events each time, and one more each at the start and the end.
    let workflow = json!({
        "StartAt": "Begin",
        "States": {
            "Begin": { "Type": "Pass", "Result": 0, "ResultPath": "$.n", "Next": "Again" },
            "Again": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "Enough" },
            "Enough": {
                "Type": "Choice",
                "Choices": [{ "Variable": "$.n", "NumericLessThan": 60, "Next": "Again" }],
                "Default": "Done",
            },
            "Done": { "Type": "Succeed" },
        },
    });
    std::fs::write(folder.path().join("loan-processing.asl.json"), workflow.to_string()).unwrap();
    let desk = Setup::new().with("--workflow-dir", folder.path().display().to_string()).start().await;
    desk.submit(&seed("app-ref", "999")).await;
    let execution = "arn:aws:states:eu-west-2:000000000000:execution:loan-processing:app-ref";
    desk.ended(execution).await;
    let total = desk.history(execution).await.len();
    assert!((241..400).contains(&total), "two pages: {total}");

    let shows = |page: &Page, event: usize| page.html.contains(&format!("id=\"event-{event}\""));
    let mut browser = Browser::new(&desk);
    let first = browser.open("/applications/app-ref?tab=workflow&state=Again").await;
    assert!(first.words().contains(&format!("Events 1 to 200 of {total}")), "{}", first.words());
    assert!(shows(&first, 1) && shows(&first, 200) && !shows(&first, 201));
    assert!(!first.words().contains("Earlier events"));

    let second = browser.open(&first.link("Later events").replace("?", "/applications/app-ref?")).await;
    assert!(second.words().contains(&format!("Events 201 to {total} of {total}")), "{}", second.words());
    assert!(!shows(&second, 200) && shows(&second, 201) && shows(&second, total));
    assert!(!second.words().contains("Later events"));
    // The state that is looked at stays, and so does what the graph says of it, which takes all events.
    assert!(second.html.contains("id=\"state-name\">Again"), "{}", second.words());
    assert!(second.html.contains("Done (Succeed): done"), "{}", second.words());
    assert_eq!(second.link("Earlier events"), "?tab=workflow&state=Again#events");
}
