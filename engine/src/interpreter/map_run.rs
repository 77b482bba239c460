//! Distributed Maps. Each item, or batch of items, is an execution of its own: a child of the map run.
//!
//! The interpreter plans the run and receives its outcome. The store starts the children within the limits of the run
//! and counts how they end, so a run of a hundred thousand items consists of rows, and the state of its parent stays
//! small.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    Command, ExecutionFacts, ExecutionState, NotPending, Payload, TaskId,
    advance::Interpreter,
    batches::ItemProgress,
    failure::Failure,
    items::{ItemReading, ResultWriting, Source},
    parallel::joined,
    state::{BranchId, Phase},
    stored::Awaited,
};
use crate::{
    definition::{Body, Definition, Map, ProcessorMode, State},
    history::{self, EventKind, MapRunRedriven, MapRunStarted},
    query::QueryError,
};

/// Describes a map run to start.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRunPlan {
    /// The label of the Map state, or a generated one. With the id it forms the ARN: `…:mapRun:<state
    /// machine>/<label>:<id>`.
    pub label: String,
    pub id: String,
    /// The name of the Map state whose processor the children run.
    pub processor: String,
    /// Whether the children are of type EXPRESS rather than STANDARD.
    pub express: bool,
    pub children: Children,
    /// 0 means no limit.
    pub max_concurrency: usize,
    /// The number of items that may fail.
    pub tolerated_count: Option<usize>,
    /// The percentage of items that may fail.
    pub tolerated_percentage: Option<f64>,
    /// Where ResultWriter puts the results.
    pub writing: Option<ResultWriting>,
}

impl MapRunPlan {
    /// Whether more items have failed than are tolerated.
    #[must_use]
    pub fn has_failed(&self, failed: usize) -> bool {
        exceeds_tolerance(failed, self.children.items(), self.tolerated_count, self.tolerated_percentage)
    }
}

/// Whether more items have failed than are tolerated. Both limits apply if both are set. Without limits, no item may
/// fail.
#[must_use]
pub fn exceeds_tolerance(failed: usize, items: usize, count: Option<usize>, percentage: Option<f64>) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "counts of items are far below 2^52")]
    let share = |percentage: f64| failed as f64 * 100.0 > percentage * items as f64;
    match (count, percentage) {
        (None, None) => failed > 0,
        (count, percentage) => count.is_some_and(|count| failed > count) || percentage.is_some_and(share),
    }
}

/// The inputs of the children.
#[derive(Debug, Clone, PartialEq)]
pub enum Children {
    /// One child for each item. [`child_input`] computes its input.
    Items(Payload),
    /// One child for each batch, with its input and the number of items in it.
    Batches(Vec<(Payload, usize)>),
    /// What to read the items from. [`more_children`] turns them into children.
    ToRead(ItemReading),
}

impl Children {
    #[must_use]
    pub fn are_batches(&self) -> bool {
        matches!(self, Self::Batches(_))
    }

    /// The number of items, as far as it is known.
    fn items(&self) -> usize {
        match self {
            Self::Items(items) => items.value().as_array().map_or(0, Vec::len),
            Self::Batches(batches) => batches.iter().map(|(_, items)| items).sum(),
            Self::ToRead(_) => 0,
        }
    }

    /// The list of the inputs of all children. `input` computes the input for one item.
    ///
    /// # Errors
    /// The first error of `input`.
    pub fn inputs(
        &self,
        mut input: impl FnMut((usize, Payload)) -> Result<Payload, QueryError>,
    ) -> Result<Payload, QueryError> {
        let inputs: Vec<_> = match self {
            Self::Batches(batches) => batches.iter().map(|(batch, _)| batch.clone()).collect(),
            Self::ToRead(_) => Vec::new(),
            Self::Items(items) => {
                let items = items.value().as_array().into_iter().flatten().cloned().map(Payload::from).enumerate();
                items.map(&mut input).collect::<Result<_, _>>()?
            }
        };
        Ok(joined(&inputs))
    }
}

/// How a map run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MapRunOutcome {
    /// Succeeded, with the list of the outputs of its children.
    Succeeded {
        output: Payload,
    },
    /// The outputs of its children exceed AWS's limit on an output.
    TooLarge,
    Failed {
        error: Option<String>,
        cause: Option<String>,
    },
    /// ItemSelector failed for an item.
    NoInput(QueryError),
    /// ItemBatcher could not turn the items that were read into children.
    NoBatches(QueryError),
    /// The items could not be read.
    NotRead {
        cause: String,
    },
}

impl MapRunOutcome {
    /// The outcome if more items have failed than are tolerated.
    #[must_use]
    pub fn too_many_failed() -> Self {
        Self::Failed {
            error: Some("States.ExceedToleratedFailureThreshold".to_owned()),
            cause: Some("The specified tolerated failure threshold was exceeded".to_owned()),
        }
    }

    /// The outcome if the results could not be written.
    #[must_use]
    pub fn not_written(cause: String) -> Self {
        Self::Failed { error: Some("States.ResultWriterFailed".to_owned()), cause: Some(cause) }
    }
}

/// The input of the child for one item: the result of ItemSelector, or the item itself.
///
/// # Errors
/// When ItemSelector fails. If no branch waits for the run, the item is returned unchanged.
pub fn child_input(
    definition: &Definition,
    facts: &ExecutionFacts<'_>,
    state: &mut ExecutionState,
    run: TaskId,
    (index, item): (usize, Payload),
    now: OffsetDateTime,
) -> Result<Payload, QueryError> {
    let mut parent = Interpreter::new(definition, facts, state, now);
    let Ok(id) = parent.waiting_for(run) else { return Ok(item) };
    let state = parent.current(id);
    let Body::Map(map) = &state.body else { return Ok(item) };
    match &map.item_selector {
        Some(selector) if map.batching.is_none() => {
            let input = parent.effective_input(id, state)?;
            parent.apply_item_selector(id, state, selector, &input, (index, item.value().clone()))
        }
        _ => Ok(item),
    }
}

/// Turns further items that were read for a run into children, in order. Includes the last, incomplete batch if `last`
/// is `true`. Returns `None` if no branch waits for the run.
///
/// # Errors
/// When ItemBatcher or ItemSelector fails.
pub fn more_children(
    definition: &Definition,
    facts: &ExecutionFacts<'_>,
    state: &mut ExecutionState,
    run: TaskId,
    progress: &mut ItemProgress,
    (items, last): (&[Payload], bool),
    now: OffsetDateTime,
) -> Result<Option<Vec<(Payload, usize)>>, QueryError> {
    let mut parent = Interpreter::new(definition, facts, state, now);
    let Ok(id) = parent.waiting_for(run) else { return Ok(None) };
    let state = parent.current(id);
    let Body::Map(map) = &state.body else { return Ok(None) };
    let mut children = parent.next_children(id, state, map, progress, items.iter().cloned())?;
    if last {
        children.extend(progress.last_batch());
    }
    Ok(Some(children))
}

impl Interpreter<'_> {
    pub fn start_map_run(
        &mut self,
        id: BranchId,
        state: &State,
        map: &Map,
        max_concurrency: usize,
        source: Source,
        started: i64,
    ) -> Result<(), Failure> {
        let ProcessorMode::Distributed { label, express } = &map.mode else { return Ok(()) };
        let prepared = self.tolerated(id, state, map).and_then(|tolerated| {
            let writer = map.result_writer.as_ref();
            let writing = writer.map(|writer| self.result_writing(id, state, writer)).transpose()?;
            let children = match source {
                Source::ToRead(reading) => Children::ToRead(reading),
                Source::Given(items) if map.batching.is_none() => Children::Items(items),
                Source::Given(items) => {
                    let items = items.value().as_array().into_iter().flatten().cloned().map(Payload::from);
                    let mut progress = ItemProgress::for_given_items();
                    let mut batches = self.next_children(id, state, map, &mut progress, items)?;
                    batches.extend(progress.last_batch());
                    Children::Batches(batches)
                }
            };
            Ok((tolerated, writing, children))
        });
        let ((tolerated_count, tolerated_percentage), writing, children) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(self.container_query_failed(id, error, started)),
        };
        let run = self.next_task();
        let plan = MapRunPlan {
            label: self.label(label.as_deref(), run),
            id: self.uuid(run.event << 1),
            processor: state.name.clone(),
            express: *express,
            children,
            max_concurrency,
            tolerated_count,
            tolerated_percentage,
            writing,
        };
        let map_run_arn = self.map_run_arn(&plan.label, &plan.id);
        self.record(id, EventKind::MapRunStarted(MapRunStarted { map_run_arn }));
        self.change(id, |branch| branch.phase = Phase::MapRun { run, redrives: 0 });
        self.command(Command::StartMapRun { run, plan });
        Ok(())
    }

    /// The branch that waits for a map run.
    fn waiting_for(&mut self, run: TaskId) -> Result<BranchId, NotPending> {
        let id = self.branch_awaiting(Awaited::Task(run)).ok_or(NotPending)?;
        if matches!(self.branch(id).phase, Phase::MapRun { .. }) { Ok(id) } else { Err(NotPending) }
    }

    pub fn map_run_ended(&mut self, run: TaskId, outcome: MapRunOutcome) -> Result<(), NotPending> {
        let id = self.waiting_for(run)?;
        let state = self.current(id);
        let Body::Map(map) = &state.body else { return Err(NotPending) };
        if matches!(outcome, MapRunOutcome::NotRead { .. } | MapRunOutcome::NoBatches(_)) {
            // A redrive starts a new run that reads the items again, since this one has no children to redrive.
            self.change(id, |branch| branch.phase = Phase::Settled);
        }
        let done = match outcome {
            MapRunOutcome::Succeeded { output } => {
                self.change(id, |branch| branch.phase = Phase::Settled);
                self.record(id, EventKind::MapRunSucceeded);
                self.map_succeeded(id, state, map, output)
            }
            MapRunOutcome::TooLarge => {
                self.change(id, |branch| branch.phase = Phase::Settled);
                self.record(id, EventKind::MapRunSucceeded);
                let failure = Failure::too_large(&state.name);
                self.record(id, EventKind::MapStateFailed);
                Err(failure)
            }
            MapRunOutcome::Failed { error, cause } => {
                let failure = Failure { error, cause, by_heartbeat: false };
                self.record(id, EventKind::MapRunFailed(failure.details()));
                self.record(id, EventKind::MapStateFailed);
                Err(failure)
            }
            MapRunOutcome::NotRead { cause } => {
                let failure = Failure::new("States.ItemReaderFailed", cause);
                self.record(id, EventKind::MapRunFailed(failure.details()));
                self.record(id, EventKind::MapStateFailed);
                Err(failure)
            }
            MapRunOutcome::NoInput(error) | MapRunOutcome::NoBatches(error) => {
                let details =
                    history::Failure { error: Some(error.error.to_owned()), cause: Some(error.cause.clone()) };
                let event = self.record(id, EventKind::MapRunFailed(details));
                Err(self.container_query_failed(id, error, event))
            }
        };
        if let Err(failure) = done {
            self.fail_state(id, failure);
        }
        Ok(())
    }

    /// Redrives the children that have not succeeded.
    pub fn redrive_map_run(&mut self, id: BranchId) {
        let Body::Map(map) = &self.current(id).body else { return };
        let ProcessorMode::Distributed { label, .. } = &map.mode else { return };
        let Phase::MapRun { run, redrives } = self.branch(id).phase else { return };
        let redrive_count = redrives + 1;
        let map_run_arn = self.map_run_arn(&self.label(label.as_deref(), run), &self.uuid(run.event << 1));
        self.change(id, |branch| branch.phase = Phase::MapRun { run, redrives: redrive_count });
        self.record(id, EventKind::MapRunRedriven(MapRunRedriven { map_run_arn, redrive_count }));
        self.command(Command::RedriveMapRun { run });
    }

    fn label(&self, given: Option<&str>, run: TaskId) -> String {
        given.map_or_else(|| self.uuid((run.event << 1) | 1), str::to_owned)
    }

    /// A UUID that is the same whenever this step is repeated.
    fn uuid(&self, nonce: i64) -> String {
        let random = (u128::from(self.random(nonce)) << 64) | u128::from(self.random(!nonce));
        uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid().to_string()
    }

    fn map_run_arn(&self, label: &str, id: &str) -> String {
        let facts = self.facts;
        // A map run within a child is also named after the state machine.
        let machine = facts.state_machine_name.split('/').next().unwrap_or_default();
        format!("arn:aws:states:{}:{}:mapRun:{machine}/{label}:{id}", facts.region(), facts.account())
    }
}
