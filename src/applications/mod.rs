//! Applications: submitting, reading and updating them.
//!
//! The workflow writes each outcome into the table itself (see `infra/`), so nobody asks Step Functions for the status of
//! an application, except the reconciler, slowly, for each open one. Lists are read from the read model, which follows the
//! table.

mod record;
mod submit;

use std::collections::{BTreeSet, HashMap};

use app::domain::{ApplicationReference, ApplicationStatus, LoanApplication, TaskKind};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Update, builders::UpdateBuilder};
use time::OffsetDateTime;

use crate::{
    aws::{Aws, AwsError},
    changes::Changes,
    invocation::Execution,
    item::{json, number, text, time},
    tables::{Index, Shows, Table},
    writes::write_one,
};

#[cfg(test)]
pub use record::{End, Lifespan};
pub use record::{Record, read};
pub use submit::{SubmitError, Submitted};

use record::OTHER_REFERENCES;

pub const TABLE: Table = Table {
    name: "loan-desk-applications",
    key: "applicationReference",
    indexes: &[CHANGED],
    retired_indexes: &["newest", "by-status", "by-property"],
    time_to_live: None,
};

/// All applications by the time of their last change. Read models follow it.
pub const CHANGED: Index = Index { name: "changed", partition: "kind", sort: "updatedAt", shows: Shows::KeysOnly };

/// The only value of `kind`, so that all applications are in one partition of the index.
pub const KIND: &str = "application";

/// The most valuation references of callbacks that are kept with an application. Anybody who has a callback address can
/// send any number.
const MOST_OTHER_REFERENCES: usize = 20;

#[derive(Debug, Clone)]
pub struct Applications {
    aws: Aws,
    /// The ARN of the state machine of which each application is an execution.
    state_machine_arn: String,
    changes: Changes,
}

/// A paused task, as far as the row of its application shows it.
#[derive(Debug, Clone, Copy)]
pub struct Awaited<'a> {
    pub id: &'a str,
    pub kind: TaskKind,
    pub execution_arn: &'a str,
    pub application: &'a LoanApplication,
    pub since: OffsetDateTime,
    pub deadline: OffsetDateTime,
}

impl Applications {
    pub fn new(aws: Aws, state_machine_arn: String, changes: Changes) -> Self {
        Self { aws, state_machine_arn, changes }
    }

    pub async fn get(&self, reference: &ApplicationReference) -> Result<Option<Record>, AwsError> {
        let answer = self.aws.dynamodb.get_item().table_name(TABLE.name);
        let answer = answer.key(TABLE.key, text(reference.as_str())).consistent_read(true).send().await?;
        answer.item.map(|item| record::read(&item)).transpose()
    }

    /// The applications with these references, at most 100. Those that DynamoDB is too busy to read are left out, like those
    /// that do not exist.
    pub async fn get_many(
        &self,
        references: impl IntoIterator<Item = &ApplicationReference>,
    ) -> Result<HashMap<ApplicationReference, Record>, AwsError> {
        let references: BTreeSet<&str> = references.into_iter().map(ApplicationReference::as_str).collect();
        if references.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = references.into_iter().map(|reference| HashMap::from([(TABLE.key.to_owned(), text(reference))]));
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true);
        let keys = keys.build().map_err(AwsError::corrupt)?;
        let answer = self.aws.dynamodb.batch_get_item().request_items(TABLE.name, keys).send().await?;
        let items = answer.responses.unwrap_or_default().remove(TABLE.name).unwrap_or_default();
        items
            .iter()
            .map(record::read)
            .map(|record| record.map(|record| (record.application.application_reference.clone(), record)))
            .collect()
    }

    /// The write by which the application waits for `task`. It creates the row of an application that was started in Step
    /// Functions directly. A newer execution with the same reference takes the row over. An older execution leaves it
    /// alone, and so does a call of the same execution that arrives after a later step has been written, because a slow
    /// call must not erase a decision.
    pub fn waits_for(&self, task: Awaited<'_>, execution: &Execution) -> UpdateBuilder {
        let mut set = "SET kind = :kind, application = :application, #status = :status, \
                       submittedAt = if_not_exists(submittedAt, :startedAt), updatedAt = :now, executionArn = :arn, \
                       executionStartedAt = :startedAt, waitingId = :id, waitingSince = :since, waitingUntil = :until"
            .to_owned();
        let mut is_in_order = String::new();
        let mut update = self.update(&task.application.application_reference);
        if let Some(step) = &execution.step {
            set.push_str(", workflowStep = :step, redriveCount = :redrives");
            is_in_order.push_str(
                " AND (attribute_not_exists(workflowStep) OR redriveCount < :redrives \
                 OR (redriveCount = :redrives AND workflowStep <= :step))",
            );
            update = update
                .expression_attribute_values(":step", text(step.order()))
                .expression_attribute_values(":redrives", number(step.redrives));
        }
        update
            // Remove the outcome of an earlier execution, or of this one before its redrive.
            .update_expression(format!(
                "{set} REMOVE loanToValue, remark, valuation, decidedAt, approveUpTo, referUpTo"
            ))
            .condition_expression(format!(
                "attribute_not_exists(executionArn) OR (executionArn = :arn{is_in_order}) OR (executionArn <> :arn AND \
                 (attribute_not_exists(executionStartedAt) OR executionStartedAt < :startedAt))"
            ))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":kind", text(KIND))
            .expression_attribute_values(":application", json(task.application))
            .expression_attribute_values(":status", text(task.kind.status().key()))
            .expression_attribute_values(":startedAt", time(execution.started_at))
            .expression_attribute_values(":now", time(self.aws.clock.now()))
            .expression_attribute_values(":arn", text(&execution.arn))
            .expression_attribute_values(":id", text(task.id))
            .expression_attribute_values(":since", time(task.since))
            .expression_attribute_values(":until", time(task.deadline))
    }

    /// The write by which the application no longer waits for `task`, because it is being answered or is over. Its condition
    /// is not met when the application's execution has ended or waits for another task.
    pub fn waits_no_more(&self, task: Awaited<'_>) -> UpdateBuilder {
        self.update(&task.application.application_reference)
            .update_expression("SET #status = :status, updatedAt = :now REMOVE waitingId, waitingSince, waitingUntil")
            .condition_expression("executionArn = :arn AND waitingId = :id AND #status = :waiting")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(ApplicationStatus::InProgress.key()))
            .expression_attribute_values(":waiting", text(task.kind.status().key()))
            .expression_attribute_values(":now", time(self.aws.clock.now()))
            .expression_attribute_values(":arn", text(task.execution_arn))
            .expression_attribute_values(":id", text(task.id))
    }

    /// Records that the application no longer waits for `task`. Only pages depend on this, so a failure is logged and not
    /// returned.
    pub async fn goes_on(&self, task: Awaited<'_>) {
        if let Err(error) = self.write_if(self.waits_no_more(task)).await {
            tracing::warn!(application = %task.application.application_reference, %error, "cannot record that the application no longer waits");
        }
    }

    /// Wakes the task that tells open pages what changed, after a write that was not made here.
    pub fn nudge(&self) {
        self.changes.nudge();
    }

    /// Marks the application as changed, because a callback for one of its tasks came that its page shows. The page can be
    /// searched for by the callback's valuation reference, if that is not the task's.
    pub async fn touch(&self, task: Awaited<'_>, other_reference: Option<&str>) -> Result<(), AwsError> {
        let mut set = "SET updatedAt = :now".to_owned();
        let mut condition = "executionArn = :arn".to_owned();
        let mut update = self.update(&task.application.application_reference);
        if let Some(reference) = other_reference {
            set.push_str(&format!(" ADD {OTHER_REFERENCES} :reference"));
            let size = format!("(attribute_not_exists({OTHER_REFERENCES}) OR size({OTHER_REFERENCES}) < :most)");
            condition.push_str(&format!(" AND {size}"));
            update = update
                .expression_attribute_values(":reference", AttributeValue::Ss(vec![reference.to_owned()]))
                .expression_attribute_values(":most", number(MOST_OTHER_REFERENCES));
        }
        let update = update
            .update_expression(set)
            .condition_expression(condition)
            .expression_attribute_values(":now", time(self.aws.clock.now()))
            .expression_attribute_values(":arn", text(task.execution_arn));
        self.write_if(update).await
    }

    /// Records that the execution of a submitted application runs. Before it asks for its first task, it writes nothing
    /// itself.
    pub async fn runs(&self, record: &Record) -> Result<(), AwsError> {
        let update = self
            .update(&record.application.application_reference)
            .update_expression("SET #status = :status, updatedAt = :now")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(ApplicationStatus::InProgress.key()))
            .expression_attribute_values(":submitted", text(ApplicationStatus::Submitted.key()))
            .expression_attribute_values(":arn", text(&record.execution_arn))
            .expression_attribute_values(":now", time(self.aws.clock.now()))
            .condition_expression("executionArn = :arn AND #status = :submitted");
        self.write_if(update).await
    }

    /// Corrects the status of an application whose execution ended at `at` without writing one. `remark` says why, in
    /// words for staff.
    pub async fn correct(
        &self,
        record: &Record,
        status: ApplicationStatus,
        remark: &str,
        at: OffsetDateTime,
    ) -> Result<(), AwsError> {
        let update = self
            .update(&record.application.application_reference)
            .update_expression("SET #status = :status, updatedAt = :now, decidedAt = :at, remark = :remark")
            .expression_attribute_values(":remark", text(remark))
            .expression_attribute_values(":at", time(at))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status.key()))
            .expression_attribute_values(":before", text(record.status.key()))
            .expression_attribute_values(":arn", text(&record.execution_arn))
            .expression_attribute_values(":now", time(self.aws.clock.now()))
            .condition_expression("executionArn = :arn AND #status = :before");
        self.write_if(update).await
    }

    /// Writes unless the condition is not met, which means that another execution or writer came first.
    async fn write_if(&self, update: UpdateBuilder) -> Result<(), AwsError> {
        match write_one(&self.aws, update).await {
            Ok(()) => {
                self.changes.nudge();
                Ok(())
            }
            Err(error) if error.is_condition() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn update(&self, reference: &ApplicationReference) -> UpdateBuilder {
        Update::builder().table_name(TABLE.name).key(TABLE.key, text(reference.as_str()))
    }

    /// The ARN of the application's execution, whether it has started or not.
    fn execution_arn(&self, application: &LoanApplication) -> String {
        let executions = self.state_machine_arn.replacen(":stateMachine:", ":execution:", 1);
        format!("{executions}:{}", application.application_reference)
    }
}
