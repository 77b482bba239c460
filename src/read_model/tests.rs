//! The read model beside an embedded AWS, and its lists beside plain ones.

mod filters;

use std::sync::Arc;

use app::{
    desk::{Column, Direction, Incomplete, Sort},
    domain::{ApplicationStatus, Property, WaitingOn},
};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::datetime};
use tokio::task::JoinHandle;

use super::{Cursor, Filter, Query, ReadModel};
use crate::{
    applications,
    aws::{Aws, Embedded},
    changes::Changes,
    clock::Clock,
    deploy,
    item::{Item, text, time},
    tables::Table,
    tasks,
};

const FIRST: OffsetDateTime = datetime!(2026-06-01 10:00 UTC);

/// An AWS with the desk's tables, and what is stored in them.
struct World {
    folder: tempfile::TempDir,
    aws: Aws,
    /// Its clients do not keep it open.
    _embedded: Arc<Embedded>,
}

/// A read model whose follower runs until this is dropped.
struct Followed {
    model: ReadModel,
    task: JoinHandle<()>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::ops::Deref for Followed {
    type Target = ReadModel;

    fn deref(&self) -> &ReadModel {
        &self.model
    }
}

impl World {
    async fn new() -> Self {
        Self::at(Clock::system()).await
    }

    async fn at(clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let embedded: Arc<Embedded> = Embedded::open(folder.path(), clock).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        Self { folder, aws, _embedded: embedded }
    }

    async fn read_model(&self) -> Followed {
        self.read_model_in("read-model.sqlite").await
    }

    async fn read_model_in(&self, file: &str) -> Followed {
        let path = self.folder.path().join(file);
        let (model, follower) = ReadModel::open(self.aws.clone(), &path, Changes::default()).await.unwrap();
        let task = tokio::spawn(follower.run());
        model.complete().await;
        Followed { model, task }
    }

    async fn put(&self, table: &Table, item: Item) {
        self.aws.dynamodb.put_item().table_name(table.name).set_item(Some(item)).send().await.unwrap();
    }

    async fn put_all(&self, table: &Table, items: impl Iterator<Item = Item>) {
        let items: Vec<_> = items
            .map(|item| {
                WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build().unwrap()).build()
            })
            .collect();
        for items in items.chunks(25) {
            self.aws.dynamodb.batch_write_item().request_items(table.name, items.to_vec()).send().await.unwrap();
        }
    }

    async fn store(&self, application: &Stored) {
        self.put(&applications::TABLE, application.item()).await;
    }
}

/// An application as the table has it.
#[derive(Clone)]
struct Stored {
    reference: String,
    name: String,
    property: String,
    amount: Option<i64>,
    status: ApplicationStatus,
    submitted_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    execution: String,
    extra: Value,
}

impl Stored {
    fn new(number: i64) -> Self {
        let at = FIRST + Duration::minutes(number);
        Self {
            reference: format!("LN-{number:04}"),
            name: "Ada Byron".into(),
            property: "Rose Cottage".into(),
            amount: Some(100_000 + number),
            status: ApplicationStatus::Valued,
            submitted_at: at,
            updated_at: at,
            execution: "arn".into(),
            extra: Value::Null,
        }
    }

    fn item(&self) -> Item {
        let mut application = json!({
            "applicationReference": self.reference, "applicant": self.name,
            "property": { "nameOrNumber": self.property, "postcode": "PO1 1CE" },
        });
        if let Some(amount) = self.amount {
            application["loanAmount"] = json!(amount.to_string());
        }
        let mut item = Item::from([
            ("applicationReference".to_owned(), text(&self.reference)),
            ("kind".to_owned(), text(applications::KIND)),
            ("application".to_owned(), text(application.to_string())),
            ("status".to_owned(), text(self.status.key())),
            ("submittedAt".to_owned(), time(self.submitted_at)),
            ("updatedAt".to_owned(), time(self.updated_at)),
            ("executionArn".to_owned(), text(&self.execution)),
        ]);
        for (name, value) in self.extra.as_object().into_iter().flatten() {
            item.insert(name.clone(), text(value.as_str().unwrap()));
        }
        item
    }
}

fn task(
    id: &str,
    application: &Stored,
    state: &str,
    valuation_reference: Option<&str>,
    deadline: OffsetDateTime,
) -> Item {
    let mut item = Item::from([
        ("id".to_owned(), text(id)),
        ("token".to_owned(), text("secret")),
        ("feed".to_owned(), text(tasks::FEED)),
        ("updatedAt".to_owned(), time(application.updated_at)),
        ("state".to_owned(), text(state)),
        ("kind".to_owned(), text("valuation")),
        ("applicationReference".to_owned(), text(&application.reference)),
        ("executionArn".to_owned(), text("arn")),
        ("application".to_owned(), application.item()["application"].clone()),
        ("since".to_owned(), time(application.submitted_at)),
        ("deadline".to_owned(), time(deadline)),
    ]);
    if let Some(reference) = valuation_reference {
        item.insert("valuationReference".to_owned(), text(reference));
    }
    item
}

fn query(search: &str, status: Option<ApplicationStatus>, sort: Sort) -> Query {
    let filter = Filter { search: search.into(), statuses: status.into_iter().collect(), ..Filter::default() };
    Query { filter, sort, after: None, at_most: 50 }
}

async fn found(model: &ReadModel, search: &str) -> Vec<String> {
    references(&model.list(query(search, None, Sort::Newest)).await.unwrap())
}

fn references(page: &super::Page) -> Vec<String> {
    page.rows.iter().map(|row| row.application.application_reference.to_string()).collect()
}

/// All pages of a list, read one after the other.
async fn all(model: &ReadModel, query: Query) -> Vec<String> {
    let (mut all, mut query) = (Vec::new(), query);
    loop {
        let page = model.list(query.clone()).await.unwrap();
        assert!(page.rows.len() <= query.at_most);
        all.extend(references(&page));
        assert!(all.len() < 10_000, "the list has no end");
        match page.next {
            // As it comes back from a browser.
            Some(next) => query.after = Some(Cursor::decode(&next.encode()).unwrap()),
            None => return all,
        }
    }
}

#[tokio::test]
async fn what_was_stored_before_and_while_it_is_open_is_found_at_once() {
    let world = World::new().await;
    world.store(&Stored::new(1)).await;
    let model = world.read_model().await;
    assert_eq!(found(&model, "ln-0001").await, ["LN-0001"]);
    assert_eq!(model.incomplete(), None);
    let mut second = Stored::new(2);
    second.updated_at = OffsetDateTime::now_utc();
    world.store(&second).await;
    assert_eq!(found(&model, "").await, ["LN-0002", "LN-0001"]);
    assert_eq!(model.counts().await.unwrap().all(), 2);
    second.status = ApplicationStatus::Declined;
    second.updated_at = OffsetDateTime::now_utc();
    world.store(&second).await;
    assert_eq!(model.counts().await.unwrap().at(ApplicationStatus::Declined), 1);
    assert_eq!(model.counts().await.unwrap().at(ApplicationStatus::Valued), 1);
}

#[tokio::test]
async fn it_goes_on_where_it_left_off_and_is_made_anew_when_it_is_deleted() {
    let world = World::new().await;
    world.store(&Stored::new(1)).await;
    let model = world.read_model().await;
    assert_eq!(found(&model, "").await.len(), 1);
    drop(model);
    let mut second = Stored::new(2);
    second.updated_at = OffsetDateTime::now_utc();
    world.store(&second).await;
    let model = world.read_model().await;
    // It is of use before anything has been read again.
    assert_eq!(model.incomplete(), None);
    assert_eq!(found(&model, "").await.len(), 2);
    let other = world.read_model_in("another.sqlite").await;
    assert_eq!(found(&other, "").await, found(&model, "").await);
}

#[tokio::test]
async fn what_was_deleted_or_changed_without_a_trace_is_found_by_the_next_pass() {
    let world = World::new().await;
    for number in 0..3 {
        world.store(&Stored::new(number)).await;
    }
    world.put(&tasks::TABLE, task("task", &Stored::new(1), "open", None, FIRST)).await;
    let model = world.read_model().await;
    assert_eq!(found(&model, "").await.len(), 3);
    assert_eq!(model.waiting_count().await.unwrap().all(), 1);
    drop(model);
    let delete = world.aws.dynamodb.delete_item().table_name(applications::TABLE.name);
    delete.key("applicationReference", text("LN-0001")).send().await.unwrap();
    world.aws.dynamodb.delete_item().table_name(tasks::TABLE.name).key("id", text("task")).send().await.unwrap();
    let mut changed = Stored::new(2);
    changed.status = ApplicationStatus::Stopped;
    world.store(&changed).await;
    let model = world.read_model().await;
    let mut listener = model.changes();
    while model.counts().await.unwrap().all() != 2 {
        listener.recv().await.unwrap();
    }
    assert_eq!(found(&model, "").await, ["LN-0002", "LN-0000"]);
    while model.waiting_count().await.unwrap().all() != 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(model.counts().await.unwrap().at(ApplicationStatus::Stopped), 1);
}

/// A clock that stands still.
struct Still;

#[async_trait::async_trait]
impl asl_engine::Clock for Still {
    fn now(&self) -> OffsetDateTime {
        FIRST
    }

    async fn sleep_until(&self, _: OffsetDateTime) {
        std::future::pending().await
    }
}

#[tokio::test]
async fn two_changes_in_one_millisecond_are_both_found_although_the_item_is_read_in_between() {
    let world = World::at(Clock::new(Arc::new(Still))).await;
    let mut application = Stored::new(1);
    application.status = ApplicationStatus::Approved;
    application.updated_at = FIRST;
    world.store(&application).await;
    world.put(&tasks::TABLE, task("task", &application, "open", None, FIRST)).await;
    let model = world.read_model().await;
    assert_eq!(model.counts().await.unwrap().at(ApplicationStatus::Approved), 1);
    assert_eq!(model.waiting_count().await.unwrap().all(), 1);
    application.status = ApplicationStatus::Declined;
    world.store(&application).await;
    world.put(&tasks::TABLE, task("task", &application, "abandoned", None, FIRST)).await;
    assert_eq!(model.counts().await.unwrap().at(ApplicationStatus::Declined), 1);
    assert_eq!(model.waiting_count().await.unwrap().all(), 0);
}

#[tokio::test]
async fn while_its_file_cannot_be_written_the_read_model_says_since_when_it_is_out_of_date() {
    let world = World::at(Clock::new(Arc::new(Still))).await;
    world.store(&Stored::new(1)).await;
    let model = world.read_model().await;
    assert_eq!(found(&model, "").await.len(), 1);
    // As when the disk is full.
    let limit = |pages: u32| {
        model.database.write(|transaction| transaction.pragma_update(None, "max_page_count", pages)).unwrap();
    };
    limit(1);
    let large = |number: i64| {
        let mut large = Stored::new(number);
        large.extra = json!({ "remark": "x".repeat(100_000) });
        large.updated_at = FIRST;
        large
    };
    world.store(&large(2)).await;
    assert_eq!(found(&model, "").await.len(), 1);
    assert_eq!(model.incomplete(), Some(Incomplete::OutOfDate { since: FIRST }));
    limit(u32::MAX >> 2);
    assert_eq!(found(&model, "").await.len(), 2);
    assert_eq!(model.incomplete(), None);
}

#[tokio::test]
async fn an_open_application_whose_outcome_was_stamped_long_ago_is_noticed() {
    let world = World::new().await;
    let mut application = Stored::new(1);
    application.status = ApplicationStatus::WaitingForValuation;
    world.store(&application).await;
    let model = world.read_model().await;
    let mut listener = model.changes();
    assert_eq!(model.counts().await.unwrap().at(ApplicationStatus::WaitingForValuation), 1);
    application.status = ApplicationStatus::Valued;
    application.updated_at -= Duration::HOUR;
    world.store(&application).await;
    while model.counts().await.unwrap().at(ApplicationStatus::Valued) == 0 {
        listener.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_search_finds_any_part_of_anything_that_is_written_on_an_application() {
    let world = World::new().await;
    let mut zoe = Stored::new(1);
    zoe.name = "Zoë Łuczak".into();
    zoe.property = "12 Straße".into();
    world.store(&zoe).await;
    let other = Stored::new(2);
    world.store(&other).await;
    world.put(&tasks::TABLE, task("a", &zoe, "abandoned", Some("CNMgQ7"), FIRST)).await;
    world.put(&tasks::TABLE, task("b", &zoe, "open", Some("V-0042"), FIRST)).await;
    let model = world.read_model().await;
    for search in [
        "0001",
        "zoe",
        "ZOË",
        "luc",
        "oe l",
        "strasse",
        "12",
        "CNMGq7",
        "mgq",
        "v-0042",
        "0042",
        "z",
        "zo",
        "łu",
        "zoe strasse v-00",
        "LN-0001 po11ce",
    ] {
        assert_eq!(found(&model, search).await, ["LN-0001"], "{search}");
    }
    for search in ["", "PO1 1CE", "po11ce", "1ce", "e", "LN-", "-00"] {
        assert_eq!(found(&model, search).await, ["LN-0002", "LN-0001"], "{search}");
    }
    for search in ["xyz", "q8", "zoe byron", "0001cott", "%", "\"", "*", "tage ro\u{e4}", "AND OR"] {
        assert!(found(&model, search).await.is_empty(), "{search}");
    }
    // One that is told later.
    let mut task = task("c", &other, "open", Some("LATER-1"), FIRST);
    task.insert("updatedAt".into(), time(OffsetDateTime::now_utc()));
    world.put(&tasks::TABLE, task).await;
    assert_eq!(found(&model, "later-1").await, ["LN-0002"]);
}

#[tokio::test]
async fn every_reference_that_a_page_prints_leads_to_its_application() {
    let world = World::new().await;
    let mut one = Stored::new(1);
    let used = json!({ "valuationReference": "USED-1", "propertyValue": 666_000 });
    one.extra = json!({ "valuation": used.to_string() });
    one.execution = "arn:aws:states:eu-west-2:000000000000:execution:loan-processing:Started-by-hand".into();
    let mut item = one.item();
    item.insert("otherReferences".into(), AttributeValue::Ss(vec!["STRANGE-1".into(), "STRANGE-2".into()]));
    world.put(&applications::TABLE, item).await;
    // Answered too late, not answered, and replaced by another after a redrive.
    for (id, state, reference) in
        [("a", "lapsed", "LATE-1"), ("b", "open", "UNANSWERED-1"), ("c", "abandoned", "OLD-1")]
    {
        world.put(&tasks::TABLE, task(id, &one, state, Some(reference), FIRST)).await;
    }
    // The name of the applicant contains all of them.
    let mut other = Stored::new(2);
    other.name = "late-1 unanswered-1 old-1 used-1 strange-1 strange-2 started-by-hand ln-0001".into();
    world.store(&other).await;
    let model = world.read_model().await;
    let references = [
        "LN-0001",
        "ln-0001",
        "late-1",
        "Unanswered-1",
        "OLD-1",
        "USED-1",
        "strange-1",
        "STRANGE-2",
        "started-by-hand",
    ];
    for reference in references {
        assert_eq!(found(&model, reference).await, ["LN-0002", "LN-0001"], "{reference}");
        let leads_to = model.with_reference(reference).await.unwrap();
        assert_eq!(leads_to.map(|one| one.to_string()).as_deref(), Some("LN-0001"), "{reference}");
    }
    for no_reference in ["", "LATE", "ATE-1", "LN-0001 late-1", "Ada", "999", "LN-0003"] {
        assert_eq!(model.with_reference(no_reference).await.unwrap(), None, "{no_reference}");
    }
    // A reference that an application and a valuation share leads to neither.
    world.put(&tasks::TABLE, task("d", &other, "open", Some("late-1"), FIRST)).await;
    let mut changed = task("e", &other, "open", Some("Ln-0001"), FIRST);
    changed.insert("updatedAt".into(), time(OffsetDateTime::now_utc()));
    world.put(&tasks::TABLE, changed).await;
    assert_eq!(model.with_reference("LN-0001").await.unwrap(), None);
}

#[tokio::test]
async fn whole_words_are_found_before_parts_of_words() {
    let world = World::new().await;
    // Random references contain all kinds of words.
    let names = ["Bob Hope", "Ada Byron", "Bobby Moore", "Åke Bob-Smith", "Ada Byron", "Kabob Grill"];
    for (number, name) in names.into_iter().enumerate() {
        let mut one = Stored::new(number as i64);
        one.name = name.into();
        if number == 1 {
            one.reference = "a8bobX".into();
        }
        one.property = if number == 4 { "14" } else { "114" }.into();
        world.store(&one).await;
    }
    let model = world.read_model().await;
    assert_eq!(found(&model, "bob").await, ["LN-0003", "LN-0000", "LN-0005", "LN-0002", "a8bobX"]);
    assert_eq!(found(&model, "14, PO1 1CE").await[0], "LN-0004");
    assert_eq!(found(&model, "14, PO1 1CE").await.len(), 6);
    assert_eq!(found(&model, "Bob-Smith · 114, PO1 1CE").await, ["LN-0003"]);
    assert_eq!(found(&model, "ake 114,PO11CE").await, ["LN-0003"]);
    // Page by page it is the same.
    for status in [None, Some(ApplicationStatus::Valued)] {
        let mut query = query("bob", status, Sort::Newest);
        query.at_most = 1;
        assert_eq!(all(&model, query).await, ["LN-0003", "LN-0000", "LN-0005", "LN-0002", "a8bobX"]);
    }
}

/// How a list has to look, by the plainest means.
fn plain(stored: &[Stored], search: &str, status: Option<ApplicationStatus>, sort: Sort) -> Vec<String> {
    let mut listed: Vec<&Stored> = stored
        .iter()
        .filter(|one| status.is_none_or(|status| one.status == status))
        .filter(|one| {
            let text = format!("{} {} {}", one.reference, one.name, one.property).to_lowercase();
            search.to_lowercase().split_whitespace().all(|word| text.contains(word))
        })
        .collect();
    listed.sort_by_key(|one| std::cmp::Reverse(one.submitted_at));
    if sort == Sort::Newest {
        let is_whole = |one: &Stored| {
            let text = format!("{} {} {}", one.reference, one.name, one.property).to_lowercase();
            search.to_lowercase().split_whitespace().all(|word| text.split_whitespace().any(|whole| whole == word))
        };
        listed.sort_by_key(|one| !is_whole(one));
    }
    let place =
        |status: ApplicationStatus| ApplicationStatus::ALL.iter().position(|one| *one == status).unwrap() as i64;
    let key = |one: &Stored, column| -> Option<(i64, String)> {
        match column {
            Column::Reference => Some((0, one.reference.to_lowercase())),
            Column::Applicant => Some((0, one.name.to_lowercase())),
            Column::Property => Some((0, one.property.to_lowercase())),
            Column::Amount => Some((one.amount?, String::new())),
            Column::Status => Some((place(one.status), String::new())),
            Column::Updated => Some((one.updated_at.unix_timestamp(), String::new())),
            Column::LoanToValue | Column::Deadline => None,
        }
    };
    if let Sort::By(column, direction) = sort {
        listed.sort_by(|a, b| match (key(a, column), key(b, column)) {
            (Some(a), Some(b)) if direction == Direction::Descending => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
    }
    listed.into_iter().map(|one| one.reference.clone()).collect()
}

#[tokio::test]
async fn every_list_is_in_order_and_complete_whatever_is_asked_for() {
    let world = World::new().await;
    // More than are few, so that every way of finding them is taken.
    let stored: Vec<Stored> = (0..2_600)
        .map(|number| {
            let mut one = Stored::new(number);
            one.name = ["Ada Byron", "Alan Turing", "Grace Hopper"][number as usize % 3].into();
            one.property = format!("{} Mill Lane", number % 40);
            one.amount = (number % 7 != 0).then_some(100_000 + number % 11);
            one.status = match number % 100 {
                0 => ApplicationStatus::Stopped,
                1..5 => ApplicationStatus::Declined,
                _ => ApplicationStatus::Approved,
            };
            one.updated_at += Duration::minutes(number * 37 % 501);
            one
        })
        .collect();
    world.put_all(&applications::TABLE, stored.iter().map(Stored::item)).await;
    let model = world.read_model().await;
    let mut sorts = vec![Sort::Newest];
    for column in Column::ALL {
        sorts.extend([Sort::By(column, Direction::Ascending), Sort::By(column, Direction::Descending)]);
    }
    for sort in sorts {
        for status in [None, Some(ApplicationStatus::Declined), Some(ApplicationStatus::Approved)] {
            for search in ["", "mill", "turing", "hopper 39", "LN-00", "LN-0039", "3", "a", "nobody"] {
                let mut query = query(search, status, sort);
                query.at_most = 700;
                let listed = all(&model, query).await;
                let plain = plain(&stored, search, status, sort);
                assert_eq!(listed.len(), plain.len(), "{search:?} {status:?} {sort:?}");
                // Of those that were updated in one minute, either may come first.
                if !matches!(sort, Sort::By(Column::Updated, _)) {
                    assert_eq!(listed, plain, "{search:?} {status:?} {sort:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended_although_its_rows_have_moved() {
    let world = World::new().await;
    let mut stored: Vec<Stored> = (0..60).map(Stored::new).collect();
    world.put_all(&applications::TABLE, stored.iter().map(Stored::item)).await;
    let model = world.read_model().await;
    for column in [Column::Updated, Column::Status] {
        let sort = Sort::By(column, Direction::Descending);
        let mut query = query("", None, sort);
        query.at_most = 20;
        let first = model.list(query.clone()).await.unwrap();
        // The last row of the page moves to where the list begins.
        let moved = references(&first).pop().unwrap();
        let moved = stored.iter_mut().find(|one| one.reference == moved).unwrap();
        moved.updated_at = OffsetDateTime::now_utc();
        moved.status = ApplicationStatus::Stopped;
        world.store(moved).await;
        query.after = first.next.clone();
        let mut rest = all(&model, query).await;
        assert_eq!(rest.len(), 40, "{column:?}");
        rest.extend(references(&first));
        rest.sort_unstable();
        rest.dedup();
        assert_eq!(rest.len(), 60, "{column:?}: each row once");
    }
}

#[tokio::test]
async fn tables_that_take_many_pages_to_read_are_read_whole() {
    let world = World::new().await;
    // DynamoDB ends a page at 1 MB: seven of these are more.
    let large = |number| {
        let mut one = Stored::new(number);
        one.extra = json!({ "valuation": json!({ "propertyValue": 1, "comment": "x".repeat(200_000) }).to_string() });
        one.updated_at = OffsetDateTime::now_utc();
        one
    };
    world.put_all(&applications::TABLE, (0..7).map(|number| large(number).item())).await;
    let model = world.read_model().await;
    assert_eq!(found(&model, "").await.len(), 7);
    // And what changes while it is open.
    world.put_all(&applications::TABLE, (7..14).map(|number| large(number).item())).await;
    assert_eq!(found(&model, "").await.len(), 14);
    let property = Property { name_or_number: " rose  COTTAGE".parse().unwrap(), postcode: "PO1 1CE".parse().unwrap() };
    assert_eq!(model.valued(&property).await.unwrap().len(), 14);
}

#[tokio::test]
async fn applications_that_are_told_to_wait_for_a_task_that_is_over_are_found() {
    let world = World::new().await;
    let waits = |number: i64, task: &str| {
        let mut one = Stored::new(number);
        one.status = ApplicationStatus::WaitingForValuation;
        let at = crate::timestamp::write(one.submitted_at);
        one.extra = json!({ "waitingId": task, "waitingSince": at, "waitingUntil": at });
        one
    };
    let minutes = |minutes| FIRST + Duration::minutes(minutes);
    for (number, id, state) in [(1, "open", "open"), (2, "old", "abandoned"), (3, "new", "abandoned")] {
        world.store(&waits(number, id)).await;
        let mut item = task(id, &waits(number, id), state, None, FIRST);
        item.insert("updatedAt".into(), time(minutes(10 * number)));
        world.put(&tasks::TABLE, item).await;
    }
    // It waits for another task by now.
    world.store(&waits(4, "another")).await;
    world.put(&tasks::TABLE, task("before", &waits(4, "another"), "abandoned", None, FIRST)).await;
    let model = world.read_model().await;
    let overtaken = async |since: Option<i64>, until: i64| {
        let ids = model.overtaken(since.map(minutes), minutes(until)).await.unwrap();
        ids.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(overtaken(None, 60).await, ["old", "new"]);
    assert_eq!(overtaken(None, 30).await, ["old"]);
    assert_eq!(overtaken(Some(25), 60).await, ["new"]);
    assert_eq!(overtaken(Some(31), 60).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_waits_is_listed_by_deadline_page_by_page_and_counted() {
    let world = World::new().await;
    let items = (0..120).map(|number| {
        let deadline = FIRST + Duration::days(number / 5);
        let state = if number % 10 == 9 { "answered" } else { "open" };
        let mut item = task(&format!("task-{number:03}"), &Stored::new(number), state, None, deadline);
        if state == "answered" {
            let answer = json!({ "says": { "success": { "output": 1 } }, "at": "2026-06-01T10:00:00Z" });
            item.insert("answer".into(), text(answer.to_string()));
        }
        if number % 3 == 0 {
            item.insert("kind".into(), text("manual_valuation"));
        }
        item
    });
    world.put_all(&tasks::TABLE, items).await;
    let model = world.read_model().await;
    for (on, expected) in [(None, 108), (Some(WaitingOn::Staff), 36), (Some(WaitingOn::ValuationService), 72)] {
        let (mut after, mut listed) = (None, Vec::new());
        loop {
            let page = model.waiting(on, after, 50).await.unwrap();
            listed.extend(page.items.iter().map(|item| (item.deadline, item.id.clone())));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed.len(), expected);
        assert!(listed.is_sorted());
    }
    let count = model.waiting_count().await.unwrap();
    assert_eq!((count.on_staff, count.on_valuation_service), (36, 72));
}
