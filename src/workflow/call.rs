//! Calls to Step Functions that failed.

use app::desk::StepFunctionsError;

use crate::{aws::AwsError, masking::without_tokens};

/// A call that failed, with the name of its operation: `ListExecutions`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {error}")]
pub struct CallError {
    pub operation: &'static str,
    pub error: AwsError,
}

impl CallError {
    /// Whether Step Functions answered with this error code.
    pub fn is(&self, code: &str) -> bool {
        self.error.is(code)
    }

    /// The error as engineers see it.
    pub fn shown(&self) -> StepFunctionsError {
        StepFunctionsError {
            operation: self.operation,
            code: self.error.code().map(str::to_owned),
            message: without_tokens(self.error.message()),
        }
    }
}

/// Names the operation of a call that failed.
pub trait During<T> {
    fn during(self, operation: &'static str) -> Result<T, CallError>;
}

impl<T, E: Into<AwsError>> During<T> for Result<T, E> {
    fn during(self, operation: &'static str) -> Result<T, CallError> {
        self.map_err(|error| CallError { operation, error: error.into() })
    }
}
