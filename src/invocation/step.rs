//! Which step of a workflow a task belongs to, and in which order steps happen.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::PausedTaskId;
use crate::timestamp;

/// One call of a function by a state of an execution.
///
/// Step Functions calls the function again with a new token when it fails (a retry), and when the execution is redriven.
/// A retry asks the same question again: it keeps its row, so that nobody is asked twice. A redrive asks anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How often the execution had been redriven.
    pub redrives: u32,
    pub entered_at: OffsetDateTime,
    /// How often the state had retried its task since it was entered.
    pub retries: u32,
}

impl Step {
    /// The id of the task that this step asks somebody to do. The same for all retries.
    pub fn task_id(&self, execution_arn: &str) -> PausedTaskId {
        self.id(execution_arn, None)
    }

    /// The id for a retry that must ask anew, because what was asked before is over.
    pub fn retry_id(&self, execution_arn: &str) -> PausedTaskId {
        self.id(execution_arn, Some(self.retries))
    }

    fn id(&self, execution_arn: &str, retry: Option<u32>) -> PausedTaskId {
        let entered_at = timestamp::write(self.entered_at);
        let step = format!("{execution_arn}\n{}\n{entered_at}\n{retry:?}", self.redrives);
        PausedTaskId::from_key(&URL_SAFE_NO_PAD.encode(&Sha256::digest(step)[..16]))
    }

    /// A text that sorts by when this happened among the steps of one run of the execution. What the workflow writes when
    /// it has decided is the time followed by `~`, which sorts behind all calls that were made by then.
    pub fn order(&self) -> String {
        format!("{}#{:06}", timestamp::write(self.entered_at), self.retries)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn step(redrives: u32, retries: u32) -> Step {
        Step { redrives, entered_at: datetime!(2026-11-22 10:00 UTC), retries }
    }

    #[test]
    fn retries_ask_the_same_and_redrives_ask_anew() {
        assert_eq!(step(0, 0).task_id("arn"), step(0, 2).task_id("arn"));
        assert_ne!(step(0, 0).task_id("arn"), step(1, 0).task_id("arn"));
        assert_ne!(step(0, 0).task_id("arn"), step(0, 0).task_id("other"));
        assert_ne!(step(0, 1).retry_id("arn"), step(0, 2).retry_id("arn"));
        assert_eq!(step(0, 0).task_id("arn").as_str().len(), 22);
    }

    #[test]
    fn a_decision_comes_after_the_calls_of_the_same_moment() {
        assert!(step(0, 2).order() < step(0, 10).order());
        assert!(step(0, 10).order().as_str() < "2026-11-22T10:00:00.000Z~");
        assert!(step(0, 0).order().as_str() > "2026-11-22T09:59:59.999Z~");
    }
}
