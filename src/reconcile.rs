//! Corrects what an outage left unfinished, and what happened without the desk. All of it may safely be done twice, and by
//! two desks at the same time.

use std::time::Duration;

use app::domain::{ApplicationStatus, WaitingOn};
use aws_sdk_sfn::{operation::describe_execution::DescribeExecutionOutput, types::ExecutionStatus};
use time::OffsetDateTime;

use crate::{
    applications::{Applications, Record},
    aws::AwsError,
    callbacks::Callbacks,
    clock::Clock,
    lease::Lease,
    masking::without_tokens,
    read_model::ReadModel,
    tasks::{Ending, PausedTask, PausedTasks, State, UnansweredPage},
    workflow::Workflows,
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

    async fn start_again(&self) -> Result<(), AwsError> {
        let mut next = Some(None);
        while let Some(after) = next {
            let (records, more) = self.batch(ApplicationStatus::Submitted, after).await?;
            next = more.map(Some);
            for record in &records {
                tracing::info!(application = %record.application.application_reference, "starting it again");
                report("starting an application", self.applications.start_again(record).await.map(drop));
            }
        }
        Ok(())
    }

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

    async fn compare(&self, record: &Record) -> Result<(), AwsError> {
        let described = match self.workflows.describe(&record.execution_arn).await {
            // It has not started yet, or Step Functions no longer keeps it.
            Err(error) if error.is("ExecutionDoesNotExist") => return Ok(()),
            described => described?,
        };
        self.learn(record, &described).await
    }

    /// Brings an application up to date with what Step Functions says about its execution.
    pub async fn learn(&self, record: &Record, described: &DescribeExecutionOutput) -> Result<(), AwsError> {
        if let Some(redriven) = redriven_at(described) {
            self.abandon_before(record, redriven).await?;
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
        self.applications.correct(&record, now_is, Some(&remark)).await
    }
}

/// Whether the application of a task no longer waits for it.
fn is_abandoned(task: &PausedTask, record: &Record) -> bool {
    let waits_for_it = record.pause.as_ref().is_some_and(|pause| pause.id == task.id.as_str());
    record.execution_arn == task.execution_arn && (!record.status.is_open() || !waits_for_it)
}

/// When an execution was last redriven. Step Functions reports whole milliseconds as a fraction of a second, which the SDK
/// cannot represent exactly.
fn redriven_at(described: &DescribeExecutionOutput) -> Option<OffsetDateTime> {
    const MILLISECOND: i128 = 1_000_000;
    let milliseconds = (described.redrive_date?.as_nanos() + MILLISECOND / 2).div_euclid(MILLISECOND);
    OffsetDateTime::from_unix_timestamp_nanos(milliseconds * MILLISECOND).ok()
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

/// How an execution ended.
#[derive(Debug, Clone, Copy)]
struct Ended<'a> {
    status: &'a ExecutionStatus,
    error: Option<&'a str>,
    cause: Option<&'a str>,
}

/// Characters of a cause that a remark repeats: a function's may be a whole stack trace.
const CAUSE: usize = 300;

impl<'a> Ended<'a> {
    /// None when it has not ended.
    fn of(described: &'a DescribeExecutionOutput) -> Option<Self> {
        described.stop_date?;
        let (error, cause) = (described.error.as_deref(), described.cause.as_deref());
        Some(Self { status: &described.status, error, cause })
    }

    /// The status of an application whose execution ended without writing one, and why.
    fn in_words(&self) -> (ApplicationStatus, String) {
        match self.status {
            ExecutionStatus::Aborted => {
                let why = self.why().map(|why| format!(" ({why})")).unwrap_or_default();
                (ApplicationStatus::Stopped, format!("Its workflow was stopped by an operator{why}."))
            }
            ExecutionStatus::Succeeded => {
                (ApplicationStatus::NeedsAttention, "Its workflow ended without a word on its outcome.".to_owned())
            }
            ExecutionStatus::TimedOut => {
                (ApplicationStatus::NeedsAttention, "Its workflow took longer than it may.".to_owned())
            }
            _ => {
                let why = self.why().unwrap_or_else(|| "no error was given".to_owned());
                (ApplicationStatus::NeedsAttention, format!("Its workflow failed: {why}."))
            }
        }
    }

    /// Error and cause, as far as they were given.
    fn why(&self) -> Option<String> {
        let cause = self.cause.map(|cause| {
            // Whatever runs in the workflow writes it, and may repeat what it was told.
            let cause = without_tokens(cause);
            let cause = cause.trim().trim_end_matches('.');
            match cause.char_indices().nth(CAUSE) {
                Some((end, _)) => format!("{}…", &cause[..end]),
                None => cause.to_owned(),
            }
        });
        let parts: Vec<String> =
            [self.error.map(str::to_owned), cause].into_iter().flatten().filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(": "))
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
        let ended = |status, error, cause| Ended { status, error, cause }.in_words();
        let (status, remark) = ended(&ExecutionStatus::Aborted, None, None);
        assert_eq!((status, remark.as_str()), (ApplicationStatus::Stopped, "Its workflow was stopped by an operator."));
        let (_, remark) = ended(&ExecutionStatus::Aborted, Some("Operator"), Some("Sent twice."));
        assert_eq!(remark, "Its workflow was stopped by an operator (Operator: Sent twice).");
        let trace = "at it ".repeat(100);
        let (status, remark) = ended(&ExecutionStatus::Failed, Some("States.Runtime"), Some(&trace));
        assert_eq!(status, ApplicationStatus::NeedsAttention);
        assert_eq!(remark, format!("Its workflow failed: States.Runtime: {}….", "at it ".repeat(50)));
        assert_eq!(ended(&ExecutionStatus::Failed, None, None).1, "Its workflow failed: no error was given.");
    }

    #[test]
    fn an_answer_is_sent_again_only_when_whoever_was_sending_it_must_have_stopped() {
        let now = time::macros::datetime!(2026-11-22 10:00 UTC);
        assert!(!is_old(Some(now - Duration::from_secs(1)), now, UNFINISHED));
        assert!(is_old(Some(now - Duration::from_secs(6)), now, UNFINISHED));
    }
}
