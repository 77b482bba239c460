//! Looks for failed executions that belong to no application.

use std::{collections::BTreeSet, time::Duration};

use app::domain::LoanApplication;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use serde_json::Value;
use time::OffsetDateTime;

use super::{KEPT, Orphan, Orphans};
use crate::{
    applications::Applications,
    aws::{Aws, AwsError},
    clock::Clock,
    lease::Lease,
    masking::without_tokens,
    workflow::{failure, sdk_time},
};

/// How many failed executions are listed, the newest first. Those that began before them waited for a task, so they had
/// an application.
const LISTED: i32 = 100;

/// How many executions are described for one list.
const DESCRIBED: usize = 20;

/// The characters of a reference, an error or a cause that are recorded.
const LONGEST: usize = 1_000;

#[derive(Clone)]
pub struct Watch {
    pub clock: Clock,
    pub aws: Aws,
    /// The ARN of the state machine of which each application is an execution.
    pub state_machine_arn: String,
    pub applications: Applications,
    pub orphans: Orphans,
    /// Held by the one desk that looks, where several share one AWS.
    pub lease: Lease,
    /// The time between two lists, each of which is one call.
    pub interval: Duration,
    /// The pause between two other calls.
    pub pace: Duration,
}

impl Watch {
    /// Runs until the desk closes.
    pub async fn run(self) {
        let mut known = BTreeSet::new();
        loop {
            if self.lease.hold().await
                && let Err(error) = self.look(&mut known).await
            {
                tracing::warn!(%error, "cannot look for failed executions without an application; trying again later");
            }
            self.clock.sleep(self.interval).await;
        }
    }

    /// Records what has failed since the last time. `known` are the executions that need not be examined again.
    async fn look(&self, known: &mut BTreeSet<String>) -> Result<(), AwsError> {
        let list = self.aws.step_functions.list_executions().state_machine_arn(&self.state_machine_arn);
        let list = list.status_filter(ExecutionStatus::Failed).max_results(LISTED).send().await?;
        known.retain(|arn| list.executions.iter().any(|execution| execution.execution_arn == *arn));
        let since = self.clock.now() - KEPT;
        let is_new = |execution: &&ExecutionListItem| {
            execution.stop_date.is_none_or(|at| sdk_time(&at) > since) && !known.contains(&execution.execution_arn)
        };
        let fresh: Vec<_> = list.executions.iter().filter(is_new).take(DESCRIBED).collect();
        for execution in fresh {
            self.examine(execution).await?;
            known.insert(execution.execution_arn.clone());
        }
        self.forget_redriven(&list.executions, list.next_token.is_some()).await
    }

    async fn examine(&self, execution: &ExecutionListItem) -> Result<(), AwsError> {
        let arn = execution.execution_arn.as_str();
        // The desk names an execution after its application, so most need no further call.
        if let Ok(reference) = execution.name.parse()
            && self.applications.get(&reference).await?.is_some_and(|record| record.execution_arn == arn)
        {
            return Ok(());
        }
        self.clock.sleep(self.pace).await;
        let described = self.aws.step_functions.describe_execution().execution_arn(arn).send().await?;
        let input: Value =
            described.input.as_deref().and_then(|input| serde_json::from_str(input).ok()).unwrap_or_default();
        let reference = input["applicationReference"].as_str().map(fit);
        if self.has_application(input).await? {
            return Ok(());
        }
        let started_at = sdk_time(&described.start_date);
        let orphan = Orphan {
            execution_arn: arn.to_owned(),
            reference,
            started_at,
            failed_at: described.stop_date.as_ref().map_or(started_at, sdk_time),
            failure: failure(described.error.as_deref().map(fit), described.cause.as_deref().map(fit)),
        };
        if self.orphans.keep(&orphan).await? {
            tracing::warn!(
                execution = arn,
                application = orphan.reference,
                error = orphan.failure.error,
                cause = orphan.failure.cause,
                "an execution failed that belongs to no application"
            );
        }
        Ok(())
    }

    /// Whether the input is an application that the desk has. A later execution may have taken it over.
    async fn has_application(&self, input: Value) -> Result<bool, AwsError> {
        let Ok(application) = serde_json::from_value::<LoanApplication>(input) else { return Ok(false) };
        let record = self.applications.get(&application.application_reference).await?;
        Ok(record.is_some_and(|record| record.application == application))
    }

    /// Deletes the records of executions that were redriven and are no longer failed. `has_more` means that the list of
    /// failed executions ends before the oldest.
    async fn forget_redriven(&self, failed: &[ExecutionListItem], has_more: bool) -> Result<(), AwsError> {
        let oldest = failed.last().filter(|_| has_more).map(|execution| sdk_time(&execution.start_date));
        for orphan in self.orphans.newest(LISTED as usize).await? {
            let is_failed = failed.iter().any(|execution| execution.execution_arn == orphan.execution_arn);
            if !is_failed && is_covered(&orphan, oldest) {
                self.orphans.forget(&orphan.execution_arn).await?;
            }
        }
        Ok(())
    }
}

/// Whether a list of failed executions that goes back to `oldest` would contain this one.
fn is_covered(orphan: &Orphan, oldest: Option<OffsetDateTime>) -> bool {
    oldest.is_none_or(|oldest| orphan.started_at > oldest)
}

/// A text that an execution brought along, without tokens and not too long to record.
fn fit(text: &str) -> String {
    without_tokens(text).chars().take(LONGEST).collect()
}
