//! The details of history events, field by field as in the API reference.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::payload::Payload;

/// The type of a state, as event names say it.
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
    /// Of a state's Type.
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

/// `inputDetails` and its like. Nothing is ever truncated here: what is too long fails the execution instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Whole;

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut whole = serializer.serialize_struct("HistoryEventExecutionDataDetails", 1)?;
        whole.serialize_field("truncated", &false)?;
        whole.end()
    }
}

/// Error and cause, each only where there is one.
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
    /// Each variable's value as JSON text; the field is left out where nothing was assigned.
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

/// Which integrated service's which action: `lambda` and `invoke.waitForTaskToken`.
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
    /// May hold the task token: mask it wherever a person reads it.
    pub parameters: Payload,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_in_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_credentials: Option<TaskCredentials>,
}

/// Of TaskSubmitted and TaskSucceeded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskOutput {
    #[serde(flatten)]
    pub task: TaskRef,
    #[serde(flatten)]
    pub output: Output,
}

/// Of TaskFailed, TaskTimedOut, TaskStartFailed and TaskSubmitFailed.
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
    /// The Map state's name.
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

/// A JSONata expression gave no usable value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvaluationFailed {
    pub error: String,
    pub cause: String,
    /// The field, as in `Assign/result`; left out where the state's input is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The state's name.
    pub state: String,
}
