//! Errors of Step Functions, as engineers see them.

use std::fmt;

/// A call to Step Functions that failed, with what it means and what to do. Any task token in the message is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFunctionsError {
    /// The operation that was called: `ListExecutions`.
    pub operation: &'static str,
    /// The error's code, such as `AccessDeniedException`. `None` if Step Functions did not answer.
    pub code: Option<String>,
    pub message: String,
}

/// What an error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Unreachable,
    Denied,
    Throttled,
    NoLongerAvailable,
    Other,
}

impl StepFunctionsError {
    fn meaning(&self) -> Meaning {
        match self.code.as_deref() {
            None => Meaning::Unreachable,
            Some("AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation") => Meaning::Denied,
            Some("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded") => {
                Meaning::Throttled
            }
            Some("StateMachineDeleting" | "StateMachineDoesNotExist" | "ExecutionDoesNotExist") => {
                Meaning::NoLongerAvailable
            }
            Some(_) => Meaning::Other,
        }
    }
}

impl fmt::Display for StepFunctionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, message, .. } = self;
        let code = self.code.as_deref().unwrap_or_default();
        let message = message.trim().trim_end_matches('.');
        match self.meaning() {
            Meaning::Unreachable => write!(f, "Step Functions did not answer {operation}: {message}. Try again."),
            Meaning::Denied => write!(
                f,
                "Step Functions denied {operation} ({code}): {message}. The desk's role needs the permission \
                 states:{operation}."
            ),
            Meaning::Throttled => write!(
                f,
                "Step Functions answered {operation} with {code}, because the account makes too many calls. Wait a \
                 moment and try again."
            ),
            Meaning::NoLongerAvailable => {
                write!(f, "Step Functions answered {operation} with {code}: {message}. It may have been deleted.")
            }
            Meaning::Other => write!(f, "Step Functions answered {operation} with {code}: {message}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: Option<&str>, message: &str) -> String {
        let code = code.map(str::to_owned);
        StepFunctionsError { operation: "ListExecutions", code, message: message.to_owned() }.to_string()
    }

    #[test]
    fn an_error_says_what_it_means_and_what_to_do() {
        let denied = said(Some("AccessDeniedException"), "User: x is not authorized to perform: states:ListExecutions");
        assert_eq!(
            denied,
            "Step Functions denied ListExecutions (AccessDeniedException): User: x is not authorized to perform: \
             states:ListExecutions. The desk's role needs the permission states:ListExecutions."
        );
        let throttled = said(Some("ThrottlingException"), "Rate exceeded");
        assert!(throttled.contains("too many calls") && throttled.ends_with("try again."), "{throttled}");
        let unreachable = said(None, "did not answer in time");
        assert_eq!(unreachable, "Step Functions did not answer ListExecutions: did not answer in time. Try again.");
        let other = said(Some("InvalidArn"), "Invalid Arn.");
        assert_eq!(other, "Step Functions answered ListExecutions with InvalidArn: Invalid Arn.");
    }
}
