//! Map runs, which execute the items of a distributed Map.
//!
//! These functions change rows in the open transaction, and append the events for executions to `follow_ups`, which the
//! caller delivers. The rows are in [`store::map_runs`](crate::store::map_runs). `tasks::map_runs` reads and writes objects.

pub(crate) mod export;
mod ingest;
mod reconcile;
mod start;

pub(crate) use self::{
    ingest::{add_items, fail_items},
    reconcile::{check_progress, child_ended, export_failed, exported, reconcile_children},
    start::{abort, redrive, start, start_next, take_unstopped},
};
use crate::{
    execution,
    interpreter::{ResultWriting, TaskId, Work, exceeds_tolerance},
    query::QueryError,
    store::{Call, CallContext, ExecutionId, Result, Transaction, executions, map_runs::MapRun, state_machines},
};

/// The maximum number of concurrent children of one run. AWS allows 10,000.
const MAX_CONCURRENCY: i64 = 1_000;
/// The maximum number of children that one change reconciles or removes.
pub(crate) const MAX_RECONCILED: usize = 1_000;
/// AWS's limit on an output.
const MAX_OUTPUT_BYTES: usize = 262_144;
/// AWS's limit on an input.
const MAX_INPUT_BYTES: usize = 262_144;

/// An item can be larger than a child's input may be. ItemSelector can reduce it.
fn input_too_large(place: i64) -> QueryError {
    QueryError {
        error: "States.DataLimitExceeded",
        cause: format!(
            "The input of the child workflow execution at index {place} has more than {MAX_INPUT_BYTES} bytes."
        ),
        location: None,
    }
}

impl MapRun {
    /// The evaluated ResultWriter.
    pub fn writing(&self) -> Option<ResultWriting> {
        self.result_writing.as_ref().and_then(|writing| serde_json::from_str(writing).ok())
    }

    /// Whether the results are written to S3.
    pub fn is_written(&self) -> bool {
        self.writing().is_some_and(|writing| writing.destination.is_some())
    }

    /// The maximum number of concurrent children.
    pub fn concurrency(&self) -> i64 {
        if self.max_concurrency == 0 { MAX_CONCURRENCY } else { self.max_concurrency.min(MAX_CONCURRENCY) }
    }

    /// Whether more items have failed than are tolerated.
    fn has_failed(&self, failed: i64) -> bool {
        let count = |count: i64| usize::try_from(count).unwrap_or(0);
        exceeds_tolerance(count(failed), count(self.items), self.tolerated_count.map(count), self.tolerated_percentage)
    }
}

/// Requests a call that reads or writes objects of a run.
fn request_call(transaction: &mut Transaction<'_>, execution: ExecutionId, task: TaskId, work: Work) -> Result<()> {
    let machine = executions::state_machine(transaction.connection, execution)?;
    let machine = state_machines::name(transaction.connection, machine)?;
    let arn = transaction.options.row_arn(&machine, &executions::name(transaction.connection, execution)?);
    execution::request_call(transaction, Call { execution, task, work, context: CallContext::of(Some(arn)) })
}
