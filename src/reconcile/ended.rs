//! How an execution ended, and what that means for its application.

use app::domain::ApplicationStatus;
use aws_sdk_sfn::{operation::describe_execution::DescribeExecutionOutput, types::ExecutionStatus};
use time::OffsetDateTime;

use crate::{masking::without_tokens, workflow::sdk_time};

/// The number of characters of an operator's words that a remark repeats.
const WORDS: usize = 300;

#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    status: &'a ExecutionStatus,
    pub at: OffsetDateTime,
    error: Option<&'a str>,
    cause: Option<&'a str>,
}

impl<'a> Ended<'a> {
    /// `None` if the execution has not ended.
    pub fn of(described: &'a DescribeExecutionOutput) -> Option<Self> {
        let at = sdk_time(described.stop_date.as_ref()?);
        let (error, cause) = (described.error.as_deref(), described.cause.as_deref());
        Some(Self { status: &described.status, at, error, cause })
    }

    /// The status of an application whose execution ended without writing one, and the reason in words for staff. The error
    /// itself is in the history of the execution, where pages read it.
    pub fn in_words(&self) -> (ApplicationStatus, String) {
        let why = match self.status {
            ExecutionStatus::Aborted => {
                let why = self.operators_words().map(|why| format!(" ({why})")).unwrap_or_default();
                return (ApplicationStatus::Stopped, format!("Its workflow was stopped by an operator{why}."));
            }
            ExecutionStatus::Succeeded => "The workflow ended without recording an outcome.",
            ExecutionStatus::TimedOut => "The workflow took longer than its time limit.",
            _ => reason(self.error.unwrap_or_default()),
        };
        (ApplicationStatus::NeedsAttention, why.to_owned())
    }

    /// The error and cause with which an operator stopped the execution.
    fn operators_words(&self) -> Option<String> {
        let cause = self.cause.map(|cause| {
            let cause = without_tokens(cause);
            let cause = cause.trim().trim_end_matches('.');
            match cause.char_indices().nth(WORDS) {
                Some((end, _)) => format!("{}…", &cause[..end]),
                None => cause.to_owned(),
            }
        });
        let parts: Vec<String> =
            [self.error.map(str::to_owned), cause].into_iter().flatten().filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    }
}

/// Why an execution failed with this error. See
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html> for the names that begin with
/// `States.`.
fn reason(error: &str) -> &'static str {
    match error {
        "States.Timeout" | "States.HeartbeatTimeout" => "A step of the workflow was not finished in time.",
        "States.Permissions" => "The workflow lacks a permission that it needs.",
        "States.DataLimitExceeded" => "The application has more data than the workflow can process.",
        "InvalidApplication" => "The workflow could not use the application as it was submitted.",
        "ValuationServiceTimedOut" => "The property was not valued in time.",
        "ValuationFailed" => "The property could not be valued.",
        error if error.starts_with("Lambda.") || error.starts_with("DynamoDB.") => {
            "A service that the workflow needs did not work."
        }
        error if error.starts_with("States.") => "The workflow has a fault that stopped it.",
        _ => "The workflow failed before it reached a decision.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_that_ended_without_an_outcome_leaves_a_status_and_a_reason() {
        let ended = |status, error, cause| Ended { status, at: OffsetDateTime::UNIX_EPOCH, error, cause }.in_words();
        let (status, remark) = ended(&ExecutionStatus::Aborted, None, None);
        assert_eq!((status, remark.as_str()), (ApplicationStatus::Stopped, "Its workflow was stopped by an operator."));
        let (_, remark) = ended(&ExecutionStatus::Aborted, Some("Operator"), Some("Sent twice."));
        assert_eq!(remark, "Its workflow was stopped by an operator (Operator: Sent twice).");
        let long = "at it ".repeat(100);
        let (_, remark) = ended(&ExecutionStatus::Aborted, Some("Operator"), Some(&long));
        assert_eq!(remark, format!("Its workflow was stopped by an operator (Operator: {}…).", "at it ".repeat(50)));
        assert_eq!(
            ended(&ExecutionStatus::TimedOut, None, None),
            (ApplicationStatus::NeedsAttention, "The workflow took longer than its time limit.".to_owned())
        );
    }

    #[test]
    fn the_reason_of_a_failure_is_in_words_for_staff() {
        let errors = ["States.Runtime", "States.Timeout", "Lambda.Unknown", "InvalidApplication", "MyError", ""];
        for error in errors {
            let cause = "at main (/var/task/index.js:1:1)";
            let (status, remark) = Ended {
                status: &ExecutionStatus::Failed,
                at: OffsetDateTime::UNIX_EPOCH,
                error: Some(error),
                cause: Some(cause),
            }
            .in_words();
            assert_eq!(status, ApplicationStatus::NeedsAttention);
            assert!(!remark.contains(cause) && (error.is_empty() || !remark.contains(error)), "{error}: {remark}");
        }
    }
}
