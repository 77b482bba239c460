use std::time::Duration;

use app::domain::{Money, TaskKind};
use serde_json::json;
use time::macros::datetime;

use super::*;
use crate::{
    callbacks::Outcome,
    invocation::PausedTaskId,
    tasks::{Answer, Says},
    workflow::FailureEvent,
};

fn record(status: ApplicationStatus) -> Record {
    let application = json!({
        "applicationReference": "app-ref", "property": {"nameOrNumber": "999", "postcode": "PO1 1CE"},
    });
    Record {
        application: serde_json::from_value(application).unwrap(),
        status,
        submitted_at: datetime!(2026-11-22 14:31:30 UTC),
        submitted_by: None,
        updated_at: datetime!(2026-11-22 14:31:30 UTC),
        execution_arn: "arn".into(),
        pause: None,
        loan_to_value: None,
        remark: None,
        valuation: None,
        decided_at: None,
        policy: None,
        other_references: Vec::new(),
    }
}

fn request(state: State) -> PausedTask {
    PausedTask {
        id: PausedTaskId::from_key("r"),
        kind: TaskKind::Valuation,
        application_reference: "app-ref".parse().unwrap(),
        execution_arn: "arn".into(),
        application: record(ApplicationStatus::Submitted).application,
        since: datetime!(2026-11-22 14:31:31 UTC),
        deadline: datetime!(2026-11-22 14:32:01 UTC),
        timeout: Duration::from_secs(30),
        retries: 0,
        valuation_reference: Some("CNMg".into()),
        failure: None,
        policy: None,
        state,
    }
}

/// Asked for when the request for the valuation had timed out, a little before its deadline by the desk's clock.
fn manual(state: State) -> PausedTask {
    PausedTask {
        id: PausedTaskId::from_key("m"),
        kind: TaskKind::ManualValuation,
        since: datetime!(2026-11-22 14:32:00.9 UTC),
        deadline: datetime!(2026-11-22 14:42:00.9 UTC),
        timeout: Duration::from_secs(600),
        valuation_reference: Some("CNMg".into()),
        ..request(state)
    }
}

fn timed_out(id: &str, at: OffsetDateTime) -> Timeline {
    Timeline { timed_out: [(PausedTaskId::from_key(id), at)].into(), ..Timeline::default() }
}

fn texts(story: &[StoryEntry]) -> Vec<&str> {
    story.iter().map(|entry| entry.text.as_str()).collect()
}

#[test]
fn a_late_answer_is_told_after_the_deadline_that_it_missed() {
    let late = Summary {
        received_at: datetime!(2026-11-22 14:36:01 UTC),
        outcome: Outcome::Late,
        value: Money::from_pence(66_600_000).ok(),
    };
    let mut record = record(ApplicationStatus::NeedsAttention);
    record.decided_at = Some(datetime!(2026-11-22 14:40 UTC));
    record.remark = Some("The valuation service timed out, and nobody valued the property manually in time.".into());
    let told = tell(&record, &[request(State::Lapsed)], &[late], &Timeline::default());
    assert_eq!(told[1].due, Some(datetime!(2026-11-22 14:32:01 UTC)));
    assert_eq!(
        texts(&told),
        [
            "Application submitted",
            "Valuation requested, reference CNMg, answer due by",
            "The valuation service did not answer in time",
            "A late answer of £666,000 arrived 4 minutes after the deadline: kept, not used",
            "The valuation service timed out, and nobody valued the property manually in time.",
        ]
    );
}

#[test]
fn that_a_person_could_not_value_a_property_is_told_as_a_failure() {
    let says = Says::Failure { error: "CannotBeValued".into(), cause: "It was demolished".into() };
    let at = datetime!(2026-11-22 14:40 UTC);
    let answer = Answer { says, by: Some("Ann".into()), callback: None, at, versions: Vec::new() };
    let task = PausedTask { kind: TaskKind::ManualValuation, ..request(State::Answered(answer)) };
    let record = record(ApplicationStatus::WaitingForManualValuation);
    let told = tell(&record, &[task], &[], &Timeline::default());
    let entry = told.iter().find(|entry| entry.at == at).unwrap();
    assert_eq!(entry.text, "Ann could not value the property: It was demolished");
    assert_eq!(entry.kind, StoryKind::Failed);
}

#[test]
fn a_timeout_is_told_with_the_time_of_its_event_and_before_what_followed_from_it() {
    let record = record(ApplicationStatus::WaitingForManualValuation);
    let tasks = [request(State::Lapsed), manual(State::Open)];
    let expected = [
        "Application submitted",
        "Valuation requested, reference CNMg, answer due by",
        "The valuation service did not answer in time",
        "Manual valuation asked for, due by",
    ];
    let event = datetime!(2026-11-22 14:32:00.85 UTC);
    let told = tell(&record, &tasks, &[], &timed_out("r", event));
    assert_eq!(texts(&told), expected);
    assert_eq!(told[2].at, event);
    // The desk's clock is behind.
    let told = tell(&record, &tasks, &[], &timed_out("r", datetime!(2026-11-22 14:32:03 UTC)));
    assert_eq!(texts(&told), expected);
    // The history is no longer kept.
    assert_eq!(texts(&tell(&record, &tasks, &[], &Timeline::default())), expected);
}

#[test]
fn the_deadline_that_ends_an_application_is_one_entry_with_the_reason_and_the_error() {
    let mut record = record(ApplicationStatus::NeedsAttention);
    record.decided_at = Some(datetime!(2026-11-22 14:42:00.85 UTC));
    record.remark = Some("The valuation service timed out, and nobody valued the property manually in time.".into());
    let error = "ValuationServiceTimedOut: The valuation service timed out".to_owned();
    let timeline = Timeline {
        failure: Some(FailureEvent { at: datetime!(2026-11-22 14:42:00.87 UTC), error: Some(error.clone()) }),
        ..timed_out("m", datetime!(2026-11-22 14:42:00.84 UTC))
    };
    let told = tell(&record, &[request(State::Lapsed), manual(State::Lapsed)], &[], &timeline);
    assert_eq!(
        texts(&told)[2..],
        [
            "The valuation service did not answer in time",
            "Manual valuation asked for, due by",
            "The valuation service timed out, and nobody valued the property manually in time.",
        ]
    );
    let end = told.last().unwrap();
    assert_eq!((end.at, end.details.as_ref()), (datetime!(2026-11-22 14:42:00.84 UTC), Some(&error)));
}

#[test]
fn a_stop_is_told_with_the_time_of_its_event_and_nothing_lapses_after_it() {
    let mut record = record(ApplicationStatus::Stopped);
    // The desk learned of it later.
    record.decided_at = Some(datetime!(2026-11-22 14:32:30 UTC));
    record.remark = Some("Its workflow was stopped by an operator.".into());
    let at = datetime!(2026-11-22 14:31:40 UTC);
    let timeline = Timeline { failure: Some(FailureEvent { at, error: None }), ..Timeline::default() };
    let told = tell(&record, &[request(State::Lapsed)], &[], &timeline);
    assert_eq!(
        texts(&told)[1..],
        ["Valuation requested, reference CNMg, answer due by", "Its workflow was stopped by an operator."]
    );
    assert_eq!(told.last().unwrap().at, at);
}

#[test]
fn an_outcome_comes_after_the_answer_that_led_to_it_although_clocks_differ() {
    let answer = Answer {
        says: Says::Success { output: json!({ "propertyValue": 666_000 }) },
        by: None,
        callback: None,
        at: datetime!(2026-11-22 14:31:36.5 UTC),
        versions: Vec::new(),
    };
    let mut record = record(ApplicationStatus::Approved);
    record.decided_at = Some(datetime!(2026-11-22 14:31:36.4 UTC));
    let told = tell(&record, &[request(State::Answered(answer))], &[], &Timeline::default());
    assert_eq!(texts(&told)[2..], ["The valuation service valued the property at £666,000", "Approved"]);
}
