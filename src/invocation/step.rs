//! The steps of a workflow: the identity of tasks, and the order of steps.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::PausedTaskId;
use crate::timestamp;

/// An invocation of a function by a state of an execution.
///
/// Step Functions invokes the function again with a new token after a failure (a retry) and after a redrive of the
/// execution. A retry belongs to the same task and reuses its row, so that nobody is asked twice. A redrive creates a
/// new task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How often the execution was redriven before.
    pub redrives: u32,
    pub entered_at: OffsetDateTime,
    /// How often the state has retried since it was entered.
    pub retries: u32,
}

impl Step {
    /// The id of the task of this step, which is the same for all retries.
    pub fn task_id(&self, execution_arn: &str) -> PausedTaskId {
        self.id(execution_arn, None)
    }

    /// The id for a retry that needs a new task, because the previous one is closed.
    pub fn retry_id(&self, execution_arn: &str) -> PausedTaskId {
        self.id(execution_arn, Some(self.retries))
    }

    fn id(&self, execution_arn: &str, retry: Option<u32>) -> PausedTaskId {
        let entered_at = timestamp::write(self.entered_at);
        let step = format!("{execution_arn}\n{}\n{entered_at}\n{retry:?}", self.redrives);
        PausedTaskId::from_key(&URL_SAFE_NO_PAD.encode(&Sha256::digest(step)[..16]))
    }

    /// A text by which the steps of one run of the execution sort in time. The workflow itself writes its decision with
    /// the time followed by `~`, which sorts after all earlier steps.
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
    fn retries_belong_to_the_same_task_and_redrives_to_a_new_one() {
        assert_eq!(step(0, 0).task_id("arn"), step(0, 2).task_id("arn"));
        assert_ne!(step(0, 0).task_id("arn"), step(1, 0).task_id("arn"));
        assert_ne!(step(0, 0).task_id("arn"), step(0, 0).task_id("other"));
        assert_ne!(step(0, 1).retry_id("arn"), step(0, 2).retry_id("arn"));
        assert_eq!(step(0, 0).task_id("arn").as_str().len(), 22);
    }

    #[test]
    fn a_decision_sorts_after_steps_of_the_same_moment() {
        assert!(step(0, 2).order() < step(0, 10).order());
        assert!(step(0, 10).order().as_str() < "2026-11-22T10:00:00.000Z~");
        assert!(step(0, 0).order().as_str() > "2026-11-22T09:59:59.999Z~");
    }
}
