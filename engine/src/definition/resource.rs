//! What a Task state calls.

use serde::{Deserialize, Serialize};

/// A Task's Resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The ARN of a function.
    Lambda { arn: String },
    /// The ARN of an activity.
    Activity { arn: String },
    /// `arn:aws:states:::service:action` and its pattern.
    Service {
        /// For example `lambda` or `aws-sdk:dynamodb`.
        service: String,
        /// For example `invoke`.
        action: String,
        pattern: Pattern,
    },
}

/// Why a Resource is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotAnArn,
    /// Contains the Resource that this would be, if it can be told. It is used for stored definitions, which are not
    /// checked again.
    Unknown(Option<Resource>),
}

/// What a Task waits for, as the suffix of its Resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    RequestResponse,
    WaitForTaskToken,
    /// `.sync`.
    Sync,
    /// `.sync:2`.
    Sync2,
}

impl Resource {
    /// The action with its pattern as in history events, for example `invoke.waitForTaskToken`.
    #[must_use]
    pub fn action_with_pattern(action: &str, pattern: Pattern) -> String {
        let suffix = match pattern {
            Pattern::RequestResponse => "",
            Pattern::WaitForTaskToken => ".waitForTaskToken",
            Pattern::Sync => ".sync",
            Pattern::Sync2 => ".sync:2",
        };
        format!("{action}{suffix}")
    }

    /// Why EXPRESS executions can't have this resource, in AWS's words: the task waits for a worker, the holder of a
    /// token or the end of another execution. `None` if they can.
    #[must_use]
    pub fn refused_by_express(&self) -> Option<&'static str> {
        match self {
            Self::Activity { .. } => Some("Express state machine does not support activities"),
            Self::Service { pattern: Pattern::WaitForTaskToken, .. } => {
                Some("Express state machine does not support '.waitForTaskToken' service integration")
            }
            Self::Service { pattern: Pattern::Sync | Pattern::Sync2, .. } => {
                Some("Express state machine does not support '.sync' service integration")
            }
            Self::Service { pattern: Pattern::RequestResponse, .. } | Self::Lambda { .. } => None,
        }
    }

    /// Whether this is an action of a service that the engine does not know.
    #[must_use]
    pub fn is_unknown(text: &str) -> bool {
        matches!(Self::parse(text), Err(Refusal::Unknown(_)))
    }

    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, rest] = parts[..] else { return Err(Refusal::NotAnArn) };
        if !partition.starts_with("aws") {
            return Err(Refusal::NotAnArn);
        }
        match service {
            "lambda" if rest.starts_with("function:") => Ok(Self::Lambda { arn: text.to_owned() }),
            "states" if rest.starts_with("activity:") => Ok(Self::Activity { arn: text.to_owned() }),
            "states" if region.is_empty() && account.is_empty() => integration(rest),
            _ => Err(Refusal::Unknown(None)),
        }
    }
}

/// Parses what follows `arn:aws:states:::`.
fn integration(rest: &str) -> Result<Resource, Refusal> {
    let (rest, pattern) = if let Some(rest) = rest.strip_suffix(".waitForTaskToken") {
        (rest, Pattern::WaitForTaskToken)
    } else if let Some(rest) = rest.strip_suffix(".sync:2") {
        (rest, Pattern::Sync2)
    } else if let Some(rest) = rest.strip_suffix(".sync") {
        (rest, Pattern::Sync)
    } else {
        (rest, Pattern::RequestResponse)
    };
    let (service, action) = rest.rsplit_once(':').ok_or(Refusal::Unknown(None))?;
    let resource = Resource::Service { service: service.to_owned(), action: action.to_owned(), pattern };
    if supports(service, action, pattern) { Ok(resource) } else { Err(Refusal::Unknown(Some(resource))) }
}

/// Whether this engine supports an integration with a pattern that AWS has for it.
fn supports(service: &str, action: &str, pattern: Pattern) -> bool {
    use Pattern::{RequestResponse, WaitForTaskToken};
    let callback = matches!(pattern, RequestResponse | WaitForTaskToken);
    match (service, action) {
        ("lambda", "invoke") | ("sqs", "sendMessage") | ("sns", "publish") | ("events", "putEvents") => callback,
        ("states", "startExecution") => true,
        ("dynamodb", "getItem" | "putItem" | "updateItem" | "deleteItem") => pattern == RequestResponse,
        (
            "aws-sdk:dynamodb"
            | "aws-sdk:sfn"
            | "aws-sdk:lambda"
            | "aws-sdk:sqs"
            | "aws-sdk:sns"
            | "aws-sdk:eventbridge"
            | "aws-sdk:s3",
            action,
        ) => callback && action.starts_with(|c: char| c.is_ascii_lowercase()),
        _ => false,
    }
}
