//! Activation: delivers events to executions in the open transaction. The interpreter computes the step, and the step
//! is written.

mod report;
mod step;

use std::sync::Arc;

use crate::{
    clock::millis,
    execution::{self, FollowUps, Loaded, PATIENCE, Version},
    interpreter::{self, Event, ExecutionState, NotPending, Step, TimerId},
    query::Budget,
    store::{Computation, Computed, ExecutionId, Outside, Result, Stop, Transaction, branches, follow_ups, timers},
};

/// The maximum number of follow-ups that one change delivers. The others are delivered in changes of their own.
pub(crate) const MAX_FOLLOW_UPS: usize = 64;

/// Whether the execution was waiting for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Delivered {
    Yes,
    /// The execution was not waiting for it. Nothing has changed.
    NotPending,
}

/// Delivers an event to an execution, and then its follow-ups: an execution that ends answers those that wait for it,
/// and one that is stopped stops those that it waits for.
pub(crate) fn deliver(transaction: &mut Transaction<'_>, execution: ExecutionId, event: Event) -> Result<Delivered> {
    let mut follow_ups = FollowUps::new();
    let delivered = activate(transaction, execution, event, &mut follow_ups)?;
    deliver_follow_ups(transaction, follow_ups)?;
    Ok(delivered)
}

/// Delivers follow-ups, and those that each of them leads to. Those that this change has no time for are stored, and
/// delivered in changes of their own.
pub(crate) fn deliver_follow_ups(transaction: &mut Transaction<'_>, mut follow_ups: FollowUps) -> Result<()> {
    let begun = transaction.clock.monotonic();
    let mut delivered = 0;
    while let Some((execution, event)) = follow_ups.pop_front() {
        if delivered == MAX_FOLLOW_UPS || transaction.clock.monotonic().saturating_sub(begun) > PATIENCE {
            postpone(transaction, execution, &event)?;
            continue;
        }
        delivered += 1;
        // An execution that no longer waits for its event does not fail the others.
        let _ = activate(transaction, execution, event, &mut follow_ups)?;
    }
    Ok(())
}

/// Stores an event, which is then delivered in a change of its own.
fn postpone(transaction: &mut Transaction<'_>, execution: ExecutionId, event: &Event) -> Result<()> {
    follow_ups::insert(transaction.connection, execution, event)?;
    transaction.effects.follow_ups = true;
    Ok(())
}

/// Delivers one event to one execution.
///
/// # Errors
/// [`Stop::TooLong`] if the step must be computed outside of the transaction. Nothing has been written then.
fn activate(
    transaction: &mut Transaction<'_>,
    id: ExecutionId,
    event: Event,
    follow_ups: &mut FollowUps,
) -> Result<Delivered> {
    let Some((loaded, mut state)) = execution::load(transaction, id)? else { return Ok(Delivered::NotPending) };
    if let Event::TimerFired { timer } = event
        && let Some(due) = heartbeat_after_downtime(transaction, &loaded, &mut state, timer)?
    {
        timers::set(transaction.connection, id, timer, due)?;
        return Ok(Delivered::Yes);
    }
    let is_wanted = |computed: &ComputedStep| computed.event == event && loaded.is_at(&computed.version);
    let step = match transaction.computed(is_wanted) {
        Some(computed) => {
            state = computed.state.clone();
            computed.step.clone()
        }
        None => {
            let budget = execution::budget_in_transaction();
            let step = advance(transaction, &loaded, &mut state, event.clone(), &budget, &execution::out_of_time())?;
            match event {
                _ if !budget.is_spent() => step,
                // These two compute nothing by themselves. The execution continues with its next timer.
                Event::Start | Event::Redrive => {
                    state = loaded.state()?;
                    advance(transaction, &loaded, &mut state, event, &Arc::default(), &|| true)?
                }
                // A computation outside of the transaction would not see what this change has written.
                event if transaction.has_stepped => {
                    postpone(transaction, id, &event)?;
                    return Ok(Delivered::Yes);
                }
                event => {
                    let compute = move |outside: &mut Outside| ComputedStep::compute(outside, id, event);
                    return Err(Stop::TooLong(Computation::of(id, compute)));
                }
            }
        }
    };
    let Ok(step) = step else { return Ok(Delivered::NotPending) };
    transaction.has_stepped = true;
    step::write(transaction, &loaded, state, step, follow_ups)?;
    Ok(Delivered::Yes)
}

fn advance(
    transaction: &Transaction<'_>,
    loaded: &Loaded,
    state: &mut ExecutionState,
    event: Event,
    budget: &Arc<Budget>,
    out_of_time: &dyn Fn() -> bool,
) -> Result<Result<Step, NotPending>> {
    let (definition, now) = (&loaded.runnable.definition, transaction.now);
    loaded.with_facts(transaction, budget, out_of_time, |facts| {
        interpreter::advance(definition, facts, state, event, now)
    })
}

/// When a heartbeat timer is to fire instead of now. Nobody can send heartbeats while the engine is not running, so a
/// task has its whole interval again when the engine opens.
fn heartbeat_after_downtime(
    transaction: &Transaction<'_>,
    loaded: &Loaded,
    state: &mut ExecutionState,
    timer: TimerId,
) -> Result<Option<i64>> {
    let stored = branches::Reader::new(transaction, loaded.execution.id, &loaded.runnable.definition);
    let seconds = state.heartbeat_interval(timer, &stored);
    stored.finish()?;
    let due = seconds.and_then(|seconds| transaction.opened.checked_add(time::Duration::seconds(seconds)));
    Ok(due.filter(|due| transaction.now < *due).map(millis))
}

/// A step that was computed outside of the transaction.
struct ComputedStep {
    /// The state from which it was computed.
    version: Version,
    event: Event,
    state: ExecutionState,
    step: Result<Step, NotPending>,
}

impl ComputedStep {
    fn compute(outside: &mut Outside, id: ExecutionId, event: Event) -> Result<Computed> {
        // If the execution no longer runs, the change finds that, too.
        let Some((loaded, mut state)) = execution::load(outside, id)? else { return Ok(Arc::new(())) };
        let (definition, now) = (&loaded.runnable.definition, outside.now());
        let step = loaded.with_facts(outside, &Arc::default(), &execution::out_of_time(), |facts| {
            interpreter::advance(definition, facts, &mut state, event.clone(), now)
        })?;
        Ok(Arc::new(Self { version: loaded.version(), event, state, step }))
    }
}
