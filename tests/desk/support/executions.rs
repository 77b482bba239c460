//! Access to the executions of applications with the AWS SDK.

use aws_sdk_sfn::{
    Client,
    operation::describe_execution::DescribeExecutionOutput,
    types::{ExecutionStatus, HistoryEvent},
};
use serde_json::Value;

use super::{Desk, desk::REGION, eventually};

impl Desk {
    pub fn step_functions(&self) -> Client {
        Client::new(&self.aws())
    }

    /// Starts an execution of the workflow directly in Step Functions. Returns its ARN.
    pub async fn start_execution(&self, name: &str, input: &Value) -> String {
        let machine = state_machine("loan-processing");
        let start = self.step_functions().start_execution().state_machine_arn(machine).name(name);
        start.input(input.to_string()).send().await.expect("it is started").execution_arn
    }

    pub async fn describe(&self, execution: &str) -> DescribeExecutionOutput {
        self.step_functions().describe_execution().execution_arn(execution).send().await.expect("it is described")
    }

    /// Waits until an execution has ended.
    pub async fn ended(&self, execution: &str) -> DescribeExecutionOutput {
        eventually(&format!("{execution} ends"), async || {
            let described = self.describe(execution).await;
            (described.status != ExecutionStatus::Running).then_some(described)
        })
        .await
    }

    pub async fn history(&self, execution: &str) -> Vec<HistoryEvent> {
        let history = self.step_functions().get_execution_history().execution_arn(execution).max_results(1000);
        history.send().await.expect("it has a history").events
    }

    /// The task tokens that an execution has issued so far.
    pub async fn task_tokens(&self, execution: &str) -> Vec<String> {
        let scheduled = |event: HistoryEvent| event.task_scheduled_event_details;
        let token = |parameters: &str| {
            let parameters: Value = serde_json::from_str(parameters).expect("JSON");
            parameters["Payload"]["taskToken"].as_str().map(str::to_owned)
        };
        let events = self.history(execution).await.into_iter();
        events.filter_map(scheduled).filter_map(|details| token(&details.parameters)).collect()
    }
}

/// The ARN of one of the embedded state machines.
pub fn state_machine(name: &str) -> String {
    format!("arn:aws:states:{REGION}:000000000000:stateMachine:{name}")
}

/// The types of the events, such as `TaskSubmitted`.
pub fn kinds(events: &[HistoryEvent]) -> Vec<&str> {
    events.iter().map(|event| event.r#type.as_str()).collect()
}
