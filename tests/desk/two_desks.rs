//! Two desks that share one AWS: the second reaches the embedded AWS of the first over HTTP, like it would reach the
//! real one.

use aws_sdk_dynamodb::types::{DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate};
use aws_sdk_sfn::types::ExecutionStatus;

use crate::support::{Browser, Setup, Valuer, eventually, seed};

#[tokio::test]
async fn both_desks_show_the_applications_of_both() {
    let first = Setup::new().start().await;
    let second = Setup::beside(&first).start().await;
    first.submit(&seed("at-the-first", "No callback")).await;
    second.submit(&seed("at-the-second", "999")).await;
    for desk in [&first, &second] {
        desk.until("at-the-first", "Waiting for valuation").await;
        let valued = desk.until("at-the-second", "Valued").await;
        assert_eq!(valued["valuation"]["propertyValue"], 666_000);
        assert_eq!(desk.references().await, ["at-the-second", "at-the-first"]);
    }
    assert_eq!(first.application("at-the-second").await, second.application("at-the-second").await);
    for path in
        ["/applications", "/applications?sort=deadline", "/applications?q=first", "/waiting?on=valuation_service"]
    {
        for desk in [&first, &second] {
            let page = Browser::new(desk).open(path).await.words();
            assert!(page.contains("at-the-first"), "{path}: {page}");
        }
    }
    let page = Browser::new(&second).open("/applications/at-the-second?tab=workflow").await.words();
    assert!(page.contains("ExecutionSucceeded"), "{page}");
    assert_eq!(second.post("/api/applications", &seed("at-the-first", "No callback")).await.status, 200);
    assert_eq!(second.post("/api/applications", &seed("at-the-first", "999")).await.problem().0, 409);
}

#[tokio::test]
async fn a_manual_valuation_can_be_answered_at_the_other_desk_and_only_once() {
    let first = Setup::new().with("--valuation-timeout", "1s").start().await;
    let second = Setup::beside(&first).start().await;
    first.submit(&seed("app-ref", "No callback")).await;
    second.until("app-ref", "Waiting for manual valuation").await;
    let (mut at_first, mut at_second) = (Browser::new(&first), Browser::new(&second));
    let link = at_second.open("/applications/app-ref").await.link("Value the property");
    let (page, late) = (at_second.open(&link).await, at_first.open(&link).await);
    let answers = [("value", "500000"), ("basis", "desktop"), ("name", "Grace Hopper")];
    let next = at_second.submit(&page, "manual-valuation", &answers).await;
    assert!(next.words().contains("Valuation of £500,000 recorded for app-ref."), "{}", next.words());

    let valued = first.until("app-ref", "Valued").await;
    assert_eq!(valued["valuation"]["valuedBy"], "Grace Hopper");
    let ended = first.ended(valued["executionArn"].as_str().unwrap()).await;
    assert_eq!(ended.status, ExecutionStatus::Succeeded);
    // The answer of another person, because a repeated answer of the same person is not an error.
    let answers = [("value", "510000"), ("basis", "desktop"), ("name", "Alan Turing")];
    let refused = at_first.submit(&late, "manual-valuation", &answers).await;
    assert!(refused.words().contains("Grace Hopper answered this on"), "{}", refused.words());
}

#[tokio::test]
async fn a_callback_may_arrive_at_either_desk() {
    let valuer = Valuer::open().await;
    let first = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    let second = Setup::beside(&first).start().await;
    for (reference, desk, other) in [("one", &first, &second), ("two", &second, &first)] {
        desk.submit(&seed(reference, reference)).await;
        let request = valuer.known_to(other, reference).await;
        let taken = request.answer(other, 250_000).await;
        assert_eq!(taken.status, 200, "{}", taken.body);
        desk.until(reference, "Valued").await;
        assert_eq!(request.answer(desk, 250_000).await.problem().1, "duplicate-callback");
    }
}

#[tokio::test]
async fn a_page_open_at_one_desk_is_notified_of_changes_at_the_other() {
    let first = Setup::new().start().await;
    let second = Setup::beside(&first).start().await;
    let mut events = second.events().await;
    first.submit(&seed("app-ref", "999")).await;
    events.until_changed("app-ref").await;
}

#[tokio::test]
async fn a_desk_whose_aws_is_down_is_healthy_but_not_ready_and_its_pages_say_so() {
    let first = Setup::new().start().await;
    let second = Setup::beside(&first).start().await;
    assert_eq!(second.get("/readyz").await.status, 200);
    let gone = first.kill();
    assert_eq!(second.get("/healthz").await.status, 200);
    // The result of a check is cached for a second.
    let ready =
        eventually("it is not ready", async || Some(second.get("/readyz").await).filter(|ready| ready.status != 200));
    let (status, kind, detail) = ready.await.problem();
    assert_eq!((status, kind.as_str()), (503, "unavailable"));
    assert!(detail.contains("Try again in a moment"), "{detail}");

    let answer = second.get("/api/applications").await;
    assert_eq!(answer.problem().0, 503);
    let page = Browser::new(&second).open("/waiting").await;
    assert_eq!(page.status, 503);
    assert!(page.words().contains("The desk cannot reach its data"), "{}", page.words());

    // Once the AWS is back at the same address, the second desk works again without a restart.
    let _first = gone.start().await;
    eventually("the second desk is ready again", async || (second.get("/readyz").await.status == 200).then_some(()))
        .await;
}

#[tokio::test]
async fn a_form_keeps_what_was_typed_while_the_data_is_unreachable_and_can_be_sent_again() {
    let first = Setup::new().start().await;
    let second = Setup::beside(&first).start().await;
    let (mut known, mut new) = (Browser::new(&second), Browser::new(&second));
    // One of the browsers has a session.
    let form = known.open("/applications/new").await;
    let form = known.submit(&form, "new-application", &[("reference", "known")]).await;
    assert!(form.words().contains("There is a problem"), "{}", form.words());
    let forms = [("known", form), ("unknown", new.open("/applications/new").await)];
    let gone = first.kill();
    let mut pages = Vec::new();
    for ((reference, form), browser) in forms.into_iter().zip([&mut known, &mut new]) {
        let typed = [("reference", reference), ("property", "1 \"Quoted\" <Lane> & Co"), ("postcode", "po11ce")];
        let page = browser.submit_in_vain(&form, "new-application", &typed).await;
        assert_eq!(page.status, 503, "{reference}");
        assert!(page.words().contains("What you typed is kept on this page."), "{reference}: {}", page.words());
        pages.push((reference, page));
    }

    let _first = gone.start().await;
    for ((reference, page), browser) in pages.into_iter().zip([&mut known, &mut new]) {
        let next = browser.submit(&page, "again", &[]).await;
        assert_eq!(next.path, format!("/applications/{reference}"));
        let application = second.application(reference).await;
        assert_eq!(application["property"]["nameOrNumber"], "1 \"Quoted\" <Lane> & Co");
    }
}

#[tokio::test]
async fn a_desk_does_not_open_if_its_aws_lacks_a_table_and_names_it() {
    let first = Setup::new().start().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&first.aws());
    dynamodb.delete_table().table_name("loan-desk-settings").send().await.expect("it is deleted");
    let output = Setup::beside(&first).command().output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("missing: table loan-desk-settings. It must be deployed there first"), "{said}");
}

#[tokio::test]
async fn a_desk_adds_missing_indexes_and_times_to_live_to_its_tables() {
    let first = Setup::new().start().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&first.aws());
    let table = "loan-desk-callbacks";
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name("by-outcome").build().unwrap();
    let update = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
    let without = dynamodb.update_table().table_name(table).global_secondary_index_updates(update);
    without.send().await.expect("the index is deleted");
    let _second = Setup::beside(&first).start().await;
    let described = dynamodb.describe_table().table_name(table).send().await.expect("it is there").table.unwrap();
    let mut names = described.global_secondary_indexes().iter().filter_map(|index| index.index_name());
    assert!(names.any(|name| name == "by-outcome"));
}
