//! The task token, which is a secret, and the public id of a paused task.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A task token. Anybody who has it can answer its task, so it is kept in one table, passed only to Step Functions, and
/// never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct TaskToken(String);

impl TaskToken {
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, for Step Functions and the table. It must not appear in a log, page, URL or error.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// The public id of a paused task.
///
/// It is derived from the step of the workflow, so that a function that is invoked again finds the row of the first
/// invocation. It reveals nothing about the token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PausedTaskId(String);

impl PausedTaskId {
    pub(super) fn of_token(token: &TaskToken) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&Sha256::digest(token.0.as_bytes())[..16]))
    }

    /// An id from a table or a signed address. Any other text is an id of no task.
    pub fn from_key(key: &str) -> Self {
        Self(key.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PausedTaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_output_does_not_contain_the_token() {
        let token = TaskToken::new("AQC8AAAAKgAAAAMAAAAAAAAAAf");
        assert_eq!(format!("{token:?}"), "TaskToken(…)");
        assert!(!PausedTaskId::of_token(&token).as_str().contains("AQC8"));
    }

    #[test]
    fn the_id_is_the_same_for_the_same_token_only() {
        let id = |token: &str| PausedTaskId::of_token(&TaskToken::new(token));
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        assert_eq!(id("a").as_str().len(), 22);
    }
}
