//! What a Map runs over, in what portions, and how many at once.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Payload, failure::MAX_PAYLOAD, run::Run, simple::plain, state::BranchId};
use crate::{
    definition::{
        Batching, DataSet, ItemReader, Items, Map, Number, QueryLanguage, ResultForm, ResultWriter, State, Template,
    },
    query::{QueryError, jsonata},
};

/// How many bytes all the batches of a distributed Map may have: an ItemSelector can make much of little. Those of items
/// that come in the state's input are in memory at once, those of items that are read go to disk as they get full.
const MOST_BATCHED: usize = 32 << 20;
const MOST_BATCHED_OF_READ: usize = 256 << 20;

/// What an ItemReader reads, at the edge: after the step, and again after a crash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemReading {
    pub dataset: DataSet,
    /// Of the S3 action that gives it.
    pub parameters: Value,
    /// No more items than this are wanted, at least one.
    pub max_items: Option<usize>,
}

/// Where the results of a map run are put, and in which form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultWriting {
    pub form: ResultForm,
    /// None where they become the Map's own result.
    pub destination: Option<Destination>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    pub bucket: String,
    /// As it was given, with a slash at its end or without.
    pub prefix: String,
}

/// Where a Map's items are.
pub(super) enum Source {
    Given(Payload),
    ToRead(ItemReading),
}

/// How far the items of a map run have been made into children, in their order.
#[derive(Debug, Clone)]
pub struct Portions {
    pub items: usize,
    pub children: usize,
    batcher: Option<Batcher>,
    most_batched: usize,
}

impl Portions {
    /// Of items that come in the state's input.
    pub(super) fn of_given() -> Self {
        Self { items: 0, children: 0, batcher: None, most_batched: MOST_BATCHED }
    }

    /// Of items that are read.
    #[must_use]
    pub fn of_read() -> Self {
        Self { most_batched: MOST_BATCHED_OF_READ, ..Self::of_given() }
    }

    /// Whether children get batches of items.
    #[must_use]
    pub fn are_batches(&self) -> bool {
        self.batcher.is_some()
    }

    /// The batch that has not become full.
    pub fn last(&mut self) -> Option<(Payload, usize)> {
        let last = self.batcher.as_mut().filter(|batcher| !batcher.batch.is_empty()).map(Batcher::take);
        self.children += usize::from(last.is_some());
        last
    }
}

/// Puts items into batches.
#[derive(Debug, Clone)]
struct Batcher {
    most_items: usize,
    most_bytes: usize,
    most_in_all: usize,
    /// BatchInput.
    common: Option<Value>,
    /// The items of the batch that is being filled.
    batch: Vec<Value>,
    /// Bytes of a batch without items, of this batch, and of all.
    empty: usize,
    bytes: usize,
    all: usize,
}

impl Batcher {
    /// The batch before, where the item did not fit into that.
    fn add(&mut self, item: &Payload) -> Result<Option<(Payload, usize)>, QueryError> {
        let size = item.size() + 1;
        let is_full = self.batch.len() == self.most_items || self.bytes.saturating_add(size) > self.most_bytes;
        let before = if is_full && !self.batch.is_empty() { Some(self.take()) } else { None };
        self.bytes += size;
        self.all += size + if self.batch.is_empty() { self.empty } else { 0 };
        if self.all > self.most_in_all {
            return Err(QueryError {
                error: "States.DataLimitExceeded",
                cause: format!("The batches of all items have more than {} bytes.", self.most_in_all),
                location: None,
            });
        }
        self.batch.push(item.value().clone());
        Ok(before)
    }

    fn take(&mut self) -> (Payload, usize) {
        let batch = self.envelope();
        self.batch.clear();
        self.bytes = self.empty;
        batch
    }

    /// The batch as the processor gets it, and how many items are in it.
    fn envelope(&self) -> (Payload, usize) {
        let batch = match &self.common {
            None => json!({ "Items": self.batch }),
            Some(common) => json!({ "Items": self.batch, "BatchInput": common }),
        };
        (Payload::from(batch), self.batch.len())
    }
}

impl Run<'_> {
    /// The items, or what there is to be read for them.
    pub fn source(&self, id: BranchId, state: &State, map: &Map) -> Result<Source, QueryError> {
        let input = self.effective_input(id, state)?;
        let view = self.view(id, state, None);
        let scope = view.scope(input.value());
        match &map.items {
            Items::Selected(selection) => {
                let items = selection.apply_reference(input.clone(), &scope)?;
                if items.value().is_array() {
                    return Ok(Source::Given(items));
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
                let items = expression.evaluate_as(&scope, "Items", jsonata::Kind::Array)?;
                Ok(Source::Given(items.into()))
            }
            Items::Evaluated(template) => {
                let items = template.evaluate(&scope, "Items")?;
                if items.is_array() {
                    return Ok(Source::Given(items.into()));
                }
                Err(QueryError::evaluation("Items", format!("Map state input must be an array but was: {items}")))
            }
            Items::Read(reader) => self.reading(id, state, reader).map(Source::ToRead),
        }
    }

    /// The input of one iteration of an inline Map.
    pub fn item_input(&self, id: BranchId, state: &State, map: &Map, index: usize) -> Result<Payload, QueryError> {
        let item = self.items_of(id).value().get(index).cloned().unwrap_or_default();
        match &map.item_selector {
            Some(selector) => self.selected(id, state, selector, &self.effective_input(id, state)?, (index, item)),
            None => Ok(Payload::from(item)),
        }
    }

    /// `input` is the state's effective one.
    pub fn selected(
        &self,
        id: BranchId,
        state: &State,
        selector: &Template,
        input: &Payload,
        (index, item): (usize, Value),
    ) -> Result<Payload, QueryError> {
        let view = self.view_of_item(id, state, index, item);
        selector.evaluate(&view.scope(input.value()), "ItemSelector").map(Payload::from)
    }

    /// What an ItemReader is to read.
    pub fn reading(&self, id: BranchId, state: &State, reader: &ItemReader) -> Result<ItemReading, QueryError> {
        let max_items = reader.max_items.as_ref();
        let max_items = max_items.map(|number| self.count(id, state, number, "MaxItems")).transpose()?;
        if max_items == Some(0) {
            return Err(out_of_bounds(state, "MaxItems", "MaxItems must be greater than 0."));
        }
        let parameters = self.computed(id, state, reader.arguments.as_ref(), "ItemReader/Arguments")?;
        Ok(ItemReading { dataset: reader.dataset.clone(), parameters, max_items })
    }

    /// Where a ResultWriter puts the results, and in which form.
    pub fn writing(&self, id: BranchId, state: &State, writer: &ResultWriter) -> Result<ResultWriting, QueryError> {
        let form = writer.form;
        if writer.destination.is_none() {
            return Ok(ResultWriting { form, destination: None });
        }
        let parameters = self.computed(id, state, writer.destination.as_ref(), "ResultWriter/Arguments")?;
        let text = |name: &str| parameters[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let Some(bucket) = text("Bucket") else {
            return Err(QueryError::runtime(format!(
                "The Parameters '{parameters}' could not be used to write the results: [The value for the field 'Bucket' \
                 must be a STRING]"
            )));
        };
        let prefix = text("Prefix").unwrap_or_default();
        Ok(ResultWriting { form, destination: Some(Destination { bucket, prefix }) })
    }

    fn computed(
        &self,
        id: BranchId,
        state: &State,
        template: Option<&Template>,
        field: &str,
    ) -> Result<Value, QueryError> {
        let Some(template) = template else { return Ok(json!({})) };
        let input = self.effective_input(id, state)?;
        let view = self.view(id, state, None);
        template.evaluate(&view.scope(input.value()), field)
    }

    /// The children for some more items: one an item or, where there is an ItemBatcher, one a full batch.
    pub fn portion(
        &self,
        id: BranchId,
        state: &State,
        map: &Map,
        portions: &mut Portions,
        items: impl IntoIterator<Item = Payload>,
    ) -> Result<Vec<(Payload, usize)>, QueryError> {
        let Some(batching) = &map.batching else {
            let children: Vec<_> = items.into_iter().map(|item| (item, 1)).collect();
            portions.items += children.len();
            portions.children += children.len();
            return Ok(children);
        };
        let batcher = match &mut portions.batcher {
            Some(batcher) => batcher,
            none => none.insert(self.batcher(id, state, batching, portions.most_batched)?),
        };
        // Of all items: it may be large.
        let input = self.effective_input(id, state)?;
        let mut full = Vec::new();
        for item in items {
            let item = match &map.item_selector {
                None => item,
                Some(selector) => self.selected(id, state, selector, &input, (portions.items, item.value().clone()))?,
            };
            portions.items += 1;
            full.extend(batcher.add(&item)?);
        }
        portions.children += full.len();
        Ok(full)
    }

    fn batcher(
        &self,
        id: BranchId,
        state: &State,
        batching: &Batching,
        most_in_all: usize,
    ) -> Result<Batcher, QueryError> {
        let most = |number: &Option<Number>, field| match number {
            None => Ok(usize::MAX),
            Some(number) => self.count(id, state, number, field).map(|count| count.max(1)),
        };
        let most_items = most(&batching.max_items, "MaxItemsPerBatch")?;
        let most_bytes = most(&batching.max_bytes, "MaxInputBytesPerBatch")?.min(MAX_PAYLOAD);
        let common = match &batching.batch_input {
            None => None,
            template => Some(self.computed(id, state, template.as_ref(), "ItemBatcher/BatchInput")?),
        };
        let batch = Vec::new();
        let mut batcher = Batcher { most_items, most_bytes, most_in_all, common, batch, empty: 0, bytes: 0, all: 0 };
        batcher.empty = batcher.envelope().0.size();
        batcher.bytes = batcher.empty;
        Ok(batcher)
    }

    /// How many iterations may run at once; 0 means no limit.
    pub fn concurrency(&self, id: BranchId, state: &State, map: &Map) -> Result<usize, QueryError> {
        let wanted = match &map.max_concurrency {
            None => 0,
            Some(number) => self.count(id, state, number, "MaxConcurrency")?,
        };
        Ok(wanted)
    }

    /// How many items may fail, and what percentage of them; none where nothing is said.
    pub fn tolerated(
        &self,
        id: BranchId,
        state: &State,
        map: &Map,
    ) -> Result<(Option<usize>, Option<f64>), QueryError> {
        let count = map.tolerated_failure_count.as_ref();
        let count = count.map(|number| self.count(id, state, number, "ToleratedFailureCount")).transpose()?;
        let percentage = map.tolerated_failure_percentage.as_ref();
        Ok((count, percentage.map(|number| self.percentage(id, state, number)).transpose()?))
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
