//! One error for everything that AWS answers or fails to answer.

use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// A call that AWS refused or did not answer. Holds the service's words and never the request, so it is safe to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AwsError {
    /// The service's code, `ConditionalCheckFailedException`; `None` when there was no answer.
    code: Option<String>,
    message: String,
}

impl AwsError {
    /// Whether the service answered with this error code.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether a conditional write found its condition not met.
    pub fn is_condition(&self) -> bool {
        self.is("ConditionalCheckFailedException")
    }

    /// The service's own error, taken out of the SDK's.
    pub fn of(error: &(impl ProvideErrorMetadata + fmt::Display)) -> Self {
        let message = error.message().map(str::to_owned).unwrap_or_else(|| error.to_string());
        Self { code: error.code().map(str::to_owned), message }
    }

    /// Something that must have been deployed and is not there.
    pub fn missing(what: impl fmt::Display) -> Self {
        Self { code: None, message: format!("{what} is missing") }
    }

    /// Data in a table that this program cannot have written.
    pub fn corrupt(what: impl fmt::Display) -> Self {
        Self { code: None, message: format!("cannot be read: {what}") }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl<E, R> From<SdkError<E, R>> for AwsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: fmt::Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        let code = error.code().map(str::to_owned);
        let message = match (error.message(), &error) {
            (Some(message), _) => message.to_owned(),
            (None, SdkError::ServiceError(service)) => service.err().to_string(),
            (None, SdkError::DispatchFailure(_)) => format!("cannot be reached ({})", innermost(&error)),
            (None, SdkError::TimeoutError(_)) => "did not answer in time".to_owned(),
            (None, SdkError::ConstructionFailure(_)) => "the call could not be made".to_owned(),
            (None, _) => "the answer could not be read".to_owned(),
        };
        Self { code, message }
    }
}

/// What was first to fail, in one line: `Connection refused (os error 111)`.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let first = std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error).to_string();
    let words: Vec<_> = first.split_whitespace().collect();
    words.join(" ").trim_end_matches('.').to_owned()
}
