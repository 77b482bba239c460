//! A valuation as JSON: what the workflow keeps as a task's result, and what the API shows.

use app::domain::{Money, Valuation, ValuationBasis, ValuationSource};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Date, OffsetDateTime};

/// What a manual valuation is to the workflow: a valuation like the service's, and who made it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManualValuation {
    /// The service's, where it had given one before it failed.
    pub valuation_reference: Option<String>,
    /// In pounds: a whole number of them as a number, else a decimal string.
    pub property_value: Value,
    pub valued_by: String,
    pub basis: ValuationBasis,
    #[serde(with = "iso_date")]
    pub valued_on: Date,
    pub comment: String,
}

time::serde::format_description!(iso_date, Date, "[year]-[month]-[day]");

/// The most characters of a valuation reference.
const REFERENCE_LIMIT: usize = 256;

/// Whether a valuation service may use this text as its reference of a request.
pub fn is_reference(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= REFERENCE_LIMIT
}

/// A property's value as a valuation service or the workflow writes it: pounds, as a number or a decimal string.
pub fn pounds(value: &Value) -> Option<Money> {
    Money::deserialize(value).ok()
}

/// Whole pounds as a number; otherwise a decimal string, because a float would invite rounding.
pub fn number_or_decimal(value: Money) -> Value {
    if value.pence().is_multiple_of(100) { json!(value.pence() / 100) } else { json!(value.decimal()) }
}

/// Reads what the workflow took as the valuation at that time: the service's callback, or what a person said.
pub fn read(taken: &Value, at: OffsetDateTime) -> Option<Valuation> {
    let value = pounds(&taken["propertyValue"])?;
    let source = match ManualValuation::deserialize(taken) {
        Ok(manual) => ValuationSource::Manual {
            name: manual.valued_by,
            basis: manual.basis,
            valued_on: manual.valued_on,
            comment: manual.comment,
            valuation_reference: manual.valuation_reference,
        },
        Err(_) => ValuationSource::Service {
            valuation_reference: taken["valuationReference"].as_str().unwrap_or_default().to_owned(),
        },
    };
    Some(Valuation { value, source, at })
}

/// The valuation as the API shows it: the members that whoever valued gave.
pub fn show(valuation: &Valuation) -> Value {
    let property_value = number_or_decimal(valuation.value);
    match &valuation.source {
        ValuationSource::Service { valuation_reference } => {
            json!({ "valuationReference": valuation_reference, "propertyValue": property_value })
        }
        ValuationSource::Manual { name, basis, valued_on, comment, valuation_reference } => json!(ManualValuation {
            valuation_reference: valuation_reference.clone(),
            property_value,
            valued_by: name.clone(),
            basis: *basis,
            valued_on: *valued_on,
            comment: comment.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(taken: Value) -> Valuation {
        read(&taken, OffsetDateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn the_services_and_a_persons_valuation_are_told_apart() {
        let service = taken(json!({"valuationReference": "CNMg", "propertyValue": 666000}));
        assert_eq!(service.source, ValuationSource::Service { valuation_reference: "CNMg".into() });
        assert_eq!(service.value.to_string(), "£666,000");
        let manual = taken(json!({
            "valuationReference": null, "propertyValue": "250000.50", "valuedBy": "Ada", "basis": "desktop",
            "valuedOn": "2026-11-22", "comment": "",
        }));
        assert!(matches!(manual.source, ValuationSource::Manual { name, .. } if name == "Ada"));
    }

    #[test]
    fn a_valuation_is_shown_with_the_members_it_was_given_with() {
        for given in [
            json!({"valuationReference": "CNMg", "propertyValue": 666000}),
            json!({"valuationReference": "CNMg", "propertyValue": "1.50"}),
            json!({
                "valuationReference": "CNMg", "propertyValue": 250000, "valuedBy": "Ada", "basis": "drive_by",
                "valuedOn": "2026-11-22", "comment": "Seen from the road",
            }),
        ] {
            assert_eq!(show(&taken(given.clone())), given);
        }
    }

    #[test]
    fn a_value_is_never_shown_as_a_float() {
        let given = json!({"valuationReference": "CNMg", "propertyValue": 123456.7});
        assert_eq!(show(&taken(given))["propertyValue"], "123456.70");
        assert_eq!(number_or_decimal(Money::from_pence(66_600_000).unwrap()), json!(666000));
        assert_eq!(number_or_decimal(Money::from_pence(66_600_050).unwrap()), json!("666000.50"));
    }
}
