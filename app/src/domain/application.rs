//! A loan application as it was submitted.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ApplicantName, ApplicationReference, Money, Postcode, PropertyName, TermYears};

/// A submitted application, which is also the input of its execution. Each part is validated by its type, so every
/// `LoanApplication` can be submitted.
///
/// ```json
/// {"applicationReference": "app-ref", "property": {"nameOrNumber": "999", "postcode": "PO1 1CE"},
///  "applicant": "Ada Byron", "loanAmount": "250000.00", "estimatedValue": "330000.00", "termYears": 25}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoanApplication {
    pub application_reference: ApplicationReference,
    pub property: Property,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicant: Option<ApplicantName>,
    /// Without an amount there is no loan-to-value, and the application ends with its valuation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loan_amount: Option<Money>,
    /// The applicant's own estimate of the property's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_value: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term_years: Option<TermYears>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Property {
    /// Also selects the behaviour of the mock valuer (`No callback`, `Late callback` and so on).
    pub name_or_number: PropertyName,
    pub postcode: Postcode,
}

/// `999, PO1 1CE`
impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.name_or_number, self.postcode)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(name: &str, value: Value) -> Result<LoanApplication, String> {
        let mut application =
            json!({"applicationReference": "a", "property": {"nameOrNumber": "999", "postcode": "PO1 1CE"}});
        application[name] = value;
        serde_json::from_value(application).map_err(|error| error.to_string())
    }

    #[test]
    fn an_application_that_breaks_a_rule_cannot_be_read() {
        for (name, value, wrong) in [
            ("property", json!({"nameOrNumber": " ", "postcode": "PO1 1CE"}), "enter the property's name or number"),
            ("property", json!({"nameOrNumber": "x".repeat(201), "postcode": "PO1 1CE"}), "200 characters or fewer"),
            ("applicant", json!(""), "leave it out, or enter a name"),
            ("loanAmount", json!("0"), "above £0"),
            ("estimatedValue", json!(0), "above £0"),
            ("termYears", json!(99), "1 to 40 years"),
        ] {
            let error = read(name, value.clone()).unwrap_err();
            assert!(error.contains(wrong), "{name} {value}: {error}");
        }
        let term = read("termYears", json!(40)).unwrap().term_years;
        assert_eq!(term.map(TermYears::years), Some(40));
        assert_eq!(read("applicant", json!(null)).unwrap().applicant, None);
    }

    #[test]
    fn a_property_is_displayed_on_one_line() {
        assert_eq!(read("applicant", json!("Ada")).unwrap().property.to_string(), "999, PO1 1CE");
    }
}
