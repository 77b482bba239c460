//! Map states: what both modes share, and the iterations of an inline Map.

use super::{
    Part, Payload,
    advance::Interpreter,
    data_flow::{Outgoing, OutputRules},
    failure::Failure,
    items::Source,
    parallel::joined,
    state::{BranchId, Mapping, Phase},
};
use crate::{
    definition::{Map, ProcessorMode, State},
    history::{EventKind, Iteration, MapStarted},
};

/// The maximum number of concurrent iterations of an inline Map on AWS, whatever MaxConcurrency is.
const MAX_INLINE_CONCURRENCY: usize = 40;

impl Interpreter<'_> {
    pub fn start_map(&mut self, id: BranchId, state: &State, map: &Map) -> Result<(), Failure> {
        let before = self.event_before(id);
        let prepared = self.concurrency(id, state, map).and_then(|concurrency| {
            let source = self.source(id, state, map)?;
            Ok((concurrency, source))
        });
        let (concurrency, source) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(self.container_query_failed(id, error, before)),
        };
        // The number of items is not known before they are read.
        let mut length = 0;
        if let Source::Given(items) = &source {
            self.inspect(state, "afterItemsPath", items);
            length = items.value().as_array().map_or(0, Vec::len);
        }
        let started = self.record(id, EventKind::MapStateStarted(MapStarted { length }));
        let items = match (source, &map.mode) {
            (Source::Given(items), ProcessorMode::Inline) => items,
            (source, _) => return self.start_map_run(id, state, map, concurrency, source, started),
        };
        // An inline Map fails with its first iteration, but its tolerance fields are validated nevertheless.
        if let Err(error) = self.tolerated(id, state, map) {
            return Err(self.container_query_failed(id, error, started));
        }
        let total = items.value().as_array().map_or(0, Vec::len);
        let own = (items != self.input(id)).then_some(items);
        let mapping = Mapping {
            stores_items: own.is_some(),
            total,
            started: 0,
            running: 0,
            concurrency: if concurrency == 0 {
                MAX_INLINE_CONCURRENCY
            } else {
                concurrency.min(MAX_INLINE_CONCURRENCY)
            },
        };
        self.discard_parts(id);
        if let Some(items) = own {
            self.store_part(id, Part::Items, items);
        }
        self.change(id, |branch| branch.phase = Phase::Map(Box::new(mapping)));
        self.start_iterations(id, state, map)
    }

    /// Starts as many iterations as allowed, and ends the state when all of them have ended.
    fn start_iterations(&mut self, id: BranchId, state: &State, map: &Map) -> Result<(), Failure> {
        while let Phase::Map(mapping) = &self.branch(id).phase {
            if mapping.started == mapping.total || mapping.running >= mapping.concurrency {
                break;
            }
            let index = mapping.started;
            let input = match self.item_input(id, state, map, index) {
                Ok(input) => input,
                Err(error) => {
                    let previous = self.branch(id).previous;
                    self.abort_children(id, None);
                    self.change(id, |branch| branch.phase = Phase::Settled);
                    return Err(self.container_query_failed(id, error, previous));
                }
            };
            self.change(id, |branch| {
                if let Phase::Map(mapping) = &mut branch.phase {
                    mapping.started += 1;
                    mapping.running += 1;
                }
            });
            let previous = self.branch(id).previous;
            let name = state.name.clone();
            let event = self.record_after(previous, EventKind::MapIterationStarted(Iteration { name, index }));
            self.start_branch(Some(id), index, map.processor, Some(input), event);
        }
        let Phase::Map(mapping) = &self.branch(id).phase else { return Ok(()) };
        if mapping.running > 0 || mapping.started < mapping.total {
            return Ok(());
        }
        let output = joined(&self.outputs_of(id));
        self.map_succeeded(id, state, map, output)
    }

    /// `output` is the list of the outputs of all iterations or children.
    pub fn map_succeeded(&mut self, id: BranchId, state: &State, map: &Map, output: Payload) -> Result<(), Failure> {
        let previous = self.branch(id).previous;
        self.record_after(previous, EventKind::MapStateSucceeded);
        let rules = OutputRules::with_result(state, map.result_selector.as_ref(), &map.result_path, map.then);
        self.leave_state(id, state, Outgoing::Result(output), &rules, previous)
    }

    pub fn iteration_succeeded(
        &mut self,
        id: BranchId,
        state: &State,
        map: &Map,
        index: usize,
        previous: i64,
        output: Payload,
    ) -> Result<(), Failure> {
        let mut last = false;
        self.store_part(id, Part::Output(index), output);
        self.change(id, |branch| {
            if let Phase::Map(mapping) = &mut branch.phase {
                mapping.running -= 1;
                last = mapping.running == 0 && mapping.started == mapping.total;
            }
        });
        let name = state.name.clone();
        let event = self.record_after(previous, EventKind::MapIterationSucceeded(Iteration { name, index }));
        // The next iteration follows the last state of the iteration that it replaces. MapStateSucceeded follows
        // MapIterationSucceeded.
        self.change(id, |branch| branch.previous = if last { event } else { previous });
        self.start_iterations(id, state, map)
    }

    /// Fails the Map, because one of its iterations has failed.
    pub fn iteration_failed(&mut self, id: BranchId, child: BranchId, index: usize) {
        let previous = self.branch(child).previous;
        let name = self.current(id).name.clone();
        self.record_after(previous, EventKind::MapIterationFailed(Iteration { name, index }));
        self.abort_children(id, Some(child));
        self.change(id, |branch| branch.previous = previous);
    }
}
