//! Lists in another order than newest first. No index has them in that order: they are sorted here.

use std::cmp::Ordering;

use app::{
    desk::{ApplicationRow, Column, Direction},
    domain::ApplicationStatus,
};

use super::Record;

/// What a column says of an application, to compare it by. One column has keys of one kind only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(String),
    Number(i128),
}

/// Sorts by a column. What says nothing in it comes last, whichever way; what says the same stays as it was.
pub fn sort(records: Vec<Record>, column: Column, direction: Direction) -> Vec<Record> {
    let mut keyed: Vec<_> = records.into_iter().map(|record| (key(&record.row(), column), record)).collect();
    keyed.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) if direction == Direction::Descending => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    keyed.into_iter().map(|(_, record)| record).collect()
}

fn key(row: &ApplicationRow, column: Column) -> Option<Key> {
    let application = &row.application;
    let text = |text: &str| Some(Key::Text(text.to_lowercase()));
    match column {
        Column::Reference => text(application.application_reference.as_str()),
        Column::Applicant => text(application.applicant.as_deref()?),
        Column::Property => text(&application.property.name_or_number),
        Column::Amount => Some(Key::Number(application.loan_amount?.pence().into())),
        // Two decimals is all it has.
        Column::LoanToValue => Some(Key::Number((row.loan_to_value? * 100.0).round() as i128)),
        Column::Status => {
            let place = ApplicationStatus::ALL.iter().position(|status| *status == row.status)?;
            Some(Key::Number(place as i128))
        }
        Column::Deadline => Some(Key::Number(row.waiting.as_ref()?.deadline.unix_timestamp_nanos())),
        Column::Updated => Some(Key::Number(row.updated_at.unix_timestamp_nanos())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn record(reference: &str, loan_amount: Option<&str>) -> Record {
        let mut application = json!({
            "applicationReference": reference, "property": {"nameOrNumber": "999", "postcode": "PO1 1CE"},
        });
        if let Some(amount) = loan_amount {
            application["loanAmount"] = json!(amount);
        }
        Record {
            application: serde_json::from_value(application).unwrap(),
            status: ApplicationStatus::Valued,
            submitted_at: datetime!(2026-11-22 10:00 UTC),
            submitted_by: None,
            updated_at: datetime!(2026-11-22 10:00 UTC),
            execution_arn: "arn".into(),
            pause: None,
            loan_to_value: None,
            remark: None,
            valuation: None,
            decided_at: None,
        }
    }

    fn sorted(column: Column, direction: Direction) -> Vec<String> {
        let records = vec![
            record("b", Some("100000")),
            record("C", None),
            record("a", Some("90000.50")),
            record("d", Some("100000")),
        ];
        let sorted = sort(records, column, direction);
        sorted.iter().map(|record| record.application.application_reference.to_string()).collect()
    }

    #[test]
    fn amounts_are_numbers_and_what_has_none_comes_last_both_ways() {
        assert_eq!(sorted(Column::Amount, Direction::Ascending), ["a", "b", "d", "C"]);
        assert_eq!(sorted(Column::Amount, Direction::Descending), ["b", "d", "a", "C"]);
    }

    #[test]
    fn words_are_sorted_whatever_their_case() {
        assert_eq!(sorted(Column::Reference, Direction::Ascending), ["a", "b", "C", "d"]);
        assert_eq!(sorted(Column::Reference, Direction::Descending), ["d", "C", "b", "a"]);
    }
}
