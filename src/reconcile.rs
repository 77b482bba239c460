//! Correcting what an outage left behind, and what happened where the desk could not see it. Everything here may be done
//! twice, and by two desks at once.

use std::time::Duration;

use app::domain::ApplicationStatus;
use aws_sdk_sfn::types::ExecutionStatus;
use time::OffsetDateTime;
use tokio::time::MissedTickBehavior;

use crate::{
    applications::{Applications, Cursor, Record},
    aws::AwsError,
    callbacks::Callbacks,
    paused::{PausedTasks, State},
    timestamp,
    workflow::Workflows,
};

/// How often deadlines and unfinished steps are looked for: a query each, mostly empty.
const STEP: Duration = Duration::from_secs(2);

/// How often every open application is compared with its execution.
const SWEEP: Duration = Duration::from_secs(60);

/// How long after its deadline a task counts as lapsed: Step Functions' clock decides, and it began a moment before
/// the desk's.
const GRACE: Duration = Duration::from_secs(1);

/// How old an unfinished step is before somebody else finishes it.
const UNFINISHED: Duration = Duration::from_secs(5);

/// How far back unsettled callbacks are looked for.
const CALLBACKS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Applications looked up at a time.
const BATCH: i32 = 100;

#[derive(Clone)]
pub struct Reconciler {
    pub applications: Applications,
    pub paused: PausedTasks,
    pub callbacks: Callbacks,
    pub workflows: Workflows,
    /// Between two calls of DescribeExecution: AWS throttles them for the whole account.
    pub pace: Duration,
}

impl Reconciler {
    /// Goes on for as long as the desk is open.
    pub async fn run(self) {
        let mut step = tokio::time::interval(STEP);
        let mut sweep = tokio::time::interval(SWEEP);
        for interval in [&mut step, &mut sweep] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let stepping = async {
            loop {
                step.tick().await;
                report("finishing unfinished steps", self.finish_steps().await);
            }
        };
        let sweeping = async {
            loop {
                sweep.tick().await;
                report("comparing applications with their executions", self.sweep().await);
            }
        };
        tokio::join!(stepping, sweeping);
    }

    async fn finish_steps(&self) -> Result<(), AwsError> {
        let now = timestamp::now();
        for task in self.paused.unsent().await? {
            if is_old(answered_at(&task.state), now) {
                tracing::info!(task = %task.id, "sending an answer again");
                self.paused.send_again(&task).await?;
            }
        }
        for task in self.paused.overdue(now - GRACE).await? {
            self.paused.close(&task.id, State::Lapsed).await?;
            self.applications.touch(&task).await?;
        }
        for id in self.callbacks.unsettled(now - CALLBACKS, now - UNFINISHED).await? {
            if let Some(callback) = self.callbacks.get(&id).await? {
                self.callbacks.settle(callback).await?;
            }
        }
        let submitted = ApplicationStatus::Submitted;
        for record in self.applications.at(submitted, now - UNFINISHED, BATCH, None).await? {
            tracing::info!(application = %record.application.application_reference, "starting it again");
            self.applications.start_again(&record).await?;
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<(), AwsError> {
        let open = ApplicationStatus::ALL.into_iter().filter(|status| status.is_open());
        for status in open {
            let until = timestamp::now() - UNFINISHED;
            let mut after: Option<Cursor> = None;
            loop {
                let records = self.applications.at(status, until, BATCH, after.as_ref()).await?;
                for record in &records {
                    self.compare(record).await?;
                    tokio::time::sleep(self.pace).await;
                }
                match records.last() {
                    Some(last) if records.len() == BATCH as usize => after = Some(Cursor::after(last)),
                    _ => break,
                }
            }
        }
        Ok(())
    }

    async fn compare(&self, record: &Record) -> Result<(), AwsError> {
        let described = match self.workflows.describe(&record.execution_arn).await {
            // Not started yet, or so long ago that Step Functions has forgotten it.
            Err(error) if error.is("ExecutionDoesNotExist") => return Ok(()),
            described => described?,
        };
        self.correct(record, &described.status, described.error.as_deref(), described.stop_date.is_some()).await
    }

    /// Corrects an application that waits although its execution has ended. `ended`: whether it has.
    pub async fn correct(
        &self,
        record: &Record,
        status: &ExecutionStatus,
        error: Option<&str>,
        ended: bool,
    ) -> Result<(), AwsError> {
        if !ended || !record.status.is_open() {
            return Ok(());
        }
        // An execution writes its outcome as its last step but one, so an ended one has been read a moment too early.
        let Some(record) = self.applications.get(&record.application.application_reference).await? else {
            return Ok(());
        };
        if !record.status.is_open() {
            return Ok(());
        }
        let (now_is, remark) = ended_as(status, error);
        tracing::info!(application = %record.application.application_reference, status = now_is.key(), "corrected");
        for task in self.paused.of_application(record.application.application_reference.as_str()).await? {
            if task.execution_arn == record.execution_arn {
                self.paused.close(&task.id, State::Lapsed).await?;
            }
        }
        self.applications.correct(&record, now_is, Some(&remark)).await
    }
}

fn answered_at(state: &State) -> Option<OffsetDateTime> {
    match state {
        State::Answering(answer) => Some(answer.at),
        _ => None,
    }
}

fn is_old(at: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
    at.is_none_or(|at| at + UNFINISHED < now)
}

/// The status of an application whose execution ended without writing one, and why.
fn ended_as(status: &ExecutionStatus, error: Option<&str>) -> (ApplicationStatus, String) {
    match status {
        ExecutionStatus::Aborted => (ApplicationStatus::Stopped, "Its workflow was stopped by an operator.".to_owned()),
        ExecutionStatus::Succeeded => {
            (ApplicationStatus::NeedsAttention, "Its workflow ended without a word on its outcome.".to_owned())
        }
        ExecutionStatus::TimedOut => {
            (ApplicationStatus::NeedsAttention, "Its workflow took longer than it may.".to_owned())
        }
        _ => {
            let error = error.unwrap_or("no error was given");
            (ApplicationStatus::NeedsAttention, format!("Its workflow failed: {error}."))
        }
    }
}

fn report(what: &str, outcome: Result<(), AwsError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{what}: will be tried again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_that_ended_silently_leaves_a_status_that_a_person_sees() {
        assert_eq!(ended_as(&ExecutionStatus::Aborted, None).0, ApplicationStatus::Stopped);
        let (status, remark) = ended_as(&ExecutionStatus::Failed, Some("States.Runtime"));
        assert_eq!(status, ApplicationStatus::NeedsAttention);
        assert_eq!(remark, "Its workflow failed: States.Runtime.");
    }

    #[test]
    fn an_answer_is_sent_again_only_when_whoever_was_sending_it_must_have_stopped() {
        let now = timestamp::now();
        assert!(!is_old(Some(now - Duration::from_secs(1)), now));
        assert!(is_old(Some(now - Duration::from_secs(6)), now));
    }
}
