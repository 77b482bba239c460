//! The execution of an application in the terms of Step Functions: its states, transitions and history. All task tokens
//! are masked before data leaves this module.

mod graph;
mod history;
mod history_page;
mod raw;

use app::desk::WorkflowView;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    applications::Record,
    aws::{Aws, AwsError},
    masking::Mask,
    workflow::{graph::Graph, history::History},
};

/// The number of events on a page of GetExecutionHistory.
const PAGE: i32 = 1000;

#[derive(Debug, Clone)]
pub struct Workflows {
    pub aws: Aws,
}

impl Workflows {
    /// Reads the application's execution, and the page of its history that contains event number `event`. Returns
    /// `None` if there is no execution (yet).
    pub async fn view(
        &self,
        record: &Record,
        event: usize,
    ) -> Result<Option<(WorkflowView, DescribeExecutionOutput)>, AwsError> {
        let arn = &record.execution_arn;
        let (described, definition, events) = tokio::join!(self.describe(arn), self.definition(arn), self.history(arn));
        let described = match described {
            Err(error) if error.is("ExecutionDoesNotExist") => return Ok(None),
            described => described?,
        };
        let view = assemble(record, &described, &definition?, events?, event);
        Ok(Some((view, described)))
    }

    pub async fn describe(&self, execution_arn: &str) -> Result<DescribeExecutionOutput, AwsError> {
        Ok(self.aws.step_functions.describe_execution().execution_arn(execution_arn).send().await?)
    }

    async fn definition(&self, execution_arn: &str) -> Result<Value, AwsError> {
        let described =
            self.aws.step_functions.describe_state_machine_for_execution().execution_arn(execution_arn).send().await?;
        serde_json::from_str(&described.definition)
            .map_err(|error| AwsError::corrupt(format_args!("definition: {error}")))
    }

    /// The whole history in the JSON of AWS, which pages show as it is, so that new types of events need no change
    /// here. The graph needs all events.
    async fn history(&self, execution_arn: &str) -> Result<Vec<Value>, AwsError> {
        let mut events = Vec::new();
        let mut next = None;
        loop {
            let raw = raw::RawAnswer::default();
            let page = self
                .aws
                .step_functions
                .get_execution_history()
                .execution_arn(execution_arn)
                .max_results(PAGE)
                .set_next_token(next)
                .customize()
                .interceptor(raw.clone())
                .send()
                .await?;
            if let Some(Value::Array(page)) = raw.take().get_mut("events").map(Value::take) {
                events.extend(page);
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(events);
            }
        }
    }
}

fn assemble(
    record: &Record,
    described: &DescribeExecutionOutput,
    definition: &Value,
    events: Vec<Value>,
    event: usize,
) -> WorkflowView {
    let events: Vec<Value> = events.into_iter().map(history::with_documents_read).collect();
    let mut mask = Mask::for_definition(definition);
    events.iter().for_each(|event| mask.learn(event));
    let events: Vec<Value> = events.into_iter().map(|event| mask.apply(event)).collect();

    let history = History::new(&events);
    let status = described.status.as_str().to_owned();
    let graph = Graph::read(definition);
    WorkflowView {
        application_reference: record.application.application_reference.clone(),
        execution_arn: described.execution_arn.clone(),
        state_machine: name_of(&described.state_machine_arn).to_owned(),
        started_at: sdk_time(&described.start_date),
        stopped_at: described.stop_date.as_ref().map(sdk_time),
        states: graph.states(&history, &status),
        transitions: graph.transitions(&history),
        history: history_page::around(&history, event),
        status,
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The name in the ARN of a state machine, such as `loan-processing`.
fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

pub fn sdk_time(at: &aws_sdk_sfn::primitives::DateTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(at.as_nanos()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
