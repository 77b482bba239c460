//! What happened to an application, in sentences.

use app::{
    desk::{StoryEntry, StoryKind},
    domain::{ApplicationStatus, Money, TaskKind, percent_in_words},
    spelled_out,
};

use crate::{
    applications::Record,
    callbacks::{Outcome, Summary},
    tasks::{PausedTask, State},
    valuation,
};

/// The story of one application, oldest first.
pub fn tell(record: &Record, tasks: &[PausedTask], callbacks: &[Summary]) -> Vec<StoryEntry> {
    let mut story = vec![StoryEntry::new(record.submitted_at, StoryKind::Submitted, submitted(record))];
    for task in tasks {
        task.tell(&mut story);
    }
    story.extend(callbacks.iter().filter_map(|callback| tell_callback(callback, tasks)));
    story.extend(tell_answer_past_the_desk(record, tasks));
    story.extend(tell_outcome(record));
    // The sort is stable: entries of the same millisecond stay in the order of cause and effect.
    story.sort_by_key(|entry| entry.at);
    story
}

fn submitted(record: &Record) -> String {
    match &record.submitted_by {
        Some(name) => format!("Application submitted by {name}"),
        None => "Application submitted".to_owned(),
    }
}

/// A valuation that the workflow took although none of the desk's tasks was answered with it: somebody used the task token.
fn tell_answer_past_the_desk(record: &Record, tasks: &[PausedTask]) -> Option<StoryEntry> {
    let brought = |task: &PausedTask| {
        task.execution_arn == record.execution_arn && matches!(task.state, State::Answering(_) | State::Answered(_))
    };
    if tasks.iter().any(brought) {
        return None;
    }
    let value = valuation::pounds(&record.valuation.as_ref()?["propertyValue"])?;
    let text = format!("The property was valued at {value}, by an answer that did not come through this desk");
    Some(StoryEntry::new(record.decided_at?, StoryKind::Answered, text))
}

/// A callback that was not used. One that was used is told with its request.
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
                format!(" {} after the deadline", spelled_out(late))
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
    Some(StoryEntry::new(callback.received_at, StoryKind::Kept, text))
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
        ApplicationStatus::Referred => (StoryKind::Referred, format!("Referred to an underwriter{to_value}")),
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
    Some(StoryEntry::new(at, kind, text))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::{
        invocation::PausedTaskId,
        tasks::{Answer, Says},
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
        let answer = Answer { says, by: Some("Ann".into()), callback: None, at, versions: Vec::new() };
        let task = PausedTask { kind: TaskKind::ManualValuation, ..request(State::Answered(answer)) };
        let told = tell(&record(ApplicationStatus::WaitingForManualValuation), &[task], &[]);
        let entry = told.iter().find(|entry| entry.at == at).unwrap();
        assert_eq!(entry.text, "Ann could not value the property: It was demolished");
        assert_eq!(entry.kind, StoryKind::Failed);
    }
}
