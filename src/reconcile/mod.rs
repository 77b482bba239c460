//! Corrects what an outage left unfinished, and what happened without the desk. All of it can be done twice, and by two
//! desks at the same time.

mod ended;
mod sweep;

use std::time::Duration;

use app::domain::{ApplicationStatus, WaitingOn};
use aws_sdk_sfn::{operation::describe_execution::DescribeExecutionOutput, types::ExecutionStatus};
use time::OffsetDateTime;

use self::ended::Ended;

use crate::{
    applications::{Applications, Record},
    aws::AwsError,
    callbacks::Callbacks,
    clock::Clock,
    lease::Lease,
    read_model::ReadModel,
    tasks::{Ending, PausedTask, PausedTasks, State},
    workflow::{Workflows, sdk_time},
};

/// The interval between searches for passed deadlines and unfinished steps. Each search is one query per kind.
const STEP: Duration = Duration::from_secs(2);

/// The interval between comparisons of all open applications with their executions.
const SWEEP: Duration = Duration::from_secs(60);

/// How long after a task's deadline Step Functions is asked whether the task is over.
const GRACE: Duration = Duration::from_secs(1);

/// The age from which a step counts as left unfinished.
const UNFINISHED: Duration = Duration::from_secs(5);

/// How long after a task is over its application may still be told to wait for it.
const MOMENT: Duration = Duration::from_secs(1);

/// How far back tasks are looked for that are over, in each step.
const ANSWERED: Duration = Duration::from_secs(10);

/// How far back unsettled callbacks are looked for.
const CALLBACKS: Duration = Duration::from_secs(7 * 24 * 3600);

/// The number of applications read at a time.
const BATCH: usize = 100;

#[derive(Clone)]
pub struct Reconciler {
    pub clock: Clock,
    pub applications: Applications,
    pub read_model: ReadModel,
    pub paused: PausedTasks,
    pub callbacks: Callbacks,
    pub workflows: Workflows,
    /// Held by the one desk that reconciles, where several share one AWS.
    pub lease: Lease,
    /// How long the answers of staff are held back, so that they can be corrected.
    pub correction_time: Duration,
    /// The pause between two calls of a sweep. AWS throttles DescribeExecution for the whole account.
    pub pace: Duration,
}

impl Reconciler {
    /// Runs until the desk closes.
    pub async fn run(self) {
        let stepping = async {
            loop {
                if self.lease.hold().await {
                    self.finish_steps().await;
                }
                self.clock.sleep(STEP).await;
            }
        };
        let sweeping = async {
            loop {
                if self.lease.hold().await {
                    self.sweep().await;
                    self.clock.sleep(SWEEP).await;
                } else {
                    self.clock.sleep(STEP).await;
                }
            }
        };
        tokio::join!(stepping, sweeping);
    }

    /// Finishes what another desk, or this one before a restart, left unfinished. A step that fails does not keep the others
    /// from being finished.
    pub async fn finish_steps(&self) {
        const WHAT: &str = "finishing unfinished steps";
        report(WHAT, self.send_again().await);
        report(WHAT, self.close_overdue().await);
        report(WHAT, self.settle_callbacks().await);
        report(WHAT, self.start_again().await);
        report(WHAT, self.note_progress(Some(ANSWERED)).await);
    }

    async fn send_again(&self) -> Result<(), AwsError> {
        for task in self.paused.unsent().await? {
            let held_back =
                if task.kind.waits_on() == WaitingOn::Staff { self.correction_time } else { Duration::ZERO };
            if is_old(answered_at(&task.state), self.clock.now(), UNFINISHED.max(held_back)) {
                tracing::info!(task = %task.id, "sending an answer again");
                report("sending an answer again", self.callbacks.send_again(&task).await);
            }
        }
        Ok(())
    }

    async fn close_overdue(&self) -> Result<(), AwsError> {
        for task in self.paused.overdue(self.clock.now() - GRACE).await? {
            report("closing what is overdue", self.close_if_over(&task).await);
        }
        Ok(())
    }

    /// Closes a task if Step Functions says that it is over. The desk's clock may be ahead, so it does not decide.
    async fn close_if_over(&self, task: &PausedTask) -> Result<(), AwsError> {
        match self.paused.ended(task).await? {
            None => Ok(()),
            Some(Ending::TimedOut) => self.close(task, State::Lapsed).await,
            Some(Ending::Otherwise) => self.close(task, State::Abandoned).await,
        }
    }

    async fn close(&self, task: &PausedTask, state: State) -> Result<(), AwsError> {
        self.paused.close(&task.id, state).await?;
        self.applications.goes_on(task.awaited()).await;
        Ok(())
    }

    /// Records that applications no longer wait for tasks that are over. `looks_back` limits how long ago the tasks ended.
    /// Usually a workflow writes its next step itself a moment after the answer; one that waits or does something else
    /// first does not.
    async fn note_progress(&self, looks_back: Option<Duration>) -> Result<(), AwsError> {
        let until = self.clock.now() - MOMENT;
        let since = looks_back.map(|looks_back| until - looks_back);
        for id in self.read_model.overtaken(since, until).await? {
            let task = self.paused.get(&id).await?;
            if let Some(task) = task.filter(|task| !matches!(task.state, State::Requesting | State::Open)) {
                self.applications.goes_on(task.awaited()).await;
            }
        }
        Ok(())
    }

    async fn settle_callbacks(&self) -> Result<(), AwsError> {
        let now = self.clock.now();
        for id in self.callbacks.unsettled(now - CALLBACKS, now - UNFINISHED).await? {
            report("settling a callback", self.settle(&id).await);
        }
        Ok(())
    }

    async fn settle(&self, id: &str) -> Result<(), AwsError> {
        if let Some(callback) = self.callbacks.get(id).await? {
            self.callbacks.settle(callback).await?;
        }
        Ok(())
    }

    /// Starts applications that were stored but not started, and records which of the others run. A workflow may run for
    /// long before it asks for its first task.
    async fn start_again(&self) -> Result<(), AwsError> {
        let mut next = Some(None);
        while let Some(after) = next {
            let (records, more) = self.batch(ApplicationStatus::Submitted, after).await?;
            next = more.map(Some);
            for record in &records {
                report("starting an application", self.start_unless_started(record).await);
            }
        }
        Ok(())
    }

    async fn start_unless_started(&self, record: &Record) -> Result<(), AwsError> {
        match self.workflows.describe(&record.execution_arn).await {
            Ok(described) => self.learn(record, &described).await,
            Err(error) if error.is("ExecutionDoesNotExist") => {
                let application = &record.application.application_reference;
                tracing::info!(%application, "starting an execution that was not started before");
                self.applications.start(record).await
            }
            Err(error) => Err(error),
        }
    }

    /// The next applications that have had this status for [`UNFINISHED`], as they are in the table, and where the next batch
    /// starts.
    async fn batch(
        &self,
        status: ApplicationStatus,
        after: Option<i64>,
    ) -> Result<(Vec<Record>, Option<i64>), AwsError> {
        let until = self.clock.now() - UNFINISHED;
        let (references, next) = self.read_model.at(status, until, BATCH, after).await?;
        let mut records = Vec::with_capacity(references.len());
        for reference in references {
            // The read model may be behind the table.
            records.extend(self.applications.get(&reference).await?.filter(|record| record.status == status));
        }
        Ok((records, next))
    }

    /// Brings an application up to date with what Step Functions says about its execution.
    pub async fn learn(&self, record: &Record, described: &DescribeExecutionOutput) -> Result<(), AwsError> {
        let is_submitted = record.status == ApplicationStatus::Submitted;
        if is_submitted && described.input.as_deref().is_some_and(|input| !record.is_input(input)) {
            let remark = "An execution with this application's reference already exists, but for something else.";
            return self
                .applications
                .correct(record, ApplicationStatus::NeedsAttention, remark, self.clock.now())
                .await;
        }
        if let Some(redriven) = described.redrive_date.as_ref().map(sdk_time) {
            self.abandon_before(record, redriven).await?;
        }
        if is_submitted && described.status == ExecutionStatus::Running {
            self.applications.runs(record).await?;
        }
        self.correct(record, Ended::of(described)).await
    }

    /// Closes the tasks from before a redrive. The redriven execution starts them again with other tokens.
    async fn abandon_before(&self, record: &Record, redriven: OffsetDateTime) -> Result<(), AwsError> {
        for task in self.paused.of_application(record.application.application_reference.as_str()).await? {
            let waits = matches!(task.state, State::Requesting | State::Open);
            if waits && task.execution_arn == record.execution_arn && task.since < redriven {
                self.close(&task, State::Abandoned).await?;
            }
        }
        Ok(())
    }

    /// Corrects an application that is still open although its execution has ended.
    async fn correct(&self, record: &Record, ended: Option<Ended<'_>>) -> Result<(), AwsError> {
        let Some(ended) = ended.filter(|_| record.status.is_open()) else { return Ok(()) };
        // The execution writes its outcome before it ends, so the record may have been read too early.
        let Some(record) = self.applications.get(&record.application.application_reference).await? else {
            return Ok(());
        };
        if !record.status.is_open() {
            return Ok(());
        }
        let (now_is, remark) = ended.in_words();
        tracing::info!(application = %record.application.application_reference, status = now_is.key(), "corrected");
        for task in self.paused.of_application(record.application.application_reference.as_str()).await? {
            if task.execution_arn == record.execution_arn {
                self.paused.close(&task.id, State::Abandoned).await?;
            }
        }
        self.applications.correct(&record, now_is, &remark, ended.at).await
    }
}

fn answered_at(state: &State) -> Option<OffsetDateTime> {
    match state {
        State::Answering(answer) => Some(answer.at),
        _ => None,
    }
}

fn is_old(at: Option<OffsetDateTime>, now: OffsetDateTime, age: Duration) -> bool {
    at.is_none_or(|at| at + age < now)
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
    fn an_answer_is_sent_again_only_when_whoever_was_sending_it_must_have_stopped() {
        let now = time::macros::datetime!(2026-11-22 10:00 UTC);
        assert!(!is_old(Some(now - Duration::from_secs(1)), now, UNFINISHED));
        assert!(is_old(Some(now - Duration::from_secs(6)), now, UNFINISHED));
    }
}
