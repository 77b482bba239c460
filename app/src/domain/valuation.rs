//! Valuations of properties, and their sources.

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use super::Money;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valuation {
    pub value: Money,
    pub source: ValuationSource,
    pub at: OffsetDateTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValuationSource {
    /// The valuation service's callback.
    Service { valuation_reference: String },
    /// A manual valuation by a member of staff.
    Manual {
        name: String,
        basis: ValuationBasis,
        valued_on: Date,
        comment: String,
        /// The valuation service's reference, if it gave one before it failed.
        valuation_reference: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValuationBasis {
    Desktop,
    DriveBy,
    Physical,
}

impl ValuationBasis {
    pub const ALL: [Self; 3] = [Self::Desktop, Self::DriveBy, Self::Physical];

    /// `physical inspection`
    pub fn in_a_sentence(self) -> String {
        self.to_string().to_lowercase()
    }

    /// The stored name, `drive_by`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::DriveBy => "drive_by",
            Self::Physical => "physical",
        }
    }
}

impl std::fmt::Display for ValuationBasis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Desktop => "Desktop",
            Self::DriveBy => "Drive-by",
            Self::Physical => "Physical inspection",
        })
    }
}

/// The oldest day that a manual valuation may be dated: twelve months before `today`. Lenders do not rely on older ones.
pub fn oldest_valuation_day(today: Date) -> Date {
    let year = today.year() - 1;
    // Only 29 February does not exist in every year.
    today
        .replace_year(year)
        .unwrap_or_else(|_| today.previous_day().and_then(|day| day.replace_year(year).ok()).unwrap_or(today))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ManualValuationAnswer {
    Value { value: Money, valued_on: Date, basis: ValuationBasis, comment: String },
    CannotValue { reason: String },
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_valuation_may_be_dated_up_to_twelve_months_ago() {
        assert_eq!(oldest_valuation_day(date!(2026 - 11 - 25)), date!(2025 - 11 - 25));
        assert_eq!(oldest_valuation_day(date!(2028 - 02 - 29)), date!(2027 - 02 - 28));
    }
}
