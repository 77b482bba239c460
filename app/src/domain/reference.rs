//! The lender's own reference of an application.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The reference of an application: 1 to 80 letters, digits, hyphens and underscores.
///
/// It is also the name of the application's execution, which is what makes submitting twice start once; the rule is
/// therefore that of a Step Functions execution name (and of CloudWatch, for which names stay plain).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApplicationReference(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("a reference has 1 to 80 letters, digits, hyphens or underscores, like LN-2041")]
    NotPlain,
    #[error("choose another reference: `{RESERVED}` is where a new application is begun")]
    Reserved,
}

/// The desk's address of an application ends with its reference; this one is taken by the form.
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
    fn a_reference_is_a_plain_execution_name() {
        assert_eq!("app-ref".parse::<ApplicationReference>().unwrap().as_str(), "app-ref");
        assert_eq!(" LN_2041 ".parse::<ApplicationReference>().unwrap().as_str(), "LN_2041");
        for wrong in ["", "a b", "ä", "a/b", &"x".repeat(81)] {
            assert_eq!(wrong.parse::<ApplicationReference>(), Err(ReferenceError::NotPlain), "{wrong}");
        }
        assert_eq!("new".parse::<ApplicationReference>(), Err(ReferenceError::Reserved));
        assert!("New".parse::<ApplicationReference>().is_ok());
    }
}
