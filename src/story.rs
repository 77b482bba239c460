//! What happened to an application, in sentences.

use std::time::Duration;

use app::{
    desk::{StoryEntry, StoryKind},
    domain::{ApplicationStatus, ManualValuationAnswer, Money, TaskKind, percent_in_words},
};
use time::OffsetDateTime;

use crate::{
    applications::Record,
    callbacks::{Outcome, Summary},
    tasks::{Answer, Failure, PausedTask, Says, State, TIMED_OUT, read_manual_valuation},
    timestamp::day,
    valuation,
};

/// The story of one application, oldest first.
pub fn tell(record: &Record, tasks: &[PausedTask], callbacks: &[Summary]) -> Vec<StoryEntry> {
    let mut story = vec![entry(record.submitted_at, StoryKind::Submitted, submitted(record))];
    for task in tasks {
        match task.kind {
            TaskKind::Valuation => tell_request(task, &mut story),
            TaskKind::ManualValuation => tell_work_item(task, &mut story),
        }
    }
    story.extend(callbacks.iter().filter_map(|callback| tell_callback(callback, tasks)));
    story.extend(tell_answer_past_the_desk(record, tasks));
    story.extend(tell_outcome(record));
    // Stable: what happened in the same millisecond stays in the order of its causes.
    story.sort_by_key(|entry| entry.at);
    story
}

/// Why an application came to the desk of whoever values manually.
pub fn why_by_hand(failure: Option<&Failure>) -> String {
    let Some(failure) = failure else { return "The valuation service gave no value.".to_owned() };
    if failure.error == TIMED_OUT {
        return match failure.timeout_seconds {
            Some(seconds) => {
                format!("The valuation service did not answer within {}.", duration(Duration::from_secs(seconds)))
            }
            None => "The valuation service did not answer in time.".to_owned(),
        };
    }
    match failure.task_error.as_deref() {
        Some("ValuationFailed") => "The valuation service could not value the property.",
        Some("ValuationServiceUnavailable") => "The valuation service could not be reached.",
        Some("ValuationServiceRefused") => "The valuation service would not take the request.",
        _ => "The valuation failed.",
    }
    .to_owned()
}

fn entry(at: OffsetDateTime, kind: StoryKind, text: impl Into<String>) -> StoryEntry {
    StoryEntry { at, kind, text: text.into(), due: None }
}

/// A sentence that ends with when the answer is due.
fn asked(task: &PausedTask, text: impl Into<String>) -> StoryEntry {
    StoryEntry { due: Some(task.deadline), ..entry(task.since, StoryKind::Requested, text) }
}

fn submitted(record: &Record) -> String {
    match &record.submitted_by {
        Some(name) => format!("Application submitted by {name}"),
        None => "Application submitted".to_owned(),
    }
}

fn tell_request(task: &PausedTask, story: &mut Vec<StoryEntry>) {
    let again = match task.retries {
        0 => String::new(),
        1 => " after a failed attempt".to_owned(),
        n => format!(" after {n} failed attempts"),
    };
    story.push(match (&task.valuation_reference, &task.state) {
        (_, State::Failed) => entry(
            task.since,
            StoryKind::Failed,
            "Valuation requested; the valuation service could not take the request",
        ),
        (Some(reference), _) => {
            asked(task, format!("Valuation requested{again}, reference {reference}, answer due by"))
        }
        (None, _) => asked(task, format!("Valuation requested{again}, answer due by")),
    });
    match &task.state {
        State::Answering(answer) | State::Answered(answer) => story.push(entry(
            answer.at,
            if matches!(answer.says, Says::Success { .. }) { StoryKind::Answered } else { StoryKind::Failed },
            service_said(answer),
        )),
        // The callback that was too late is told by itself, and so is what came instead.
        State::TooLate(answer) if answer.at < task.deadline => {}
        State::Lapsed | State::TooLate(_) => {
            story.push(entry(task.deadline, StoryKind::Lapsed, "The valuation service did not answer in time"));
        }
        // What came instead is told next.
        State::Requesting | State::Open | State::Failed | State::Abandoned => {}
    }
}

fn service_said(answer: &Answer) -> String {
    match &answer.says {
        Says::Success { output } => match valuation::pounds(&output["propertyValue"]) {
            Some(value) => format!("The valuation service valued the property at {value}"),
            None => "The valuation service answered".to_owned(),
        },
        Says::Failure { .. } => "The valuation service answered that the valuation failed".to_owned(),
    }
}

fn tell_work_item(task: &PausedTask, story: &mut Vec<StoryEntry>) {
    story.push(asked(task, "Manual valuation asked for, due by"));
    match &task.state {
        State::Answering(answer) | State::Answered(answer) => {
            let kind = match answer.says {
                Says::Success { .. } => StoryKind::Answered,
                Says::Failure { .. } => StoryKind::Failed,
            };
            story.push(entry(answer.at, kind, person_said(answer)));
        }
        State::TooLate(answer) => {
            let why = if answer.at < task.deadline { "Nobody waited for it any more" } else { "It came too late" };
            let text = format!("{}. {why}: kept, not used", person_said(answer));
            story.push(entry(answer.at, StoryKind::Kept, text));
        }
        State::Lapsed | State::Failed => {
            story.push(entry(task.deadline, StoryKind::Lapsed, "Nobody valued the property manually in time"));
        }
        State::Requesting | State::Open | State::Abandoned => {}
    }
}

fn person_said(answer: &Answer) -> String {
    let by = answer.by.as_deref().unwrap_or("Somebody");
    match read_manual_valuation(&answer.says) {
        Some(ManualValuationAnswer::Value { value, valued_on, basis, comment }) => {
            let (basis, valued_on) = (basis_words(basis), day(valued_on));
            let comment = if comment.is_empty() { String::new() } else { format!(": {comment}") };
            format!("{by} valued the property at {value} ({basis}, {valued_on}){comment}")
        }
        Some(ManualValuationAnswer::CannotValue { reason }) => format!("{by} could not value the property: {reason}"),
        None => format!("{by} answered"),
    }
}

/// A valuation that the workflow took although no task of the desk's brought it: somebody used the task token.
fn tell_answer_past_the_desk(record: &Record, tasks: &[PausedTask]) -> Option<StoryEntry> {
    let brought = |task: &PausedTask| {
        task.execution_arn == record.execution_arn && matches!(task.state, State::Answering(_) | State::Answered(_))
    };
    if tasks.iter().any(brought) {
        return None;
    }
    let value = valuation::pounds(&record.valuation.as_ref()?["propertyValue"])?;
    let text = format!("The property was valued at {value}, by an answer that did not come through this desk");
    Some(entry(record.decided_at?, StoryKind::Answered, text))
}

fn basis_words(basis: app::domain::ValuationBasis) -> &'static str {
    match basis {
        app::domain::ValuationBasis::Desktop => "desktop",
        app::domain::ValuationBasis::DriveBy => "drive-by",
        app::domain::ValuationBasis::Physical => "physical inspection",
    }
}

/// A callback that was not used. (One that was stands with its request.)
fn tell_callback(callback: &Summary, tasks: &[PausedTask]) -> Option<StoryEntry> {
    let value = callback.value;
    let of_value = |value: Option<Money>| value.map(|value| format!(" of {value}")).unwrap_or_default();
    let text = match &callback.outcome {
        Outcome::Late => {
            let deadline = tasks
                .iter()
                .filter(|task| task.kind == TaskKind::Valuation && task.deadline <= callback.received_at)
                .map(|task| task.deadline)
                .max();
            let after = deadline.map_or_else(String::new, |deadline| {
                let late = (callback.received_at - deadline).unsigned_abs();
                format!(" {} after the deadline", duration(late))
            });
            format!("A late answer{} arrived{after}: kept, not used", of_value(value))
        }
        Outcome::Duplicate => format!("The same answer{} arrived again: kept, not used", of_value(value)),
        Outcome::Conflicting => format!("Another answer{} arrived: kept, not used", of_value(value)),
        Outcome::Unknown => "An answer with an unknown valuation reference arrived: kept, not used".to_owned(),
        Outcome::Parked => "An answer arrived before its reference was known: kept".to_owned(),
        Outcome::TooMany => {
            "An answer arrived before its reference was known: not used, and to be sent again".to_owned()
        }
        Outcome::Received | Outcome::Accepted | Outcome::Refused | Outcome::Malformed(_) => return None,
    };
    Some(entry(callback.received_at, StoryKind::Kept, text))
}

fn tell_outcome(record: &Record) -> Option<StoryEntry> {
    let at = record.decided_at?;
    let to_value = record
        .loan_to_value
        .map(|percent| format!(": loan-to-value {}", percent_in_words(percent)))
        .unwrap_or_default();
    let remark = |otherwise: &str| record.remark.clone().unwrap_or_else(|| otherwise.to_owned());
    let (kind, text) = match record.status {
        ApplicationStatus::Approved => (StoryKind::Decided, format!("Approved{to_value}")),
        ApplicationStatus::Referred => (StoryKind::Decided, format!("Referred to an underwriter{to_value}")),
        ApplicationStatus::Declined => match &record.remark {
            Some(remark) => (StoryKind::Decided, format!("Declined. {remark}")),
            None => (StoryKind::Decided, format!("Declined{to_value}")),
        },
        ApplicationStatus::Valued => {
            (StoryKind::Decided, "Valued; no loan amount was given, so there is nothing to decide".to_owned())
        }
        ApplicationStatus::NeedsAttention => (StoryKind::Failed, remark("The application could not be finished")),
        ApplicationStatus::Stopped => (StoryKind::Stopped, remark("Its workflow was stopped by an operator")),
        ApplicationStatus::Submitted
        | ApplicationStatus::WaitingForValuation
        | ApplicationStatus::InProgress
        | ApplicationStatus::WaitingForManualValuation => return None,
    };
    Some(entry(at, kind, text))
}

/// The two largest units: `5 days`, `1 hour 5 minutes`, `30 seconds`.
fn duration(of: Duration) -> String {
    let seconds = of.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (size, name) in units {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "less than a second".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::invocation::PausedTaskId;

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
            state,
        }
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
        record.remark =
            Some("The valuation service timed out, and nobody valued the property manually in time.".into());
        let told = tell(&record, &[request(State::Lapsed)], &[late]);
        assert_eq!(told[1].due, Some(datetime!(2026-11-22 14:32:01 UTC)));
        let told: Vec<_> = told.into_iter().map(|entry| entry.text).collect();
        assert_eq!(
            told,
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
        let answer = Answer { says, by: Some("Ann".into()), callback: None, at };
        let task = PausedTask { kind: TaskKind::ManualValuation, ..request(State::Answered(answer)) };
        let told = tell(&record(ApplicationStatus::WaitingForManualValuation), &[task], &[]);
        let entry = told.iter().find(|entry| entry.at == at).unwrap();
        assert_eq!(entry.text, "Ann could not value the property: It was demolished");
        assert_eq!(entry.kind, StoryKind::Failed);
    }

    #[test]
    fn durations_are_told_in_their_two_largest_units() {
        for (seconds, told) in [
            (30, "30 seconds"),
            (1, "1 second"),
            (432_000, "5 days"),
            (3_900, "1 hour 5 minutes"),
            (90_061, "1 day 1 hour"),
            (0, "less than a second"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), told);
        }
    }
}
