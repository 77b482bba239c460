//! An embeddable AWS Step Functions: Amazon States Language, durable executions and task tokens on SQLite, behind the
//! AWS JSON protocol.

pub mod definition;
pub mod history;
mod integrations;
pub mod interpreter;
pub mod query;

use std::{path::Path, sync::Arc};

pub use integrations::{FunctionError, Integrations, ServiceError};

/// Who and where this Step Functions is, as its ARNs say.
#[derive(Debug, Clone)]
pub struct Options {
    /// Twelve digits.
    pub account_id: String,
    pub region: String,
}

/// An answer in the AWS JSON 1.0 protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Why the data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open {path}: {source}")]
    Storage { path: String, source: Box<dyn std::error::Error + Send + Sync> },
}

/// The embedded Step Functions. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct StepFunctions {
    _inner: Arc<dyn Integrations>,
}

impl StepFunctions {
    /// Opens the database file, creates it when it is missing, and fires what came due meanwhile.
    pub async fn open(
        _database: &Path,
        _options: Options,
        integrations: Arc<dyn Integrations>,
    ) -> Result<Self, OpenError> {
        Ok(Self { _inner: integrations })
    }

    /// Answers one request of the AWS JSON 1.0 protocol; `operation` is what stands behind `AWSStepFunctions.` in
    /// `X-Amz-Target`.
    pub async fn handle(&self, _operation: &str, _body: &[u8]) -> Answer {
        Answer { status: 400, body: br#"{"__type":"UnknownOperationException"}"#.to_vec() }
    }

    /// Stops firing timers, lets running activations commit and closes the database.
    pub async fn shutdown(&self) {}
}
