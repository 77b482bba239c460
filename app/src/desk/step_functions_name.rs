//! Names of state machines and executions.

use std::{fmt, str::FromStr};

/// The name of a state machine or of an execution: 1 to 80 characters, without whitespace, control characters and
/// ``< > { } [ ] ? * " # % \ ^ | ~ ` $ & , ; : /``, as in the API reference of `StartExecution`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepFunctionsName(String);

impl StepFunctionsName {
    const LONGEST: usize = 80;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 80 characters, without whitespace and < > {{ }} [ ] ? * \" # % \\ ^ | ~ ` $ & , ; : /")]
pub struct NotAName;

impl FromStr for StepFunctionsName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let is_allowed = |c: char| !c.is_whitespace() && !c.is_control() && !"<>{}[]?*\"#%\\^|~`$&,;:/".contains(c);
        let is_name = !text.is_empty() && text.chars().count() <= Self::LONGEST && text.chars().all(is_allowed);
        if is_name { Ok(Self(text.to_owned())) } else { Err(NotAName) }
    }
}

impl fmt::Display for StepFunctionsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_reach_out_of_its_arn() {
        for name in ["loan-processing", "a", "LN-1_2.3", "Zoë", &"x".repeat(80)] {
            assert_eq!(name.parse::<StepFunctionsName>().map(|name| name.to_string()).as_deref(), Ok(name));
        }
        for other in ["", "a:b", "a/b", "a b", "a\nb", "a*", "..%2f", &"x".repeat(81)] {
            assert_eq!(other.parse::<StepFunctionsName>(), Err(NotAName), "{other}");
        }
    }
}
