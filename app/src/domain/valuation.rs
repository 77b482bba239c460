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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ManualValuationAnswer {
    Value { value: Money, valued_on: Date, basis: ValuationBasis, comment: String },
    CannotValue { reason: String },
}
