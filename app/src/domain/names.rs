//! Names of applicants and properties.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The maximum length of a name in characters.
const LIMIT: usize = 200;

/// An applicant's full name as it was typed: not blank, at most 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApplicantName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApplicantNameError {
    #[error("leave it out, or enter a name of at most {LIMIT} characters")]
    Blank,
    #[error("use {LIMIT} characters or fewer; this has {0}")]
    TooLong(usize),
}

/// A property's name or number as it was typed, `999` or `Rose Cottage`: not blank, at most 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PropertyName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PropertyNameError {
    #[error("enter the property's name or number, at most {LIMIT} characters")]
    Blank,
    #[error("use {LIMIT} characters or fewer; this has {0}")]
    TooLong(usize),
}

impl TryFrom<String> for ApplicantName {
    type Error = ApplicantNameError;

    fn try_from(text: String) -> Result<Self, ApplicantNameError> {
        check(text, ApplicantNameError::Blank, ApplicantNameError::TooLong).map(Self)
    }
}

impl TryFrom<String> for PropertyName {
    type Error = PropertyNameError;

    fn try_from(text: String) -> Result<Self, PropertyNameError> {
        check(text, PropertyNameError::Blank, PropertyNameError::TooLong).map(Self)
    }
}

fn check<E>(text: String, blank: E, too_long: impl FnOnce(usize) -> E) -> Result<String, E> {
    match text.chars().count() {
        length if length > LIMIT => Err(too_long(length)),
        _ if text.trim().is_empty() => Err(blank),
        _ => Ok(text),
    }
}

impl FromStr for ApplicantName {
    type Err = ApplicantNameError;

    fn from_str(text: &str) -> Result<Self, ApplicantNameError> {
        text.to_owned().try_into()
    }
}

impl FromStr for PropertyName {
    type Err = PropertyNameError;

    fn from_str(text: &str) -> Result<Self, PropertyNameError> {
        text.to_owned().try_into()
    }
}

impl ApplicantName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PropertyName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ApplicantName> for String {
    fn from(name: ApplicantName) -> Self {
        name.0
    }
}

impl From<PropertyName> for String {
    fn from(name: PropertyName) -> Self {
        name.0
    }
}

impl fmt::Display for ApplicantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PropertyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_typed_and_refused_if_blank_or_too_long() {
        assert_eq!(" Ada Byron".parse::<ApplicantName>().unwrap().as_str(), " Ada Byron");
        assert_eq!("999".parse::<PropertyName>().unwrap().to_string(), "999");
        let limit = "é".repeat(200);
        assert_eq!(limit.parse::<PropertyName>().unwrap().as_str(), limit);
        for blank in ["", " ", "\u{a0}\t"] {
            assert_eq!(blank.parse::<ApplicantName>(), Err(ApplicantNameError::Blank), "{blank:?}");
            assert_eq!(blank.parse::<PropertyName>(), Err(PropertyNameError::Blank), "{blank:?}");
        }
        assert_eq!("x".repeat(201).parse::<ApplicantName>(), Err(ApplicantNameError::TooLong(201)));
        assert_eq!("x".repeat(201).parse::<PropertyName>(), Err(PropertyNameError::TooLong(201)));
    }
}
