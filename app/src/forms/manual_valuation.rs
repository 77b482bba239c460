//! The manual valuation form: a value, or the reason why the property cannot be valued.

use serde::{Deserialize, Serialize};
use time::{Date, macros::format_description};

use super::{FieldError, Reader, short_text};
use crate::{
    desk::Person,
    domain::{ManualValuationAnswer, Money, ValuationBasis, day_in_words, iso_day, oldest_valuation_day},
};

/// The fields as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ManualValuationForm {
    /// The name of the person who answers.
    pub name: String,
    /// `value` or `cannot_value`
    pub outcome: String,
    pub value: String,
    pub valued_on: String,
    /// `desktop`, `drive_by` or `physical`
    pub basis: String,
    pub comment: String,
    pub reason: String,
    /// Set by the button that shows the effect of the value without recording it.
    pub check: String,
    /// The value of a late answer, set by the button that puts it into the form.
    pub use_value: String,
    /// The value that the person has confirmed although it is unusual. Another value is asked about again.
    pub confirmed: String,
    /// Set if the form corrects a recorded answer.
    pub corrects: String,
    /// Why the recorded answer is corrected.
    pub correction: String,
    /// `next` to go on with the next item after the answer is recorded.
    pub then: String,
}

/// What a person wants when they send the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// See the effect of the value.
    Check,
    /// Put this value of a late answer into the form, and see its effect.
    Use(Money),
    Record,
}

/// The comment on a value that was taken from a late answer, unless the person wrote one.
pub const LATE_ANSWER_COMMENT: &str = "Late answer of the valuation service";

/// The two answers a person can choose between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Value,
    CannotValue,
}

impl Outcome {
    pub fn key(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::CannotValue => "cannot_value",
        }
    }
}

impl ManualValuationForm {
    pub fn intent(&self) -> Intent {
        match self.use_value.parse() {
            Ok(value) => Intent::Use(value),
            // An answer without a value has no effect to show.
            Err(_) if !self.check.is_empty() && self.outcome != Outcome::CannotValue.key() => Intent::Check,
            Err(_) => Intent::Record,
        }
    }

    /// The form with the value of a late answer.
    pub fn with_late_answer(mut self, value: Money) -> Self {
        self.outcome = Outcome::Value.key().to_owned();
        self.value = value.to_string().trim_start_matches('£').to_owned();
        if self.comment.trim().is_empty() {
            self.comment = LATE_ANSWER_COMMENT.to_owned();
        }
        self
    }

    pub fn is_correction(&self) -> bool {
        !self.corrects.is_empty()
    }

    /// The form as it is first shown: most properties can be valued.
    pub fn blank() -> Self {
        Self { outcome: Outcome::Value.key().to_owned(), ..Self::default() }
    }

    /// The form filled with a recorded answer, to be corrected.
    pub fn of(answer: &ManualValuationAnswer) -> Self {
        let form = match answer.clone() {
            ManualValuationAnswer::Value { value, valued_on, basis, comment } => Self {
                outcome: Outcome::Value.key().to_owned(),
                value: value.to_string().trim_start_matches('£').to_owned(),
                valued_on: iso_day(valued_on),
                basis: basis.key().to_owned(),
                comment,
                ..Self::default()
            },
            ManualValuationAnswer::CannotValue { reason } => {
                Self { outcome: Outcome::CannotValue.key().to_owned(), reason, ..Self::default() }
            }
        };
        Self { corrects: "1".to_owned(), ..form }
    }

    /// The value, if the form has a valid one.
    pub fn valid_value(&self) -> Option<Money> {
        if self.outcome == Outcome::Value.key() { self.value.parse().ok() } else { None }
    }

    pub fn confirmed_value(&self) -> Option<Money> {
        self.confirmed.parse().ok()
    }

    pub fn goes_on_to_next(&self) -> bool {
        self.then == "next"
    }

    /// Validates only the value, to show its effect.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut reader = Reader::default();
        match self.read_amount(&mut reader) {
            Some(_) => Ok(()),
            None => Err(reader.errors),
        }
    }

    /// Validates the form. The valuation must be dated within the twelve months before `today`.
    pub fn read(&self, today: Date) -> Result<(Person, ManualValuationAnswer), Vec<FieldError>> {
        let mut reader = Reader::default();
        let outcome = reader.required("outcome", &self.outcome, "choose whether the property can be valued", |key| {
            [Outcome::Value, Outcome::CannotValue]
                .into_iter()
                .find(|outcome| outcome.key() == key)
                .ok_or("choose whether the property can be valued")
        });
        let answer = match outcome {
            Some(Outcome::Value) => self.read_value(&mut reader, today),
            Some(Outcome::CannotValue) => reader
                .required("reason", &self.reason, "enter why the property cannot be valued", short_text(2_000))
                .map(|reason| ManualValuationAnswer::CannotValue { reason }),
            None => None,
        };
        let by = reader.required("name", &self.name, "enter your name", |name| {
            let name = short_text(100)(name)?;
            Person::named(&name).ok_or_else(|| "enter your name".to_owned())
        });
        match (by, answer) {
            (Some(by), Some(answer)) if reader.errors.is_empty() => Ok((by, answer)),
            _ => Err(reader.errors),
        }
    }

    /// Validates the form of a correction, which also needs a reason.
    pub fn read_correction(&self, today: Date) -> Result<(Person, ManualValuationAnswer, String), Vec<FieldError>> {
        let mut reader = Reader::default();
        let why = reader.required(
            "correction",
            &self.correction,
            "enter why the recorded answer is corrected",
            short_text(500),
        );
        match (self.read(today), why) {
            (Ok((by, answer)), Some(why)) => Ok((by, answer, why)),
            (read, _) => Err(read.err().into_iter().flatten().chain(reader.errors).collect()),
        }
    }

    fn read_value(&self, reader: &mut Reader, today: Date) -> Option<ManualValuationAnswer> {
        let value = self.read_amount(reader);
        let valued_on = reader
            .required("valued_on", &self.valued_on, "enter the date of the valuation", |text| read_date(text, today));
        let basis = reader.required("basis", &self.basis, "choose what the value is based on", |key| {
            ValuationBasis::ALL.into_iter().find(|basis| basis.key() == key).ok_or("choose what the value is based on")
        });
        let comment = reader.optional("comment", &self.comment, short_text(2_000)).unwrap_or_default();
        Some(ManualValuationAnswer::Value { value: value?, valued_on: valued_on?, basis: basis?, comment })
    }

    fn read_amount(&self, reader: &mut Reader) -> Option<Money> {
        reader.required("value", &self.value, "enter the value in pounds, like 330,000", str::parse::<Money>)
    }
}

/// Parses a date as a browser's date field sends it or as people write it: `2026-11-22`, `22/11/2026`, `22 Nov 2026`.
fn read_date(text: &str, today: Date) -> Result<Date, String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let date = [
        format_description!("[year]-[month]-[day]"),
        format_description!("[day padding:none]/[month padding:none]/[year]"),
        format_description!("[day padding:none] [month repr:short case_sensitive:false] [year]"),
        format_description!("[day padding:none] [month repr:long case_sensitive:false] [year]"),
    ]
    .iter()
    .find_map(|format| Date::parse(&text, format).ok())
    .ok_or("enter a real date, like 22/11/2026")?;
    let oldest = oldest_valuation_day(today);
    if date > today {
        Err("the date of the valuation must be today or in the past".to_owned())
    } else if date < oldest {
        Err(format!(
            "the valuation is too old: enter a date from {} on, or value the property again",
            day_in_words(oldest)
        ))
    } else {
        Ok(date)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2026 - 11 - 22);

    fn valued() -> ManualValuationForm {
        ManualValuationForm {
            name: "Grace Hopper".into(),
            outcome: "value".into(),
            value: "£330,000".into(),
            valued_on: "2026-11-20".into(),
            basis: "drive_by".into(),
            comment: "Roof renewed".into(),
            ..Default::default()
        }
    }

    fn fields(form: &ManualValuationForm) -> Vec<String> {
        form.read(TODAY).unwrap_err().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_value_is_read_with_the_name_of_the_person() {
        let (by, answer) = valued().read(TODAY).unwrap();
        assert_eq!(by.name(), "Grace Hopper");
        assert_eq!(
            answer,
            ManualValuationAnswer::Value {
                value: "330000".parse().unwrap(),
                valued_on: date!(2026 - 11 - 20),
                basis: ValuationBasis::DriveBy,
                comment: "Roof renewed".into(),
            }
        );
    }

    #[test]
    fn an_answer_without_a_value_needs_a_reason() {
        let mut form =
            ManualValuationForm { name: "Grace Hopper".into(), outcome: "cannot_value".into(), ..Default::default() };
        assert_eq!(fields(&form), ["reason"]);
        form.reason = "No access".into();
        let (_, answer) = form.read(TODAY).unwrap();
        assert_eq!(answer, ManualValuationAnswer::CannotValue { reason: "No access".into() });
    }

    #[test]
    fn fields_of_the_other_answer_are_ignored() {
        let form = ManualValuationForm { reason: "No access".into(), ..valued() };
        assert!(matches!(form.read(TODAY).unwrap().1, ManualValuationAnswer::Value { .. }));
    }

    #[test]
    fn an_empty_form_requires_the_answer_and_the_name() {
        assert_eq!(fields(&ManualValuationForm::default()), ["outcome", "name"]);
        let chosen = ManualValuationForm { outcome: "value".into(), ..Default::default() };
        assert_eq!(fields(&chosen), ["value", "valued_on", "basis", "name"]);
    }

    #[test]
    fn dates_are_parsed_as_people_write_them() {
        for typed in ["2026-11-20", "20/11/2026", "20 Nov 2026", " 20  november 2026"] {
            assert_eq!(read_date(typed, TODAY), Ok(date!(2026 - 11 - 20)), "{typed}");
        }
        assert_eq!(read_date("1/2/2026", TODAY), Ok(date!(2026 - 02 - 01)));
        for typed in ["31/02/2026", "yesterday", "20"] {
            assert!(read_date(typed, TODAY).is_err(), "{typed}");
        }
    }

    #[test]
    fn a_date_in_the_future_is_refused() {
        assert_eq!(read_date("2026-11-22", TODAY), Ok(TODAY));
        assert!(read_date("2026-11-23", TODAY).is_err());
    }

    #[test]
    fn a_date_more_than_twelve_months_ago_is_refused_with_the_oldest_valid_one() {
        assert_eq!(read_date("2025-11-22", TODAY), Ok(date!(2025 - 11 - 22)));
        for typed in ["2025-11-21", "1 January 1926"] {
            let refused = read_date(typed, TODAY).unwrap_err();
            assert!(refused.contains("enter a date from 22 November 2025 on"), "{refused}");
        }
    }

    #[test]
    fn a_correction_starts_with_the_recorded_answer_and_needs_a_reason() {
        let (_, recorded) = valued().read(TODAY).unwrap();
        let form =
            ManualValuationForm { name: "Ada".into(), value: "340,000".into(), ..ManualValuationForm::of(&recorded) };
        assert!(form.is_correction());
        let errors = form.read_correction(TODAY).unwrap_err();
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["correction"]);
        let form = ManualValuationForm { correction: "A slip of the keys".into(), ..form };
        let (by, answer, why) = form.read_correction(TODAY).unwrap();
        assert_eq!((by.name(), why.as_str()), ("Ada", "A slip of the keys"));
        let ManualValuationAnswer::Value { value, basis, .. } = answer else { panic!("a value") };
        assert_eq!((value.to_string().as_str(), basis), ("£340,000", ValuationBasis::DriveBy));
    }

    #[test]
    fn checking_a_value_needs_only_the_value() {
        let checked =
            |value: &str| ManualValuationForm { value: value.into(), check: "1".into(), ..Default::default() };
        assert_eq!(checked("330000").intent(), Intent::Check);
        assert_eq!(checked("330000").check(), Ok(()));
        assert_eq!(checked("lots").check().unwrap_err()[0].field, "value");
        let without_value = ManualValuationForm { outcome: "cannot_value".into(), ..checked("") };
        assert_eq!(without_value.intent(), Intent::Record, "there is no effect to show");
    }

    #[test]
    fn a_late_answer_is_put_into_the_form_without_losing_what_was_typed() {
        let form = ManualValuationForm { use_value: "666000.00".into(), ..valued() };
        let Intent::Use(value) = form.intent() else { panic!("a late answer is used") };
        let used = form.with_late_answer(value);
        assert_eq!((used.value.as_str(), used.comment.as_str()), ("666,000", "Roof renewed"));
        let empty = ManualValuationForm::default().with_late_answer(value);
        assert_eq!((empty.outcome.as_str(), empty.comment.as_str()), ("value", LATE_ANSWER_COMMENT));
    }
}
