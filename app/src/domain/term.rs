//! The term of a loan.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The term of a loan in whole years, 1 to 40.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u8")]
pub struct TermYears(u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("enter the term in whole years, from 1 to 40 years")]
pub struct TermError;

impl TermYears {
    pub fn years(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for TermYears {
    type Error = TermError;

    fn try_from(years: u64) -> Result<Self, TermError> {
        match u8::try_from(years) {
            Ok(years @ 1..=40) => Ok(Self(years)),
            _ => Err(TermError),
        }
    }
}

impl FromStr for TermYears {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        text.parse::<u64>().map_err(|_| TermError)?.try_into()
    }
}

impl From<TermYears> for u8 {
    fn from(term: TermYears) -> Self {
        term.0
    }
}

/// `25 years`
impl fmt::Display for TermYears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 year"),
            years => write!(f, "{years} years"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_one_to_forty_whole_years() {
        assert_eq!("40".parse::<TermYears>().map(TermYears::years), Ok(40));
        assert_eq!("1".parse::<TermYears>().unwrap().to_string(), "1 year");
        for wrong in ["0", "41", "25.5", "-1", "300", "years", ""] {
            assert_eq!(wrong.parse::<TermYears>(), Err(TermError), "{wrong}");
        }
    }
}
