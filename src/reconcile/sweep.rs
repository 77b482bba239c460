//! The comparison of everything that is open with Step Functions, at a limited rate.

use app::domain::ApplicationStatus;

use super::{Reconciler, report};
use crate::{
    applications::Record,
    aws::AwsError,
    tasks::{PausedTask, UnansweredPage},
};

impl Reconciler {
    /// Compares everything that is open with Step Functions.
    pub async fn sweep(&self) {
        report("comparing applications with their executions", self.compare_applications().await);
        report("looking for tasks that nobody waits for", self.close_abandoned().await);
        report("looking for applications that wait no more", self.note_progress(None).await);
    }

    async fn compare_applications(&self) -> Result<(), AwsError> {
        for status in ApplicationStatus::ALL.into_iter().filter(|status| status.is_open()) {
            let mut next = Some(None);
            while let Some(after) = next {
                let (records, more) = self.batch(status, after).await?;
                next = more.map(Some);
                for record in &records {
                    report("comparing an application with its execution", self.compare(record).await);
                    self.clock.sleep(self.pace).await;
                }
            }
        }
        Ok(())
    }

    /// Closes tasks that were answered without the desk, for example with the AWS CLI. Their executions go on and write their
    /// outcome, but nothing closes the tasks. Reads a page of tasks and their applications at a time.
    async fn close_abandoned(&self) -> Result<(), AwsError> {
        let mut next = Some(UnansweredPage::default());
        while let Some(page) = next {
            let (tasks, more) = self.paused.unanswered(page).await?;
            next = more;
            let references = tasks.iter().map(|task| &task.application_reference);
            let records = self.applications.get_many(references).await?;
            for task in &tasks {
                if records.get(&task.application_reference).is_some_and(|record| is_abandoned(task, record)) {
                    // Step Functions knows whether it was answered without the desk or not at all.
                    report("closing an abandoned task", self.close_if_over(task).await);
                }
            }
            self.clock.sleep(self.pace).await;
        }
        Ok(())
    }

    async fn compare(&self, record: &Record) -> Result<(), AwsError> {
        let described = match self.workflows.describe(&record.execution_arn).await {
            // It has not started yet, or Step Functions no longer keeps it.
            Err(error) if error.is("ExecutionDoesNotExist") => return Ok(()),
            described => described?,
        };
        self.learn(record, &described).await
    }
}

/// Whether the application of a task no longer waits for it.
fn is_abandoned(task: &PausedTask, record: &Record) -> bool {
    let waits_for_it = record.pause.as_ref().is_some_and(|pause| pause.id == task.id.as_str());
    record.execution_arn == task.execution_arn && (!record.status.is_open() || !waits_for_it)
}
