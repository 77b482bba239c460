//! The history of an execution: typed events that serialize to the JSON of GetExecutionHistory.

mod details;
#[cfg(test)]
mod tests;

pub use details::{
    ActivityScheduled, ActivityStarted, EvaluationFailed, ExecutionRedriven, ExecutionStarted, Failure, Iteration,
    LambdaScheduled, MapRunRedriven, MapRunStarted, MapStarted, Output, StateEntered, StateExited, StateKind,
    TaskCredentials, TaskFailure, TaskOutput, TaskRef, TaskScheduled,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use time::OffsetDateTime;

/// AWS's limit on the events of one execution. Exceeding it fails the execution.
pub const MAX_EVENTS: i64 = 25_000;

/// A history event. Serializes to `HistoryEvent` of the API reference, with its fields in any order.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEvent {
    /// Counted from 1.
    pub id: i64,
    /// The event that led to this one in its branch. 0 for an event that starts an execution, or ends it from outside.
    pub previous_event_id: i64,
    pub timestamp: OffsetDateTime,
    pub kind: EventKind,
}

/// The type of an event, with its details.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    ExecutionStarted(ExecutionStarted),
    ExecutionSucceeded(Output),
    ExecutionFailed(Failure),
    ExecutionTimedOut(Failure),
    ExecutionAborted(Failure),
    ExecutionRedriven(ExecutionRedriven),
    StateEntered(StateKind, StateEntered),
    StateExited(StateKind, StateExited),
    /// `TaskStateAborted`, and the same for Wait, Parallel and Map.
    StateAborted(StateKind),
    TaskScheduled(TaskScheduled),
    TaskStarted(TaskRef),
    TaskSubmitted(TaskOutput),
    TaskSucceeded(TaskOutput),
    TaskFailed(TaskFailure),
    TaskTimedOut(TaskFailure),
    LambdaFunctionScheduled(LambdaScheduled),
    LambdaFunctionStarted,
    LambdaFunctionSucceeded(Output),
    LambdaFunctionFailed(Failure),
    LambdaFunctionTimedOut(Failure),
    ActivityScheduled(ActivityScheduled),
    /// Recorded instead of ActivityScheduled.
    ActivityScheduleFailed(Failure),
    ActivityStarted(ActivityStarted),
    ActivitySucceeded(Output),
    ActivityFailed(Failure),
    ActivityTimedOut(Failure),
    ParallelStateStarted,
    ParallelStateSucceeded,
    ParallelStateFailed,
    MapStateStarted(MapStarted),
    MapStateSucceeded,
    MapStateFailed,
    MapIterationStarted(Iteration),
    MapIterationSucceeded(Iteration),
    MapIterationFailed(Iteration),
    MapIterationAborted(Iteration),
    MapRunStarted(MapRunStarted),
    MapRunSucceeded,
    MapRunFailed(Failure),
    MapRunAborted,
    MapRunRedriven(MapRunRedriven),
    EvaluationFailed(EvaluationFailed),
}

impl EventKind {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        use EventKind as K;
        match self {
            K::ExecutionStarted(d) => with(map, "ExecutionStarted", "executionStartedEventDetails", d),
            K::ExecutionSucceeded(d) => with(map, "ExecutionSucceeded", "executionSucceededEventDetails", d),
            K::ExecutionFailed(d) => with(map, "ExecutionFailed", "executionFailedEventDetails", d),
            K::ExecutionTimedOut(d) => with(map, "ExecutionTimedOut", "executionTimedOutEventDetails", d),
            K::ExecutionAborted(d) => with(map, "ExecutionAborted", "executionAbortedEventDetails", d),
            K::ExecutionRedriven(d) => with(map, "ExecutionRedriven", "executionRedrivenEventDetails", d),
            K::StateEntered(kind, d) => {
                map.serialize_entry("type", &format_args!("{kind}StateEntered"))?;
                map.serialize_entry("stateEnteredEventDetails", d)
            }
            K::StateExited(kind, d) => {
                map.serialize_entry("type", &format_args!("{kind}StateExited"))?;
                map.serialize_entry("stateExitedEventDetails", d)
            }
            K::StateAborted(kind) => map.serialize_entry("type", &format_args!("{kind}StateAborted")),
            K::TaskScheduled(d) => with(map, "TaskScheduled", "taskScheduledEventDetails", d),
            K::TaskStarted(d) => with(map, "TaskStarted", "taskStartedEventDetails", d),
            K::TaskSubmitted(d) => with(map, "TaskSubmitted", "taskSubmittedEventDetails", d),
            K::TaskSucceeded(d) => with(map, "TaskSucceeded", "taskSucceededEventDetails", d),
            K::TaskFailed(d) => with(map, "TaskFailed", "taskFailedEventDetails", d),
            K::TaskTimedOut(d) => with(map, "TaskTimedOut", "taskTimedOutEventDetails", d),
            K::LambdaFunctionScheduled(d) => {
                with(map, "LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails", d)
            }
            K::LambdaFunctionStarted => bare(map, "LambdaFunctionStarted"),
            K::LambdaFunctionSucceeded(d) => {
                with(map, "LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails", d)
            }
            K::LambdaFunctionFailed(d) => with(map, "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails", d),
            K::LambdaFunctionTimedOut(d) => {
                with(map, "LambdaFunctionTimedOut", "lambdaFunctionTimedOutEventDetails", d)
            }
            K::ActivityScheduled(d) => with(map, "ActivityScheduled", "activityScheduledEventDetails", d),
            K::ActivityScheduleFailed(d) => {
                with(map, "ActivityScheduleFailed", "activityScheduleFailedEventDetails", d)
            }
            K::ActivityStarted(d) => with(map, "ActivityStarted", "activityStartedEventDetails", d),
            K::ActivitySucceeded(d) => with(map, "ActivitySucceeded", "activitySucceededEventDetails", d),
            K::ActivityFailed(d) => with(map, "ActivityFailed", "activityFailedEventDetails", d),
            K::ActivityTimedOut(d) => with(map, "ActivityTimedOut", "activityTimedOutEventDetails", d),
            K::ParallelStateStarted => bare(map, "ParallelStateStarted"),
            K::ParallelStateSucceeded => bare(map, "ParallelStateSucceeded"),
            K::ParallelStateFailed => bare(map, "ParallelStateFailed"),
            K::MapStateStarted(d) => with(map, "MapStateStarted", "mapStateStartedEventDetails", d),
            K::MapStateSucceeded => bare(map, "MapStateSucceeded"),
            K::MapStateFailed => bare(map, "MapStateFailed"),
            K::MapIterationStarted(d) => with(map, "MapIterationStarted", "mapIterationStartedEventDetails", d),
            K::MapIterationSucceeded(d) => with(map, "MapIterationSucceeded", "mapIterationSucceededEventDetails", d),
            K::MapIterationFailed(d) => with(map, "MapIterationFailed", "mapIterationFailedEventDetails", d),
            K::MapIterationAborted(d) => with(map, "MapIterationAborted", "mapIterationAbortedEventDetails", d),
            K::MapRunStarted(d) => with(map, "MapRunStarted", "mapRunStartedEventDetails", d),
            K::MapRunSucceeded => bare(map, "MapRunSucceeded"),
            K::MapRunFailed(d) => with(map, "MapRunFailed", "mapRunFailedEventDetails", d),
            K::MapRunAborted => bare(map, "MapRunAborted"),
            K::MapRunRedriven(d) => with(map, "MapRunRedriven", "mapRunRedrivenEventDetails", d),
            K::EvaluationFailed(d) => with(map, "EvaluationFailed", "evaluationFailedEventDetails", d),
        }
    }
}

fn bare<M: SerializeMap>(map: &mut M, name: &str) -> Result<(), M::Error> {
    map.serialize_entry("type", name)
}

fn with<M: SerializeMap, D: Serialize>(map: &mut M, name: &str, key: &str, details: &D) -> Result<(), M::Error> {
    map.serialize_entry("type", name)?;
    map.serialize_entry(key, details)
}

impl Serialize for HistoryEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &epoch_seconds(self.timestamp))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("previousEventId", &self.previous_event_id)?;
        self.kind.write(&mut map)?;
        map.end()
    }
}

/// A time in the AWS JSON protocol: seconds since 1970, with milliseconds as the fraction.
#[must_use]
pub fn epoch_seconds(time: OffsetDateTime) -> f64 {
    let milliseconds = time.unix_timestamp_nanos().div_euclid(1_000_000);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact until the year 287396")]
    let milliseconds = milliseconds as f64;
    milliseconds / 1000.0
}

/// Removes inputs, outputs and parameters from an event's JSON, for GetExecutionHistory with `includeExecutionData:
/// false`.
pub fn without_execution_data(event: &mut Value) {
    let Some(event) = event.as_object_mut() else { return };
    for details in event.values_mut().filter_map(Value::as_object_mut) {
        for field in ["input", "inputDetails", "output", "outputDetails", "parameters"] {
            details.remove(field);
        }
        for field in ["assignedVariables", "assignedVariablesDetails"] {
            details.remove(field);
        }
    }
}
