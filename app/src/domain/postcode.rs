//! UK postcodes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A UK postcode in its standard form, `PO1 1CE`. Parsing accepts any case and spacing.
///
/// Only the format is checked, not whether the postcode exists.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Postcode(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("enter a full UK postcode, like PO1 1CE")]
pub struct PostcodeError;

impl Postcode {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Postcode {
    type Err = PostcodeError;

    fn from_str(text: &str) -> Result<Self, PostcodeError> {
        let code: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        if !code.is_ascii() || !(5..=7).contains(&code.len()) {
            return Err(PostcodeError);
        }
        let (outward, inward) = code.split_at(code.len() - 3);
        // `A` is a letter and `9` a digit: https://www.gov.uk/government/publications (Bulk Data Transfer, appendix C).
        let shape = |s: &str| -> String {
            s.chars()
                .map(|c| {
                    if c.is_ascii_uppercase() {
                        'A'
                    } else if c.is_ascii_digit() {
                        '9'
                    } else {
                        '?'
                    }
                })
                .collect()
        };
        let outward_ok = matches!(shape(outward).as_str(), "A9" | "A99" | "AA9" | "AA99" | "A9A" | "AA9A");
        if (outward_ok && shape(inward) == "9AA") || code == "GIR0AA" {
            Ok(Self(format!("{outward} {inward}")))
        } else {
            Err(PostcodeError)
        }
    }
}

impl TryFrom<String> for Postcode {
    type Error = PostcodeError;

    fn try_from(text: String) -> Result<Self, PostcodeError> {
        text.parse()
    }
}

impl From<Postcode> for String {
    fn from(postcode: Postcode) -> Self {
        postcode.0
    }
}

impl fmt::Display for Postcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postcodes_are_parsed_in_any_case_and_spacing() {
        for typed in ["PO1 1CE", "po11ce", " p O1 1c e"] {
            assert_eq!(typed.parse::<Postcode>().unwrap().as_str(), "PO1 1CE", "{typed}");
        }
        for typed in ["M1 1AE", "B33 8TH", "CR2 6XH", "DN55 1PT", "W1A 0AX", "EC1A 1BB", "GIR 0AA"] {
            assert_eq!(typed.parse::<Postcode>().unwrap().as_str(), typed);
        }
    }

    #[test]
    fn invalid_postcodes_are_refused() {
        for typed in ["", "PO1", "PO1 1C", "1PO 1CE", "PO1 CE1", "PO111 1CE", "PÖ1 1CE", "12345"] {
            assert_eq!(typed.parse::<Postcode>(), Err(PostcodeError), "{typed}");
        }
    }
}
