//! mapItemReaderData, which replaces the object that an ItemReader reads.

use std::ops::ControlFlow;

use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    dataset,
    definition::{Body, Definition, Items, State},
    interpreter::{
        Children, ExecutionFacts, ExecutionState, ItemProgress, ItemReading, Payload, TaskId, more_children,
    },
};

pub(super) fn are_read(state: &State) -> bool {
    matches!(&state.body, Body::Map(map) if matches!(map.items, Items::Read(_)))
}

/// Reads the items. The error is the reason why they can't be read.
pub(super) fn read(data: &str, reading: &ItemReading) -> Result<Vec<Payload>, String> {
    let most = reading.max_items.unwrap_or(usize::MAX);
    let mut items = Vec::new();
    dataset::read(data, &reading.dataset, &mut |item| {
        items.push(Payload::from(item));
        if items.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(items)
}

/// The children of the map run for these items.
pub(super) fn children(
    definition: &Definition,
    facts: &ExecutionFacts<'_>,
    state: &mut ExecutionState,
    run: TaskId,
    items: &[Payload],
    now: OffsetDateTime,
) -> Result<Children, String> {
    let mut progress = ItemProgress::for_read_items();
    let children = more_children(definition, facts, state, run, &mut progress, (items, true), now);
    let children = children.map_err(|error| error.cause)?.unwrap_or_default();
    Ok(if progress.are_batches() {
        Children::Batches(children)
    } else {
        let items: Vec<Value> = children.into_iter().map(|(item, _)| item.value().clone()).collect();
        Children::Items(Value::from(items).into())
    })
}
