//! The form for a new application.

use serde::{Deserialize, Serialize};

use super::{FieldError, Reader, tell_apart};
use crate::domain::{
    ApplicantName, ApplicationReference, LoanApplication, Money, Postcode, Property, PropertyName, TermYears,
};

/// The name of the draft of this form.
pub const DRAFT: &str = "new-application";

/// The fields as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewApplicationForm {
    pub reference: String,
    /// Generated when the form is shown, and used if `reference` is blank. Sending the same form twice therefore
    /// submits one application.
    pub suggested_reference: String,
    /// The reference of the application whose details the form was filled with, or empty.
    pub copied_from: String,
    pub applicant: String,
    pub property: String,
    pub postcode: String,
    pub loan_amount: String,
    pub estimated_value: String,
    pub term_years: String,
}

impl NewApplicationForm {
    /// Validates the form.
    pub fn read(&self) -> Result<LoanApplication, Vec<FieldError>> {
        let mut reader = Reader::default();
        let reference = if self.reference.trim().is_empty() { &self.suggested_reference } else { &self.reference };
        let reference = reader.required(
            "reference",
            reference,
            "enter a reference, like LN-2041",
            str::parse::<ApplicationReference>,
        );
        let applicant = reader.optional("applicant", &self.applicant, str::parse::<ApplicantName>);
        let name_or_number = reader.required(
            "property",
            &self.property,
            "enter the property's name or number",
            str::parse::<PropertyName>,
        );
        let postcode = reader.required(
            "postcode",
            &self.postcode,
            "enter the property's postcode, like PO1 1CE",
            str::parse::<Postcode>,
        );
        let loan_amount = reader.optional("loan_amount", &self.loan_amount, str::parse::<Money>);
        let estimated_value = reader.optional("estimated_value", &self.estimated_value, str::parse::<Money>);
        let term_years = reader.optional("term_years", &self.term_years, str::parse::<TermYears>);

        match (reference, name_or_number, postcode) {
            (Some(application_reference), Some(name_or_number), Some(postcode)) if reader.errors.is_empty() => {
                Ok(LoanApplication {
                    application_reference,
                    property: Property { name_or_number, postcode },
                    applicant,
                    loan_amount,
                    estimated_value,
                    term_years,
                })
            }
            _ => {
                tell_apart(&mut reader.errors, Self::label);
                Err(reader.errors)
            }
        }
    }

    /// The label of a field on the page.
    fn label(field: &str) -> &'static str {
        match field {
            "reference" => "Reference",
            "applicant" => "Applicant",
            "property" => "Name or number",
            "postcode" => "Postcode",
            "loan_amount" => "Loan amount",
            "estimated_value" => "Estimated value",
            "term_years" => "Term",
            _ => "This form",
        }
    }

    /// The form for a new application that differs from `application` in its reference only.
    pub fn copy_of(application: &LoanApplication) -> Self {
        Self {
            applicant: application.applicant.as_ref().map(ToString::to_string).unwrap_or_default(),
            property: application.property.name_or_number.to_string(),
            postcode: application.property.postcode.to_string(),
            loan_amount: application.loan_amount.map(pounds).unwrap_or_default(),
            estimated_value: application.estimated_value.map(pounds).unwrap_or_default(),
            term_years: application.term_years.map(|term| term.years().to_string()).unwrap_or_default(),
            copied_from: application.application_reference.to_string(),
            ..Self::default()
        }
    }

    /// The name of its draft in the browser. Each copy has a draft of its own, beside that of the empty form.
    pub fn draft_in_browser(&self) -> String {
        match self.copied_from.as_str() {
            "" => DRAFT.to_owned(),
            reference => format!("{DRAFT}-copy-{reference}"),
        }
    }

    /// The same form with its postcode, if valid, in the standard form.
    pub fn with_written_postcode(mut self) -> Self {
        if let Ok(postcode) = self.postcode.parse::<Postcode>() {
            self.postcode = postcode.to_string();
        }
        self
    }
}

/// The amount as a person types it: `250,000`.
fn pounds(amount: Money) -> String {
    amount.to_string().trim_start_matches('£').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> NewApplicationForm {
        NewApplicationForm {
            reference: "app-ref".into(),
            property: "999".into(),
            postcode: "po11ce".into(),
            ..Default::default()
        }
    }

    fn fields(errors: &[FieldError]) -> Vec<&str> {
        errors.iter().map(|error| error.field.as_str()).collect()
    }

    #[test]
    fn a_form_with_only_the_property_is_valid() {
        let application = seed().read().unwrap();
        assert_eq!(
            serde_json::to_value(application).unwrap(),
            serde_json::json!({
                "applicationReference": "app-ref",
                "property": {"nameOrNumber": "999", "postcode": "PO1 1CE"},
            })
        );
    }

    #[test]
    fn all_fields_are_read() {
        let form = NewApplicationForm {
            applicant: " Ada Byron ".into(),
            loan_amount: "£250,000".into(),
            estimated_value: "330 000".into(),
            term_years: "25".into(),
            ..seed()
        };
        let application = form.read().unwrap();
        assert_eq!(application.applicant.as_ref().map(ApplicantName::as_str), Some("Ada Byron"));
        assert_eq!(application.loan_amount.unwrap().decimal(), "250000.00");
        assert_eq!(application.estimated_value.unwrap().decimal(), "330000.00");
        assert_eq!(application.term_years.map(TermYears::years), Some(25));
    }

    #[test]
    fn a_copy_is_the_same_application_with_another_reference() {
        let form = NewApplicationForm {
            applicant: "Ada Byron".into(),
            loan_amount: "250,000.50".into(),
            estimated_value: "£330,000".into(),
            term_years: "25".into(),
            ..seed()
        };
        let original = form.read().unwrap();
        let copy = NewApplicationForm { reference: "app-ref".into(), ..NewApplicationForm::copy_of(&original) };
        assert_eq!(copy.read().unwrap(), original);
        assert_eq!(NewApplicationForm::copy_of(&original).reference, "");
    }

    #[test]
    fn all_errors_are_reported_at_once_in_the_order_of_the_form() {
        let form = NewApplicationForm {
            reference: "not a reference".into(),
            postcode: "PO1".into(),
            loan_amount: "a lot".into(),
            estimated_value: "0".into(),
            term_years: "41".into(),
            ..Default::default()
        };
        let errors = form.read().unwrap_err();
        assert_eq!(
            fields(&errors),
            ["reference", "property", "postcode", "loan_amount", "estimated_value", "term_years"]
        );
        assert_eq!(errors[1].message, "Enter the property's name or number");
        assert_eq!(errors[2].message, "Enter a full UK postcode, like PO1 1CE");
        assert_eq!(errors[4].message, "Enter an amount above £0");
    }

    #[test]
    fn the_same_error_in_two_fields_is_told_with_the_label_of_each() {
        let form = NewApplicationForm { loan_amount: "lots".into(), estimated_value: "lots".into(), ..seed() };
        let messages: Vec<_> = form.read().unwrap_err().into_iter().map(|error| error.message).collect();
        assert_eq!(
            messages,
            [
                "Loan amount: enter an amount in pounds, like 250000 or 250,000.00",
                "Estimated value: enter an amount in pounds, like 250000 or 250,000.00",
            ]
        );
    }

    #[test]
    fn a_blank_reference_is_replaced_by_the_suggested_one() {
        let form = NewApplicationForm { reference: " ".into(), suggested_reference: "LN-1HCVRYZJE".into(), ..seed() };
        assert_eq!(form.read().unwrap().application_reference.as_str(), "LN-1HCVRYZJE");
    }

    #[test]
    fn a_valid_postcode_is_normalized_and_an_invalid_one_is_kept_as_typed() {
        assert_eq!(seed().with_written_postcode().postcode, "PO1 1CE");
        let wrong = NewApplicationForm { postcode: "po 1".into(), ..seed() };
        assert_eq!(wrong.with_written_postcode().postcode, "po 1");
    }
}
