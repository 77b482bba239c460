//! References of applications.

mod generated;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The lender's reference for an application: 1 to 80 letters, digits, hyphens and underscores.
///
/// It is also the name of the application's execution, which makes submission idempotent. The character set is
/// therefore that of a Step Functions execution name that CloudWatch can log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApplicationReference(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("a reference has 1 to 80 letters, digits, hyphens or underscores, like LN-2041")]
    NotPlain,
    #[error("choose another reference: `{RESERVED}` is the address of the form for new applications")]
    Reserved,
}

/// The address of an application's page ends with its reference, and `/applications/new` is the form.
const RESERVED: &str = "new";

impl ApplicationReference {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApplicationReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let text = text.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !(1..=80).contains(&text.len()) || !text.chars().all(plain) {
            return Err(ReferenceError::NotPlain);
        }
        if text == RESERVED { Err(ReferenceError::Reserved) } else { Ok(Self(text.to_owned())) }
    }
}

impl TryFrom<String> for ApplicationReference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<ApplicationReference> for String {
    fn from(reference: ApplicationReference) -> Self {
        reference.0
    }
}

impl fmt::Display for ApplicationReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_valid_execution_name() {
        assert_eq!("app-ref".parse::<ApplicationReference>().unwrap().as_str(), "app-ref");
        assert_eq!(" LN_2041 ".parse::<ApplicationReference>().unwrap().as_str(), "LN_2041");
        for wrong in ["", "a b", "ä", "a/b", &"x".repeat(81)] {
            assert_eq!(wrong.parse::<ApplicationReference>(), Err(ReferenceError::NotPlain), "{wrong}");
        }
        assert_eq!("new".parse::<ApplicationReference>(), Err(ReferenceError::Reserved));
        assert!("New".parse::<ApplicationReference>().is_ok());
    }
}
