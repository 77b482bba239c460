//! Items that an ItemReader reads: they become rows as they arrive, and the run starts when the last has arrived.

use rusqlite::Result;

use super::reconcile::{check_progress, end};
use crate::{
    execution::{self, FollowUps},
    interpreter::{self, MapRunOutcome, Payload, Portions, TaskId},
    store::{
        ExecutionId, Transaction, calls,
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

/// Makes children of some more items, and starts the run with the last of them. `portions` is how far the items
/// before have come: the first of all take the place of what an earlier run of the engine has read. None when
/// nobody waits for more.
pub(crate) fn add_items(
    transaction: &mut Transaction<'_>,
    (execution, task): (ExecutionId, TaskId),
    mut portions: Portions,
    items: &[Payload],
    last: bool,
    follow_ups: &mut FollowUps,
) -> Result<Option<Portions>> {
    let Some(run) = awaiting_items(transaction, execution, task)? else { return Ok(None) };
    let Some((parent, mut state)) = execution::load(transaction, execution)? else { return Ok(None) };
    if portions.items == 0 {
        rows::drop_items(transaction.connection, run.id)?;
    }
    let from = portions.children;
    let children = parent.with_facts(transaction, |facts| {
        let definition = &parent.runnable.definition;
        interpreter::more_children(definition, facts, &mut state, task, &mut portions, (items, last), transaction.now)
    })?;
    match children {
        Ok(None) => return Ok(None),
        Ok(Some(children)) => {
            let children = children.iter().map(|(input, items)| (input.text(), *items));
            rows::add_children(transaction.connection, run.id, from, children)?;
            if !last {
                return Ok(Some(portions));
            }
            calls::remove(transaction.connection, execution, task)?;
            rows::set_size(transaction.connection, run.id, portions.items, portions.children)?;
            check_progress(transaction, &rows::get(transaction.connection, run.id)?, follow_ups)?;
        }
        Err(error) => {
            calls::remove(transaction.connection, execution, task)?;
            end(transaction, &run, RunStatus::Failed, Some(MapRunOutcome::NoBatches(error)), follow_ups)?;
        }
    }
    Ok(None)
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
