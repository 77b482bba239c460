//! The lending policy: what is decided by loan-to-value.

use std::fmt;

use super::{Money, loan_to_value, percent_in_words};

/// The lending policy's limits, in per cent of the property's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Applications are approved up to and including this loan-to-value.
    pub approve_up_to: f64,
    /// Applications are referred to an underwriter up to and including this loan-to-value, and declined above it.
    pub refer_up_to: f64,
}

/// What the policy decides. The workflow decides the same with the expression in `infra/loan-processing.asl.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Approved,
    Referred,
    Declined,
}

impl Policy {
    /// The decision on an application with this loan-to-value, in per cent.
    pub fn decide(self, loan_to_value: f64) -> Decision {
        if loan_to_value <= self.approve_up_to {
            Decision::Approved
        } else if loan_to_value <= self.refer_up_to {
            Decision::Referred
        } else {
            Decision::Declined
        }
    }

    /// What will happen to an application for this loan if its property is valued at `value`.
    pub fn foresee(self, loan: Option<Money>, value: Money) -> String {
        match loan {
            Some(loan) => {
                let percent = loan_to_value(loan, value);
                format!("Loan-to-value will be {}: {}", percent_in_words(percent), self.decide(percent))
            }
            None => "No loan amount was given, so the application ends with this valuation".to_owned(),
        }
    }
}

/// The decision within a sentence: `approved`, `referred to an underwriter`.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Approved => "approved",
            Self::Referred => "referred to an underwriter",
            Self::Declined => "declined",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { approve_up_to: 75.0, refer_up_to: 90.0 };

    #[test]
    fn each_limit_belongs_to_the_better_decision() {
        for (percent, decision) in [
            (75.0, Decision::Approved),
            (75.01, Decision::Referred),
            (90.0, Decision::Referred),
            (90.01, Decision::Declined),
        ] {
            assert_eq!(POLICY.decide(percent), decision, "{percent}");
        }
    }

    #[test]
    fn the_effect_of_a_value_is_told_before_it_is_recorded() {
        let pounds = |pounds: u64| Money::from_pence(pounds * 100).unwrap();
        let foresee = |value| POLICY.foresee(Some(pounds(250_000)), pounds(value));
        assert_eq!(foresee(400_000), "Loan-to-value will be 62.50%: approved");
        assert_eq!(foresee(300_000), "Loan-to-value will be 83.34%: referred to an underwriter");
        assert_eq!(foresee(200_000), "Loan-to-value will be 125.00%: declined");
        assert!(POLICY.foresee(None, pounds(1)).starts_with("No loan amount was given"));
    }
}
