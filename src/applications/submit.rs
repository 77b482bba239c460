//! Submitting an application: stored first, then started. Twice is once.

use app::domain::{ApplicationReference, ApplicationStatus, LoanApplication};
use serde_json::Value;

use super::{Applications, KIND, Record, TABLE};
use crate::{
    aws::AwsError,
    item::{Item, json, text, time},
};

/// What [`Applications::submit`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    Now,
    /// The very same application had been submitted before.
    Before,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    #[error("an application with reference {0} already exists with different details")]
    ReferenceTaken(ApplicationReference),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Applications {
    /// Stores the application and starts its execution. Once stored it is not lost: when Step Functions cannot be
    /// reached, the reconciler starts it later.
    pub async fn submit(&self, application: &LoanApplication, by: Option<&str>) -> Result<Submitted, SubmitError> {
        let record = match self.store(application, by).await {
            Ok(()) => None,
            Err(error) if error.is_condition() => self.get(&application.application_reference).await?,
            Err(error) => return Err(error.into()),
        };
        match record {
            Some(before) if before.application != *application => {
                Err(SubmitError::ReferenceTaken(application.application_reference.clone()))
            }
            // Whether it has been started is the reconciler's care.
            Some(_) => Ok(Submitted::Before),
            None => {
                self.changes.nudge();
                if let Err(error) = self.start_execution(application).await {
                    tracing::warn!(application = %application.application_reference, %error, "not started yet");
                }
                Ok(Submitted::Now)
            }
        }
    }

    async fn store(&self, application: &LoanApplication, by: Option<&str>) -> Result<(), AwsError> {
        let now = self.aws.clock.now();
        let mut item = Item::from([
            (TABLE.key.to_owned(), text(application.application_reference.as_str())),
            ("kind".to_owned(), text(KIND)),
            ("application".to_owned(), json(application)),
            ("status".to_owned(), text(ApplicationStatus::Submitted.key())),
            ("submittedAt".to_owned(), time(now)),
            ("updatedAt".to_owned(), time(now)),
            // Known before it is started: the workflow's own writes ask for it.
            ("executionArn".to_owned(), text(self.execution_arn(application))),
        ]);
        if let Some(by) = by {
            item.insert("submittedBy".to_owned(), text(by));
        }
        self.aws
            .dynamodb
            .put_item()
            .table_name(TABLE.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(applicationReference)")
            .send()
            .await?;
        Ok(())
    }

    /// Starts the execution, named after the application: however often this is called, it starts once.
    async fn start_execution(&self, application: &LoanApplication) -> Result<(), AwsError> {
        let input = serde_json::to_string(application).unwrap_or_default();
        self.aws
            .step_functions
            .start_execution()
            .state_machine_arn(&self.state_machine_arn)
            .name(application.application_reference.as_str())
            .input(input)
            .send()
            .await?;
        Ok(())
    }

    /// Starts the execution of an application that is stored. It may have been started in the meantime.
    pub async fn start(&self, record: &Record) -> Result<(), AwsError> {
        match self.start_execution(&record.application).await {
            Err(error) if error.is("ExecutionAlreadyExists") => Ok(()),
            other => other,
        }
    }
}

impl Record {
    /// Whether this is the input of the application's execution. An execution with the same name may have been started
    /// with another input in Step Functions directly.
    pub fn is_input(&self, input: &str) -> bool {
        serde_json::from_str::<Value>(input).ok() == serde_json::to_value(&self.application).ok()
    }
}
