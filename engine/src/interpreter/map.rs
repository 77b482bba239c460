//! Map states, inline and distributed.

use super::{
    Payload,
    data::{Outgoing, Way},
    failure::Failure,
    parallel::joined,
    run::Run,
    state::{BranchId, Mapping, Phase},
};
use crate::{
    definition::{Map, ProcessorMode, State},
    history::{EventKind, Iteration, MapRunStarted, MapStarted},
};

impl Run<'_> {
    pub fn start_map(&mut self, id: BranchId, state: &State, map: &Map) -> Result<(), Failure> {
        let before = self.before(id);
        let prepared = self.concurrency(id, state, map).and_then(|concurrency| {
            let items = self.items(id, state, map)?;
            Ok((concurrency, items))
        });
        let (concurrency, items) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(self.container_query_failed(id, error, before)),
        };
        let length = items.value().as_array().map_or(0, Vec::len);
        let started = self.tell(id, EventKind::MapStateStarted(MapStarted { length }));
        let prepared = self.tolerated(id, state, map, length).and_then(|tolerated| match &map.batching {
            None => Ok((tolerated, items)),
            Some(batching) => Ok((tolerated, self.batches(id, state, map, batching, &items)?)),
        });
        let (tolerated, items) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(self.container_query_failed(id, error, started)),
        };
        if let ProcessorMode::Distributed { label } = &map.mode {
            let map_run_arn = self.map_run_arn(label.as_deref(), started);
            self.tell(id, EventKind::MapRunStarted(MapRunStarted { map_run_arn }));
        }
        let total = items.value().as_array().map_or(0, Vec::len);
        let own = (items != self.input(id)).then_some(items);
        let mapping = Mapping {
            items: own,
            total,
            started: 0,
            running: 0,
            failed: 0,
            concurrency,
            tolerated,
            outputs: vec![None; total],
        };
        self.change(id, |branch| branch.phase = Phase::Map(Box::new(mapping)));
        self.start_iterations(id, state, map)
    }

    /// Starts as many iterations as may run, and ends the state when there are none left.
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
            if let ProcessorMode::Distributed { .. } = map.mode {
                self.begin_hidden(id, index, map, input);
            } else {
                let name = state.name.clone();
                let event = self.tell_aside(id, previous, EventKind::MapIterationStarted(Iteration { name, index }));
                self.begin(Some(id), index, map.processor, Some(input), event);
            }
        }
        let Phase::Map(mapping) = &self.branch(id).phase else { return Ok(()) };
        if mapping.running > 0 || mapping.started < mapping.total {
            return Ok(());
        }
        let outputs = mapping.outputs.clone();
        self.map_succeeded(id, state, map, outputs)
    }

    fn map_succeeded(
        &mut self,
        id: BranchId,
        state: &State,
        map: &Map,
        outputs: Vec<Option<Payload>>,
    ) -> Result<(), Failure> {
        if let ProcessorMode::Distributed { .. } = map.mode {
            self.tell(id, EventKind::MapRunSucceeded);
        }
        let previous = self.branch(id).previous;
        self.tell_aside(id, previous, EventKind::MapStateSucceeded);
        let way = Way::with_result(state, map.result_selector.as_ref(), &map.result_path, map.then);
        self.leave(id, state, Outgoing::Result(joined(outputs)), &way, previous)
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
        self.change(id, |branch| {
            if let Phase::Map(mapping) = &mut branch.phase {
                mapping.outputs[index] = Some(output);
                mapping.running -= 1;
                last = mapping.running == 0 && mapping.started == mapping.total;
            }
        });
        if map.mode == ProcessorMode::Inline {
            let name = state.name.clone();
            let event = self.tell_aside(id, previous, EventKind::MapIterationSucceeded(Iteration { name, index }));
            // The next iteration follows the states of the one whose place it takes; the end follows that one's end.
            self.change(id, |branch| branch.previous = if last { event } else { previous });
        }
        self.start_iterations(id, state, map)
    }

    /// Gives back what fails the whole Map, unless so many failures are tolerated.
    pub fn iteration_failed(
        &mut self,
        id: BranchId,
        state: &State,
        map: &Map,
        child: BranchId,
        index: usize,
        failure: Failure,
    ) -> Option<Failure> {
        let previous = self.branch(child).previous;
        if map.mode == ProcessorMode::Inline {
            let name = state.name.clone();
            self.tell_aside(id, previous, EventKind::MapIterationFailed(Iteration { name, index }));
            self.abort_children(id, Some(child));
            self.change(id, |branch| branch.previous = previous);
            self.tell(id, EventKind::MapStateFailed);
            return Some(failure);
        }
        self.abort_children(child, None);
        self.state.branches.remove(&child);
        let mut tolerated = true;
        self.change(id, |branch| {
            if let Phase::Map(mapping) = &mut branch.phase {
                mapping.running -= 1;
                mapping.failed += 1;
                tolerated = mapping.failed <= mapping.tolerated;
            }
        });
        if tolerated {
            return self.start_iterations(id, state, map).err();
        }
        self.abort_children(id, None);
        let failure = Failure::new(
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        );
        self.tell(id, EventKind::MapRunFailed(failure.details()));
        self.tell(id, EventKind::MapStateFailed);
        Some(failure)
    }

    /// Begins an item of a distributed Map: an execution of its own on AWS, whose events the parent does not show.
    fn begin_hidden(&mut self, id: BranchId, index: usize, map: &Map, input: Payload) {
        // Its first event would be ExecutionStarted.
        self.begin_counting(Some(id), index, map.processor, Some(input), 0, Some(1));
    }

    fn map_run_arn(&self, label: Option<&str>, event: i64) -> String {
        let facts = self.facts;
        let id = |nonce: i64| {
            let random = (u128::from(self.draw(nonce)) << 64) | u128::from(self.draw(!nonce));
            uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid().to_string()
        };
        let label = label.map_or_else(|| id(event << 1), str::to_owned);
        let (region, account, name) = (facts.region(), facts.account(), facts.state_machine_name);
        format!("arn:aws:states:{region}:{account}:mapRun:{name}/{label}:{}", id((event << 1) | 1))
    }
}
