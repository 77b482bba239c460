//! The manual valuation form: a value, or the reason why the property cannot be valued.

use serde::{Deserialize, Serialize};
use time::{Date, macros::format_description};

use super::{FieldError, Reader, short_text};
use crate::{
    desk::Person,
    domain::{ManualValuationAnswer, Money, ValuationBasis},
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
}

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
    /// Validates the form. The valuation's date must not be after `today`.
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

    fn read_value(&self, reader: &mut Reader, today: Date) -> Option<ManualValuationAnswer> {
        let value =
            reader.required("value", &self.value, "enter the value in pounds, like 330,000", str::parse::<Money>);
        let valued_on = reader
            .required("valued_on", &self.valued_on, "enter the date of the valuation", |text| read_date(text, today));
        let basis = reader.required("basis", &self.basis, "choose what the value is based on", |key| {
            ValuationBasis::ALL.into_iter().find(|basis| basis.key() == key).ok_or("choose what the value is based on")
        });
        let comment = reader.optional("comment", &self.comment, short_text(2_000)).unwrap_or_default();
        Some(ManualValuationAnswer::Value { value: value?, valued_on: valued_on?, basis: basis?, comment })
    }
}

/// Parses a date as a browser's date field sends it or as people write it: `2026-11-22`, `22/11/2026`, `22 Nov 2026`.
fn read_date(text: &str, today: Date) -> Result<Date, &'static str> {
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
    if date > today { Err("the date of the valuation must be today or in the past") } else { Ok(date) }
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
}
