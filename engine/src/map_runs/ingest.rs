//! Stores the items that an ItemReader reads. The run starts after the last one.

use std::sync::Arc;

use time::OffsetDateTime;

use super::reconcile::{check_progress, end};
use crate::{
    execution::{self, FollowUps, Loaded, Version},
    interpreter::{self, ExecutionState, ItemProgress, MapRunOutcome, Payload, TaskId},
    query::{Budget, QueryError},
    store::{
        Computation, ExecutionId, Result, Rows, Stop, Transaction, calls,
        map_runs::{self as rows, MapRun, RunStatus},
    },
};

/// The run that waits for its items; `None` if it no longer waits.
fn awaiting_items(transaction: &Transaction<'_>, execution: ExecutionId, task: TaskId) -> Result<Option<MapRun>> {
    if calls::find(transaction.connection, execution, task)?.is_none() {
        return Ok(None);
    }
    let run = rows::by_task(transaction.connection, execution, task)?;
    Ok(run.filter(|run| run.status == RunStatus::Running))
}

/// Turns further items into children, and starts the run after the last. `progress` is the progress before these items:
/// the first items replace those that an earlier run of the engine has read. Returns `None` if no branch waits for
/// more.
pub(crate) fn add_items(
    transaction: &mut Transaction<'_>,
    (execution, task): (ExecutionId, TaskId),
    progress: ItemProgress,
    items: &[Payload],
    last: bool,
    follow_ups: &mut FollowUps,
) -> Result<Option<ItemProgress>> {
    let Some(run) = awaiting_items(transaction, execution, task)? else { return Ok(None) };
    let Some((parent, mut state)) = execution::load(transaction, execution)? else { return Ok(None) };
    let (items_before, children_before) = (progress.items, progress.children);
    let (progress, children) = more_children(transaction, &parent, &mut state, task, progress, (items, last))?;
    if items_before == 0 {
        rows::drop_items(transaction.connection, run.id)?;
    }
    match children {
        Ok(None) => return Ok(None),
        Ok(Some(children)) => {
            let children = children.iter().map(|(input, items)| (input.text(), *items));
            rows::add_children(transaction.connection, run.id, children_before, children)?;
            if !last {
                return Ok(Some(progress));
            }
            calls::remove(transaction.connection, execution, task)?;
            rows::set_size(transaction.connection, run.id, progress.items, progress.children)?;
            check_progress(transaction, &rows::get(transaction.connection, run.id)?, follow_ups)?;
        }
        Err(error) => {
            calls::remove(transaction.connection, execution, task)?;
            end(transaction, &run, RunStatus::Failed, Some(MapRunOutcome::NoBatches(error)), follow_ups)?;
        }
    }
    Ok(None)
}

/// The children, and the progress after them. `None` if no branch waits for the run.
type MoreChildren = (ItemProgress, Result<Option<Vec<(Payload, usize)>>, QueryError>);

/// Turns items into children.
///
/// # Errors
/// [`Stop::TooLong`] if that must be computed outside of the transaction.
fn more_children(
    transaction: &Transaction<'_>,
    parent: &Loaded,
    state: &mut ExecutionState,
    run: TaskId,
    progress: ItemProgress,
    (items, last): (&[Payload], bool),
) -> Result<MoreChildren> {
    let from = progress.items;
    let is_wanted =
        |computed: &ComputedChildren| (computed.run, computed.from) == (run, from) && parent.is_at(&computed.version);
    if let Some(computed) = transaction.computed(is_wanted) {
        return Ok(computed.children.clone());
    }
    let budget = execution::budget_in_transaction();
    let given = (progress.clone(), items, last);
    let children = evaluate_items(transaction, &budget, transaction.now, parent, state, run, given)?;
    if !budget.is_spent() {
        return Ok(children);
    }
    let (execution, items) = (parent.execution.id, items.to_vec());
    Err(Stop::TooLong(Computation::of(execution, move |outside| {
        let Some((parent, mut state)) = execution::load(outside, execution)? else { return Ok(Arc::new(())) };
        let given = (progress, &*items, last);
        let children = evaluate_items(outside, &Arc::default(), outside.now(), &parent, &mut state, run, given)?;
        Ok(Arc::new(ComputedChildren { run, from, version: parent.version(), children }))
    })))
}

/// Children that were computed outside of the transaction.
struct ComputedChildren {
    run: TaskId,
    /// The index of the first item.
    from: usize,
    /// The version of the parent's state.
    version: Version,
    children: MoreChildren,
}

fn evaluate_items<R: Rows>(
    rows: &R,
    budget: &Arc<Budget>,
    now: OffsetDateTime,
    parent: &Loaded,
    state: &mut ExecutionState,
    run: TaskId,
    (mut progress, items, last): (ItemProgress, &[Payload], bool),
) -> Result<MoreChildren> {
    let definition = &parent.runnable.definition;
    let children = parent.with_facts(rows, budget, &|| false, |facts| {
        interpreter::more_children(definition, facts, state, run, &mut progress, (items, last), now)
    })?;
    Ok((progress, children))
}

/// Fails a run whose items can't be read.
pub(crate) fn fail_items(
    transaction: &mut Transaction<'_>,
    execution: ExecutionId,
    task: TaskId,
    cause: &str,
    follow_ups: &mut FollowUps,
) -> Result<()> {
    let Some(run) = awaiting_items(transaction, execution, task)? else { return Ok(()) };
    calls::remove(transaction.connection, execution, task)?;
    rows::drop_items(transaction.connection, run.id)?;
    let outcome = MapRunOutcome::NotRead { cause: cause.to_owned() };
    end(transaction, &run, RunStatus::Failed, Some(outcome), follow_ups)
}
