//! The AWS JSON 1.0 protocol: an operation's name and a body in, a status and a body out.

mod fault;
mod fields;
mod page;

pub use fault::{Fault, StorageError};
pub(crate) use fields::{ARN, CAUSE, DATA, DEFINITION, DESCRIPTION, ERROR, Fields, LONG_ARN, NAME, TASK_TOKEN, Text};
pub(crate) use page::Page;
use serde::Serialize;
use serde_json::json;

/// An answer in the AWS JSON 1.0 protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    pub status: u16,
    /// JSON; its type is `application/x-amz-json-1.0`.
    pub body: Vec<u8>,
}

impl Answer {
    /// Converts the result of an operation.
    pub(crate) fn of(result: Result<Body, Fault>) -> Self {
        match result {
            Ok(Body(body)) => Self { status: 200, body },
            Err(fault) => {
                let body = json!({"__type": fault.code(), "message": fault.to_string()});
                Self { status: fault.status(), body: body.to_string().into_bytes() }
            }
        }
    }
}

/// The JSON of an answer.
#[derive(Debug)]
pub(crate) struct Body(pub Vec<u8>);

impl Body {
    /// The empty answer, `{}`.
    pub fn empty() -> Self {
        Self(b"{}".to_vec())
    }

    pub fn json(value: &impl Serialize) -> Self {
        // Serialising maps with string keys cannot fail.
        Self(serde_json::to_vec(value).unwrap_or_default())
    }
}
