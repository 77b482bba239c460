//! The error of AWS calls.

use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// A call that AWS refused or did not answer. It contains the service's message but never the request, so it is safe to
/// log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AwsError {
    /// The service's error code, such as `ConditionalCheckFailedException`. `None` if there was no response.
    code: Option<String>,
    message: String,
}

impl AwsError {
    /// The service's error code; `None` if there was no response.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The service's message, or why there was no response.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the service answered with this error code.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether the condition of a write was not met.
    pub fn is_condition(&self) -> bool {
        self.is("ConditionalCheckFailedException")
    }

    /// Extracts the service's error from the SDK's.
    pub fn of(error: &(impl ProvideErrorMetadata + fmt::Display)) -> Self {
        let message = error.message().map(str::to_owned).unwrap_or_else(|| error.to_string());
        Self { code: error.code().map(str::to_owned), message }
    }

    /// An error for a missing resource that should have been deployed.
    pub fn missing(what: impl fmt::Display) -> Self {
        Self { code: None, message: format!("{what} is missing") }
    }

    /// An error for stored data that is not valid.
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
            (None, SdkError::ConstructionFailure(_)) => "cannot build the request".to_owned(),
            (None, _) => "cannot read the response".to_owned(),
        };
        Self { code, message }
    }
}

/// The root cause in one line, such as `Connection refused (os error 111)`.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let first = std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error).to_string();
    let words: Vec<_> = first.split_whitespace().collect();
    words.join(" ").trim_end_matches('.').to_owned()
}
