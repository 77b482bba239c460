//! The secret that answers a paused task, and the id under which it is kept.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Step;

/// A task token: whoever holds it can answer its task. It is kept in one table, given to Step Functions, and shown
/// nowhere.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct TaskToken(String);

impl TaskToken {
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself: for Step Functions and the table that keeps it, never for a log, page, URL or error.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// The public name of a paused task.
///
/// It follows from what the workflow asks for, so that a function that is called again finds what it did before. It says
/// nothing about the token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PausedTaskId(String);

impl PausedTaskId {
    /// The id of the task that a step asks for: all retries of the step ask for the same. Without a step, as in executions
    /// that began before workflows told it, each token is a task of its own.
    pub fn of(step: Option<&Step>, execution_arn: &str, token: &TaskToken) -> Self {
        step.map_or_else(|| Self::of_token(token), |step| step.task_id(execution_arn))
    }

    fn of_token(token: &TaskToken) -> Self {
        Self(URL_SAFE_NO_PAD.encode(&Sha256::digest(token.0.as_bytes())[..16]))
    }

    /// An id as it was kept or signed. Any other text is an id that nothing is found under.
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
    fn a_token_never_shows_itself() {
        let token = TaskToken::new("AQC8AAAAKgAAAAMAAAAAAAAAAf");
        assert_eq!(format!("{token:?}"), "TaskToken(…)");
        assert!(!PausedTaskId::of_token(&token).as_str().contains("AQC8"));
    }

    #[test]
    fn the_same_token_has_the_same_id_and_another_has_another() {
        let id = |token: &str| PausedTaskId::of_token(&TaskToken::new(token));
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        assert_eq!(id("a").as_str().len(), 22);
    }
}
