//! State machines and executions in the terms of Step Functions. All task tokens are masked before data leaves this
//! module.

mod arns;
mod call;
mod cursor;
mod failure;
mod graph;
mod history;
mod history_page;
mod lists;
mod raw;
mod run;
mod timeline;
mod visits;

use app::desk::{ExecutionStatus, ExecutionView, Failure};
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use serde_json::Value;
use time::OffsetDateTime;

use self::{
    arns::{last, state_machine_name},
    call::During,
};
use crate::{
    aws::{Aws, AwsError},
    masking::Mask,
    workflow::{graph::Graph, history::History},
};

pub use arns::{Arns, execution_name, state_machine_of_execution};
pub use call::CallError;
pub use failure::failure;
#[cfg(test)]
pub use timeline::FailureEvent;
pub use timeline::Timeline;

/// The number of events on a page of GetExecutionHistory.
const PAGE: i32 = 1000;

/// The state machines and executions of the desk's account and region.
#[derive(Debug, Clone)]
pub struct Workflows {
    pub aws: Aws,
    pub arns: Arns,
}

impl Workflows {
    /// Reads an execution, and the page of its history that contains event number `event`. The view names no
    /// application. Returns `None` if there is no such execution, which may not have started yet or be no longer kept.
    pub async fn execution(
        &self,
        arn: &str,
        event: usize,
    ) -> Result<Option<(ExecutionView, DescribeExecutionOutput)>, CallError> {
        let (described, definition, events) = tokio::join!(self.describe(arn), self.definition(arn), self.history(arn));
        let described = match described.during("DescribeExecution") {
            Err(error) if error.is("ExecutionDoesNotExist") => return Ok(None),
            described => described?,
        };
        let definition = definition.during("DescribeStateMachineForExecution")?;
        let events = events.during("GetExecutionHistory")?;
        let view = assemble(&described, &definition, events, event).during("DescribeExecution")?;
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
    described: &DescribeExecutionOutput,
    definition: &Value,
    events: Vec<Value>,
    event: usize,
) -> Result<ExecutionView, AwsError> {
    let events: Vec<Value> = events.into_iter().map(history::with_documents_read).collect();
    let mut mask = Mask::for_definition(definition);
    events.iter().for_each(|event| mask.learn(event));
    let events: Vec<Value> = events.into_iter().map(|event| mask.apply(event)).collect();
    let text = |text: &Option<String>| Some(mask.apply_to_text(text.as_deref()?));
    let document = |document: &Option<String>| {
        let document = document.as_deref()?;
        Some(match serde_json::from_str(document) {
            Ok(value) => pretty(&mask.apply(value)),
            Err(_) => mask.apply_to_text(document),
        })
    };
    let failure = failure::failure(text(&described.error), text(&described.cause));

    let history = History::new(&events);
    let status = read_status(&described.status)?;
    // Only tokens that somebody wrote into the definition. Where the definition passes one on, it names it.
    let definition = Mask::default().apply(definition.clone());
    Ok(ExecutionView {
        application: None,
        name: execution_name(&described.execution_arn)?,
        arn: described.execution_arn.clone(),
        state_machine: state_machine_name(&described.state_machine_arn)?,
        version: described.state_machine_version_arn.as_deref().map(|arn| last(arn).to_owned()),
        status,
        started_at: sdk_time(&described.start_date),
        stopped_at: described.stop_date.as_ref().map(sdk_time),
        redrives: described.redrive_count.unwrap_or_default(),
        input: document(&described.input),
        output: document(&described.output),
        failure: (failure != Failure::default()).then_some(failure),
        graph: Graph::read(&definition).view_with(&history, status),
        history: history_page::around(&history, event),
    })
}

fn read_status(status: &aws_sdk_sfn::types::ExecutionStatus) -> Result<ExecutionStatus, AwsError> {
    let key = status.as_str();
    ExecutionStatus::from_key(key).ok_or_else(|| AwsError::corrupt(format_args!("the status {key} of an execution")))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A time of the SDK, which keeps seconds as a fraction and so is some nanoseconds off a whole millisecond.
pub fn sdk_time(at: &aws_sdk_sfn::primitives::DateTime) -> OffsetDateTime {
    const MILLISECOND: i128 = 1_000_000;
    let milliseconds = (at.as_nanos() + MILLISECOND / 2).div_euclid(MILLISECOND);
    OffsetDateTime::from_unix_timestamp_nanos(milliseconds * MILLISECOND).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
