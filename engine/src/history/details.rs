//! The details of history events, field by field as in the API reference.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::payload::Payload;

/// The type of a state, as in event names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    Pass,
    Task,
    Choice,
    Wait,
    Succeed,
    Fail,
    Parallel,
    Map,
}

impl StateKind {
    /// Parses the Type of a state.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "Pass" => Self::Pass,
            "Task" => Self::Task,
            "Choice" => Self::Choice,
            "Wait" => Self::Wait,
            "Succeed" => Self::Succeed,
            "Fail" => Self::Fail,
            "Parallel" => Self::Parallel,
            "Map" => Self::Map,
            _ => return None,
        })
    }
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "Pass",
            Self::Task => "Task",
            Self::Choice => "Choice",
            Self::Wait => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail => "Fail",
            Self::Parallel => "Parallel",
            Self::Map => "Map",
        })
    }
}

/// `inputDetails` and similar fields. Nothing is ever truncated: a payload that is too large fails the execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Whole;

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut whole = serializer.serialize_struct("HistoryEventExecutionDataDetails", 1)?;
        whole.serialize_field("truncated", &false)?;
        whole.end()
    }
}

/// Error and cause, omitted if absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Failure {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionStarted {
    pub input: Payload,
    pub role_arn: String,
    pub state_machine_alias_arn: Option<String>,
    pub state_machine_version_arn: Option<String>,
}

impl Serialize for ExecutionStarted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut details = serializer.serialize_struct("ExecutionStartedEventDetails", 5)?;
        details.serialize_field("input", &self.input)?;
        details.serialize_field("inputDetails", &Whole)?;
        details.serialize_field("roleArn", &self.role_arn)?;
        if let Some(arn) = &self.state_machine_alias_arn {
            details.serialize_field("stateMachineAliasArn", arn)?;
        }
        if let Some(arn) = &self.state_machine_version_arn {
            details.serialize_field("stateMachineVersionArn", arn)?;
        }
        details.end()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionRedriven {
    pub redrive_count: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    pub output: Payload,
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut details = serializer.serialize_struct("Output", 2)?;
        details.serialize_field("output", &self.output)?;
        details.serialize_field("outputDetails", &Whole)?;
        details.end()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct StateEntered {
    pub name: String,
    pub input: Payload,
}

impl Serialize for StateEntered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut details = serializer.serialize_struct("StateEnteredEventDetails", 3)?;
        details.serialize_field("name", &self.name)?;
        details.serialize_field("input", &self.input)?;
        details.serialize_field("inputDetails", &Whole)?;
        details.end()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct StateExited {
    pub name: String,
    pub output: Payload,
    /// The value of each variable as JSON text. Omitted if nothing was assigned.
    pub assigned_variables: BTreeMap<String, Payload>,
}

impl Serialize for StateExited {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut details = serializer.serialize_struct("StateExitedEventDetails", 5)?;
        details.serialize_field("name", &self.name)?;
        details.serialize_field("output", &self.output)?;
        details.serialize_field("outputDetails", &Whole)?;
        if !self.assigned_variables.is_empty() {
            details.serialize_field("assignedVariables", &self.assigned_variables)?;
            details.serialize_field("assignedVariablesDetails", &Whole)?;
        }
        details.end()
    }
}

/// An integrated service and its action, for example `lambda` and `invoke.waitForTaskToken`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRef {
    pub resource_type: String,
    pub resource: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskCredentials {
    pub role_arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskScheduled {
    #[serde(flatten)]
    pub task: TaskRef,
    pub region: String,
    /// May contain the task token. Mask it before showing it to a person.
    pub parameters: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_in_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_credentials: Option<TaskCredentials>,
}

/// The details of TaskSubmitted and TaskSucceeded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskOutput {
    #[serde(flatten)]
    pub task: TaskRef,
    #[serde(flatten)]
    pub output: Output,
}

/// The details of TaskFailed and TaskTimedOut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskFailure {
    #[serde(flatten)]
    pub task: TaskRef,
    #[serde(flatten)]
    pub failure: Failure,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LambdaScheduled {
    pub resource: String,
    pub input: Payload,
    pub timeout_in_seconds: Option<i64>,
    pub task_credentials: Option<TaskCredentials>,
}

impl Serialize for LambdaScheduled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut details = serializer.serialize_struct("LambdaFunctionScheduledEventDetails", 5)?;
        details.serialize_field("resource", &self.resource)?;
        details.serialize_field("input", &self.input)?;
        details.serialize_field("inputDetails", &Whole)?;
        if let Some(seconds) = self.timeout_in_seconds {
            details.serialize_field("timeoutInSeconds", &seconds)?;
        }
        if let Some(credentials) = &self.task_credentials {
            details.serialize_field("taskCredentials", credentials)?;
        }
        details.end()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ActivityScheduled {
    pub resource: String,
    pub input: Payload,
    pub timeout_in_seconds: Option<i64>,
    pub heartbeat_in_seconds: Option<i64>,
}

impl Serialize for ActivityScheduled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut details = serializer.serialize_struct("ActivityScheduledEventDetails", 5)?;
        details.serialize_field("resource", &self.resource)?;
        details.serialize_field("input", &self.input)?;
        details.serialize_field("inputDetails", &Whole)?;
        if let Some(seconds) = self.timeout_in_seconds {
            details.serialize_field("timeoutInSeconds", &seconds)?;
        }
        if let Some(seconds) = self.heartbeat_in_seconds {
            details.serialize_field("heartbeatInSeconds", &seconds)?;
        }
        details.end()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityStarted {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapStarted {
    pub length: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Iteration {
    /// The name of the Map state.
    pub name: String,
    pub index: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MapRunStarted {
    pub map_run_arn: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MapRunRedriven {
    pub map_run_arn: String,
    pub redrive_count: u32,
}

/// The details of a JSONata expression that failed or returned an unusable value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvaluationFailed {
    pub error: String,
    pub cause: String,
    /// The field, for example `Assign/result`. Omitted if the state's input is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The name of the state.
    pub state: String,
}
