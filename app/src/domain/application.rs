//! A loan application as it was submitted.

use serde::{Deserialize, Serialize};

use super::{ApplicationReference, Money, Postcode};

/// What a lender submits, and the input of its execution: the seed's JSON plus what is optional.
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
    /// The applicant's full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicant: Option<String>,
    /// Without an amount there is no loan-to-value: the application ends with its valuation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loan_amount: Option<Money>,
    /// What the applicant believes the property is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_value: Option<Money>,
    /// 1 to 40 years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term_years: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Property {
    /// Never blank. The mock valuer is steered by it ("No callback", "Late callback" and so on).
    pub name_or_number: String,
    pub postcode: Postcode,
}
