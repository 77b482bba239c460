//! The order of a list, and a page of it.

use std::cmp::Ordering;

use app::{
    desk::{Column, Direction, Sort},
    domain::ApplicationStatus,
};

use super::{Record, register::Entry};

/// What a column says of an application, to compare it by. One column has keys of one kind only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Text(&'a str),
    Number(i128),
}

struct Place<'a> {
    key: Option<Key<'a>>,
    entry: &'a Entry,
}

/// The first `size` of `entries` behind `after`, and whether there are more.
///
/// What says nothing in the column comes last, whichever way; what says the same, the newest first.
pub fn page<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    sort: Sort,
    after: Option<&Entry>,
    size: usize,
) -> (Vec<&'a Entry>, bool) {
    let compare = |a: &Place<'a>, b: &Place<'a>| compare(a, b, sort);
    let mut places: Vec<Place<'_>> = entries.map(|entry| place(entry, sort)).collect();
    if let Some(after) = after {
        let after = place(after, sort);
        places.retain(|place| self::compare(place, &after, sort).is_gt());
    }
    let has_more = places.len() > size;
    if has_more {
        // Only what is shown has to be in order.
        places.select_nth_unstable_by(size, compare);
        places.truncate(size);
    }
    places.sort_unstable_by(compare);
    (places.into_iter().map(|place| place.entry).collect(), has_more)
}

fn place(entry: &Entry, sort: Sort) -> Place<'_> {
    let key = match sort {
        Sort::Newest => None,
        Sort::By(column, _) => key(entry, column),
    };
    Place { key, entry }
}

fn compare<'a>(a: &Place<'a>, b: &Place<'a>, sort: Sort) -> Ordering {
    let by_key = match (&a.key, &b.key) {
        (Some(a), Some(b)) if matches!(sort, Sort::By(_, Direction::Descending)) => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    let (a, b) = (&a.entry.record, &b.entry.record);
    let reference = |record: &'a Record| record.application.application_reference.as_str();
    by_key.then_with(|| b.submitted_at.cmp(&a.submitted_at)).then_with(|| reference(a).cmp(reference(b)))
}

fn key(entry: &Entry, column: Column) -> Option<Key<'_>> {
    let Entry { record, names, .. } = entry;
    match column {
        Column::Reference => Some(Key::Text(&names.reference)),
        Column::Applicant => Some(Key::Text(names.applicant.as_deref()?)),
        Column::Property => Some(Key::Text(&names.property)),
        Column::Amount => Some(Key::Number(record.application.loan_amount?.pence().into())),
        // Two decimals is all it has.
        Column::LoanToValue => Some(Key::Number((record.loan_to_value? * 100.0).round() as i128)),
        Column::Status => {
            let place = ApplicationStatus::ALL.iter().position(|status| *status == record.status)?;
            Some(Key::Number(place as i128))
        }
        Column::Deadline => Some(Key::Number(record.deadline()?.unix_timestamp_nanos())),
        Column::Updated => Some(Key::Number(record.updated_at.unix_timestamp_nanos())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn entry(reference: &str, loan_amount: Option<&str>) -> Entry {
        let mut application = json!({
            "applicationReference": reference, "property": {"nameOrNumber": "999", "postcode": "PO1 1CE"},
        });
        if let Some(amount) = loan_amount {
            application["loanAmount"] = json!(amount);
        }
        let record = Record {
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
        };
        Entry::new(record, String::new())
    }

    fn references(entries: &[&Entry]) -> Vec<String> {
        entries.iter().map(|entry| entry.record.application.application_reference.to_string()).collect()
    }

    fn four() -> [Entry; 4] {
        [entry("b", Some("100000")), entry("C", None), entry("a", Some("90000.50")), entry("d", Some("100000"))]
    }

    fn sorted(column: Column, direction: Direction) -> Vec<String> {
        references(&page(four().iter(), Sort::By(column, direction), None, 4).0)
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

    #[test]
    fn pages_follow_each_other_without_a_gap_or_a_repetition() {
        let entries = four();
        for sort in [Sort::Newest, Sort::By(Column::Amount, Direction::Descending)] {
            let (whole, has_more) = page(entries.iter(), sort, None, 4);
            assert!(!has_more);
            let (first, has_more) = page(entries.iter(), sort, None, 3);
            assert!(has_more);
            let (rest, has_more) = page(entries.iter(), sort, first.last().copied(), 3);
            assert!(!has_more);
            assert_eq!(references(&[first, rest].concat()), references(&whole));
        }
    }
}
