//! Filters, tallies, stages and times to answer, each beside a plain count.

use app::desk::{Age, Days, Stage};
use time::Date;

use super::*;
use crate::read_model::{Filter, since};

/// Applications of 40 days: most are decided within a day, the last ones wait.
fn stored() -> Vec<Stored> {
    (0..2_600)
        .map(|number| {
            let mut one = Stored::new(number);
            one.submitted_at = FIRST + Duration::minutes(number * 22);
            one.name = ["Ada Byron", "Alan Turing", "Grace Hopper"][number as usize % 3].into();
            one.updated_at = one.submitted_at + Duration::minutes(number * 37 % 1_501);
            one.status = match number {
                2_500.. => ApplicationStatus::WaitingForManualValuation,
                _ if number % 100 == 0 => ApplicationStatus::NeedsAttention,
                _ if number % 10 == 0 => ApplicationStatus::Declined,
                _ => ApplicationStatus::Approved,
            };
            let at = crate::timestamp::write;
            one.extra = match one.status {
                ApplicationStatus::WaitingForManualValuation => json!({
                    "waitingId": format!("task-{number}"),
                    "waitingSince": at(one.submitted_at),
                    "waitingUntil": at(one.submitted_at + Duration::DAY),
                }),
                _ => json!({ "decidedAt": at(one.updated_at) }),
            };
            one
        })
        .collect()
}

fn is_among(days: Days, day: Date) -> bool {
    days.from.is_none_or(|from| from <= day) && days.to.is_none_or(|to| day <= to)
}

fn matches(one: &Stored, filter: &Filter) -> bool {
    let words = filter.search.to_lowercase();
    let is_waiting = one.status == ApplicationStatus::WaitingForManualValuation;
    let in_stage_since = if is_waiting { one.submitted_at } else { one.updated_at };
    let is_decided = one.status.is_decision();
    words.split_whitespace().all(|word| one.name.to_lowercase().contains(word))
        && (filter.statuses.is_empty() || filter.statuses.contains(&one.status))
        && filter.in_stage_since.is_none_or(|(from, until)| from <= in_stage_since && in_stage_since < until)
        && is_among(filter.submitted, app::domain::uk_day(one.submitted_at))
        && (filter.decided.is_any() || is_decided && is_among(filter.decided, app::domain::uk_day(one.updated_at)))
}

#[tokio::test]
async fn lists_and_tallies_agree_with_a_plain_count_for_every_filter() {
    let world = World::new().await;
    let stored = stored();
    world.put_all(&applications::TABLE, stored.iter().map(Stored::item)).await;
    let model = world.read_model().await;
    let day = |number: i64| Some(app::domain::uk_day(FIRST + Duration::days(number)));
    let any = Days::default();
    let all_days =
        [any, Days { from: day(3), to: day(5) }, Days { from: day(39), to: None }, Days { from: None, to: day(30) }];
    let now = stored.last().unwrap().submitted_at + Duration::minutes(10);
    let statuses = [vec![], vec![ApplicationStatus::Declined], Stage::WithStaff.statuses().to_vec()];
    for (place, submitted) in all_days.into_iter().enumerate() {
        for decided in [any, all_days[(place + 1) % all_days.len()]] {
            for (search, age) in [("", None), ("turing", None), ("", Some(Age::UnderADay)), ("ada", Some(Age::Older))] {
                for statuses in &statuses {
                    let filter = Filter {
                        search: search.to_owned(),
                        statuses: statuses.clone(),
                        in_stage_since: age.map(|age| since(age, now)),
                        submitted,
                        decided,
                    };
                    check(&model, &stored, filter).await;
                }
            }
        }
    }
}

async fn check(model: &ReadModel, stored: &[Stored], filter: Filter) {
    let mut plain: Vec<&str> =
        stored.iter().filter(|one| matches(one, &filter)).map(|one| one.reference.as_str()).collect();
    plain.reverse();
    for sort in [Sort::Newest, Sort::By(Column::Amount, Direction::Descending)] {
        let mut listed = all(model, Query { filter: filter.clone(), sort, after: None, at_most: 700 }).await;
        if sort != Sort::Newest {
            listed.sort_unstable_by(|a, b| b.cmp(a));
        }
        assert_eq!(listed, plain, "{filter:?} {sort:?}");
    }
    let tally = model.tally(filter.clone()).await.unwrap();
    match tally.is_exact {
        true => assert_eq!(tally.count, plain.len(), "{filter:?}"),
        false => assert!(tally.count == 1_000 && plain.len() > 1_000, "{filter:?}"),
    }
    let anywhere = Filter { statuses: vec![], in_stage_since: None, ..filter.clone() };
    for status in ApplicationStatus::ALL {
        let at_status = stored.iter().filter(|one| one.status == status && matches(one, &anywhere)).count();
        assert!(tally.at(status).is_none_or(|count| count == at_status), "{filter:?} {status}");
    }
}

#[tokio::test]
async fn a_page_knows_how_many_rows_are_before_it() {
    let world = World::new().await;
    world.put_all(&applications::TABLE, (0..7).map(|number| Stored::new(number).item())).await;
    let model = world.read_model().await;
    let mut query = Query { filter: Filter::default(), sort: Sort::Newest, after: None, at_most: 3 };
    let mut pages = Vec::new();
    loop {
        let page = model.list(query.clone()).await.unwrap();
        pages.push((page.before, page.rows.len()));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, [(0, 3), (3, 3), (6, 1)]);
}

#[tokio::test]
async fn stages_are_counted_by_age_and_what_is_overdue_apart() {
    let world = World::new().await;
    let now = FIRST + Duration::days(20);
    let ago = |number: i64, status, ago: Duration| {
        let mut one = Stored::new(number);
        (one.status, one.submitted_at, one.updated_at) = (status, now - ago, now - ago);
        one
    };
    let waits = |number: i64, since: Duration, limit: Duration| {
        let mut one = ago(number, ApplicationStatus::WaitingForValuation, since);
        let (since, until) = (crate::timestamp::write(now - since), crate::timestamp::write(now - since + limit));
        one.extra = json!({ "waitingId": format!("t{number}"), "waitingSince": since, "waitingUntil": until });
        one
    };
    for (number, since, limit) in [
        (1, Duration::minutes(59), Duration::HOUR),
        (2, Duration::minutes(61), Duration::HOUR),
        (3, Duration::days(6), Duration::WEEK),
    ] {
        let one = waits(number, since, limit);
        world.store(&one).await;
        world.put(&tasks::TABLE, task(&format!("t{number}"), &one, "open", None, now - since + limit)).await;
    }
    world.store(&ago(4, ApplicationStatus::Submitted, Duration::ZERO)).await;
    world.store(&ago(5, ApplicationStatus::InProgress, Duration::days(8))).await;
    world.store(&ago(6, ApplicationStatus::NeedsAttention, Duration::days(8))).await;
    world.store(&ago(7, ApplicationStatus::Approved, Duration::days(8))).await;
    let model = world.read_model().await;
    let stages = model.overview(now).await.unwrap().stages;
    let counted: Vec<_> = stages.iter().map(|count| (count.stage, count.by_age, count.overdue)).collect();
    assert_eq!(
        counted,
        [
            (Stage::WithValuer, [1, 1, 1, 0], 1),
            (Stage::WithStaff, [0, 0, 0, 0], 0),
            (Stage::InProgress, [1, 0, 0, 1], 0),
            (Stage::NeedsAttention, [0, 0, 0, 1], 0),
        ]
    );
}

#[tokio::test]
async fn answers_are_counted_by_the_part_of_their_time_and_follow_every_change() {
    let world = World::new().await;
    let now = FIRST + Duration::days(2);
    let deadline = FIRST + Duration::hours(10);
    let answered = |id: &str, state: &str, says: Value, hours: i64| {
        let mut one = Stored::new(0);
        one.updated_at = OffsetDateTime::now_utc();
        let mut item = task(id, &one, state, None, deadline);
        item.insert("since".into(), time(FIRST));
        let at = crate::timestamp::write(FIRST + Duration::hours(hours));
        item.insert("answer".into(), text(json!({ "says": says, "at": at }).to_string()));
        item
    };
    let value = json!({ "success": { "output": {} } });
    let none = json!({ "failure": { "error": "ValuationFailed", "cause": "" } });
    let put = async |item| world.put(&tasks::TABLE, item).await;
    put(answered("a", "answered", value.clone(), 1)).await;
    put(answered("b", "answered", none, 9)).await;
    put(answered("c", "lapsed", value.clone(), 1)).await;
    put(answered("d", "open", value.clone(), 1)).await;
    put(answered("e", "failed", value.clone(), 1)).await;
    put(answered("f", "abandoned", value.clone(), 1)).await;
    let model = world.read_model().await;
    let overview = model.overview(now).await.unwrap();
    let valuer = overview.times_to_answer[0];
    assert_eq!((valuer.in_time, valuer.not_in_time), ([0, 1, 0, 0, 0, 0, 0, 0, 0, 1], 1));
    assert_eq!(overview.times_to_answer[1].all(), 0);
    let day = overview.valuer[27];
    assert_eq!((day.day, overview.valuer.len()), (app::domain::uk_day(FIRST), 30));
    assert_eq!((day.on_time, day.failed, day.late, day.unanswered), (1, 2, 0, 1));
    // The lapsed one is answered after all, and the open one in time.
    put(answered("c", "too_late", value.clone(), 11)).await;
    put(answered("d", "answered", value, 5)).await;
    let overview = model.overview(now).await.unwrap();
    let day = overview.valuer[27];
    assert_eq!((day.on_time, day.failed, day.late, day.unanswered), (2, 2, 1, 0));
    assert_eq!(overview.times_to_answer[0].in_time, [0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
}
