//! Map states, inline and distributed.

use serde_json::{Value, json};

use super::{
    Payload,
    data::{Outgoing, Way},
    failure::{Failure, MAX_PAYLOAD},
    parallel::joined,
    run::Run,
    simple::plain,
    state::{BranchId, Mapping, Phase},
};
use crate::{
    definition::{Batching, Items, Map, Number, ProcessorMode, QueryLanguage, State, Template},
    history::{EventKind, Iteration, MapRunStarted, MapStarted},
    query::{QueryError, jsonata},
};

/// How many iterations of an inline Map run at once on AWS, whatever MaxConcurrency says.
const MOST_INLINE: usize = 40;
/// How many items of a distributed Map run at once. AWS allows 10,000; here each is part of its parent's state, which
/// every step reads and writes whole.
const MOST_DISTRIBUTED: usize = 500;

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
}

/// What a Map runs over, and in what portions.
impl Run<'_> {
    fn items(&self, id: BranchId, state: &State, map: &Map) -> Result<Payload, QueryError> {
        let input = self.effective_input(id, state)?;
        let view = self.view(id, state, None);
        let scope = view.scope(input.value());
        match &map.items {
            Items::Selected(selection) => {
                let items = selection.apply_reference(input.clone(), &scope)?;
                if items.value().is_array() {
                    return Ok(items);
                }
                Err(match state.language {
                    QueryLanguage::JsonPath => {
                        QueryError::runtime(format!("Reference path \"{}\" must point to array.", selection.source()))
                    }
                    QueryLanguage::Jsonata => QueryError {
                        error: "States.QueryEvaluationError",
                        cause: format!("Map state input must be an array but was: {}", items.text()),
                        location: None,
                    },
                })
            }
            Items::Evaluated(Template::Jsonata(jsonata::Template::Expression(expression))) => {
                expression.evaluate_as(&scope, "Items", jsonata::Kind::Array).map(Payload::from)
            }
            Items::Evaluated(template) => {
                let items = template.evaluate(&scope, "Items")?;
                if items.is_array() {
                    return Ok(Payload::from(items));
                }
                Err(QueryError::evaluation("Items", format!("Map state input must be an array but was: {items}")))
            }
        }
    }

    /// The input of one iteration.
    fn item_input(&self, id: BranchId, state: &State, map: &Map, index: usize) -> Result<Payload, QueryError> {
        let items = match &self.branch(id).phase {
            Phase::Map(mapping) => mapping.items.clone(),
            _ => None,
        };
        let items = items.unwrap_or_else(|| self.input(id));
        let item = items.value().get(index).cloned().unwrap_or_default();
        match &map.item_selector {
            Some(selector) if map.batching.is_none() => self.selected(id, state, selector, index, item),
            _ => Ok(Payload::from(item)),
        }
    }

    fn selected(
        &self,
        id: BranchId,
        state: &State,
        selector: &Template,
        index: usize,
        item: Value,
    ) -> Result<Payload, QueryError> {
        let input = self.effective_input(id, state)?;
        let view = self.view_of_item(id, state, index, item);
        selector.evaluate(&view.scope(input.value()), "ItemSelector").map(Payload::from)
    }

    /// The items in portions, each as the processor gets it.
    fn batches(
        &self,
        id: BranchId,
        state: &State,
        map: &Map,
        batching: &Batching,
        items: &Payload,
    ) -> Result<Payload, QueryError> {
        let most = |number: &Option<Number>, field| match number {
            None => Ok(usize::MAX),
            Some(number) => self.count(id, state, number, field).map(|count| count.max(1)),
        };
        let most_items = most(&batching.max_items, "MaxItemsPerBatch")?;
        let most_bytes = most(&batching.max_bytes, "MaxInputBytesPerBatch")?.min(MAX_PAYLOAD);
        let common = match &batching.batch_input {
            None => None,
            Some(template) => {
                let input = self.effective_input(id, state)?;
                let view = self.view(id, state, None);
                Some(template.evaluate(&view.scope(input.value()), "ItemBatcher/BatchInput")?)
            }
        };
        let envelope = |items: Vec<Value>| match &common {
            None => json!({ "Items": items }),
            Some(common) => json!({ "Items": items, "BatchInput": common }),
        };
        let empty = envelope(Vec::new()).to_string().len();
        let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), empty);
        for (index, item) in items.value().as_array().into_iter().flatten().enumerate() {
            let item = match &map.item_selector {
                None => Payload::from(item.clone()),
                Some(selector) => self.selected(id, state, selector, index, item.clone())?,
            };
            let size = item.size() + 1;
            if !batch.is_empty() && (batch.len() == most_items || bytes + size > most_bytes) {
                batches.push(envelope(std::mem::take(&mut batch)));
                bytes = empty;
            }
            bytes += size;
            batch.push(item.value().clone());
        }
        if !batch.is_empty() {
            batches.push(envelope(batch));
        }
        Ok(Payload::from(Value::Array(batches)))
    }

    /// How many iterations may run at once; at least one.
    fn concurrency(&self, id: BranchId, state: &State, map: &Map) -> Result<usize, QueryError> {
        let most = match map.mode {
            ProcessorMode::Inline => MOST_INLINE,
            ProcessorMode::Distributed { .. } => MOST_DISTRIBUTED,
        };
        let wanted = match &map.max_concurrency {
            None => 0,
            Some(number) => self.count(id, state, number, "MaxConcurrency")?,
        };
        Ok(if wanted == 0 { most } else { wanted.min(most) })
    }

    /// How many of `total` iterations may fail.
    fn tolerated(&self, id: BranchId, state: &State, map: &Map, total: usize) -> Result<usize, QueryError> {
        let count = match &map.tolerated_failure_count {
            None => None,
            Some(number) => Some(self.count(id, state, number, "ToleratedFailureCount")?),
        };
        let share = match &map.tolerated_failure_percentage {
            None => None,
            Some(number) => {
                let percentage = self.percentage(id, state, number)?;
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a list that fits into 256 KiB"
                )]
                let share = (total as f64 * percentage / 100.0) as usize;
                Some(share)
            }
        };
        Ok(match (count, share) {
            (Some(count), Some(share)) => count.min(share),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => 0,
        })
    }

    fn count(&self, id: BranchId, state: &State, number: &Number, field: &str) -> Result<usize, QueryError> {
        let (value, source) = self.number(id, state, number, field, jsonata::Kind::Integer)?;
        match value.as_i64() {
            None => Err(invalid(state, field, &value, source, "integer")),
            Some(count) => {
                usize::try_from(count).map_err(|_| out_of_bounds(state, field, &format!("{field} cannot be negative.")))
            }
        }
    }

    fn percentage(&self, id: BranchId, state: &State, number: &Number) -> Result<f64, QueryError> {
        const FIELD: &str = "ToleratedFailurePercentage";
        let (value, source) = self.number(id, state, number, FIELD, jsonata::Kind::Number)?;
        let percentage = value.as_f64().ok_or_else(|| invalid(state, FIELD, &value, source, "float"))?;
        if (0.0..=100.0).contains(&percentage) {
            return Ok(percentage);
        }
        Err(out_of_bounds(state, FIELD, "ToleratedFailurePercentage must be between 0 and 100."))
    }

    /// A number's value, and the path or expression that it comes from.
    fn number<'n>(
        &self,
        id: BranchId,
        state: &State,
        number: &'n Number,
        field: &str,
        kind: jsonata::Kind,
    ) -> Result<(Value, &'n str), QueryError> {
        if let Number::Literal(number) = number {
            #[expect(clippy::cast_possible_truncation, reason = "only where it has no fraction, and within bounds")]
            let value = if number.fract() == 0.0 { json!(*number as i64) } else { json!(number) };
            return Ok((value, ""));
        }
        let input = self.effective_input(id, state)?;
        let view = self.view(id, state, None);
        let scope = view.scope(input.value());
        match number {
            Number::Literal(_) => Ok((Value::Null, "")),
            Number::Path(path) => Ok((path.get_by_reference(&scope)?, path.source())),
            Number::Jsonata(expression) => Ok((expression.evaluate_as(&scope, field, kind)?, expression.source())),
        }
    }

    /// Begins an item of a distributed Map: an execution of its own on AWS, whose events the parent does not show.
    fn begin_hidden(&mut self, id: BranchId, index: usize, map: &Map, input: Payload) {
        // Its first event would be ExecutionStarted.
        self.begin_counting(Some(id), index, map.processor, Some(input), 0, Some(1));
    }

    pub fn is_hidden(&self, id: BranchId) -> bool {
        let mut holder = Some(id);
        while let Some(branch) = holder.map(|id| self.branch(id)) {
            if branch.hidden_events.is_some() {
                return true;
            }
            holder = branch.parent;
        }
        false
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

fn invalid(state: &State, field: &str, value: &Value, source: &str, kind: &str) -> QueryError {
    let value = plain(value);
    match state.language {
        QueryLanguage::JsonPath => QueryError::runtime(format!(
            "The {field}Path field refers to value \"{value}\" which is not a valid {kind}: {source}"
        )),
        QueryLanguage::Jsonata => QueryError::evaluation(
            field,
            format!("The {field} field refers to value \"{value}\" which is not a valid {kind}: {source}"),
        ),
    }
}

fn out_of_bounds(state: &State, field: &str, cause: &str) -> QueryError {
    match state.language {
        QueryLanguage::JsonPath => QueryError::runtime(cause),
        QueryLanguage::Jsonata => QueryError::evaluation(field, cause),
    }
}
