//! The items of a Map: where they come from, how they are batched, and how many run at once.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Payload, advance::Interpreter, failure::MAX_PAYLOAD, simple::plain, state::BranchId};
use crate::{
    definition::{
        Batching, DataSet, ItemReader, Items, Map, Number, QueryLanguage, ResultForm, ResultWriter, State, Template,
    },
    query::{QueryError, jsonata},
};

/// The maximum size of all batches of a distributed Map in bytes, since an ItemSelector can turn small items into large
/// ones. Batches of items in the state's input are all in memory. Those of items that are read are stored as they fill
/// up.
const MAX_BATCH_BYTES: usize = 32 << 20;
const MAX_READ_BATCH_BYTES: usize = 256 << 20;

/// What an ItemReader reads. The read happens after the step, and again after a crash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemReading {
    pub dataset: DataSet,
    /// The parameters of the S3 action that reads the data set.
    pub parameters: Value,
    /// The maximum number of items to read, at least 1.
    pub max_items: Option<usize>,
}

/// Where the results of a map run are written, and in which format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultWriting {
    pub form: ResultForm,
    /// `None` if the results become the result of the Map.
    pub destination: Option<Destination>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    pub bucket: String,
    /// As given in the definition, with or without a trailing slash.
    pub prefix: String,
}

/// Where the items of a Map come from.
pub(super) enum Source {
    Given(Payload),
    ToRead(ItemReading),
}

/// Progress in turning the items of a map run into children, in order.
#[derive(Debug, Clone)]
pub struct ItemProgress {
    pub items: usize,
    pub children: usize,
    batcher: Option<Batcher>,
    most_batched: usize,
}

impl ItemProgress {
    /// For items in the state's input.
    pub(super) fn for_given_items() -> Self {
        Self { items: 0, children: 0, batcher: None, most_batched: MAX_BATCH_BYTES }
    }

    /// For items that are read.
    #[must_use]
    pub fn for_read_items() -> Self {
        Self { most_batched: MAX_READ_BATCH_BYTES, ..Self::for_given_items() }
    }

    /// Whether each child processes a batch of items.
    #[must_use]
    pub fn are_batches(&self) -> bool {
        self.batcher.is_some()
    }

    /// The last batch, if it is not empty.
    pub fn last_batch(&mut self) -> Option<(Payload, usize)> {
        let last = self.batcher.as_mut().filter(|batcher| !batcher.batch.is_empty()).map(Batcher::take);
        self.children += usize::from(last.is_some());
        last
    }
}

/// Groups items into batches.
#[derive(Debug, Clone)]
struct Batcher {
    most_items: usize,
    most_bytes: usize,
    most_in_all: usize,
    /// BatchInput.
    common: Option<Value>,
    /// The items of the current batch.
    batch: Vec<Value>,
    /// The sizes in bytes of a batch without items, of the current batch, and of all batches.
    empty: usize,
    bytes: usize,
    all: usize,
}

impl Batcher {
    /// Adds an item. Returns the previous batch if the item did not fit into it.
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

    /// The current batch as the input of its child, and the number of items in it.
    fn envelope(&self) -> (Payload, usize) {
        let batch = match &self.common {
            None => json!({ "Items": self.batch }),
            Some(common) => json!({ "Items": self.batch, "BatchInput": common }),
        };
        (Payload::from(batch), self.batch.len())
    }
}

impl Interpreter<'_> {
    /// The items, or a description of what to read them from.
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
            Items::Read(reader) => self.item_reading(id, state, reader).map(Source::ToRead),
        }
    }

    /// The input of one iteration of an inline Map.
    pub fn item_input(&self, id: BranchId, state: &State, map: &Map, index: usize) -> Result<Payload, QueryError> {
        let item = self.items_of(id).value().get(index).cloned().unwrap_or_default();
        match &map.item_selector {
            Some(selector) => {
                self.apply_item_selector(id, state, selector, &self.effective_input(id, state)?, (index, item))
            }
            None => Ok(Payload::from(item)),
        }
    }

    /// `input` is the effective input of the state.
    pub fn apply_item_selector(
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

    /// Describes what an ItemReader is to read.
    pub fn item_reading(&self, id: BranchId, state: &State, reader: &ItemReader) -> Result<ItemReading, QueryError> {
        let max_items = reader.max_items.as_ref();
        let max_items = max_items.map(|number| self.count(id, state, number, "MaxItems")).transpose()?;
        if max_items == Some(0) {
            return Err(out_of_bounds(state, "MaxItems", "MaxItems must be greater than 0."));
        }
        let parameters = self.computed(id, state, reader.arguments.as_ref(), "ItemReader/Arguments")?;
        Ok(ItemReading { dataset: reader.dataset.clone(), parameters, max_items })
    }

    /// Determines where a ResultWriter writes the results, and in which format.
    pub fn result_writing(
        &self,
        id: BranchId,
        state: &State,
        writer: &ResultWriter,
    ) -> Result<ResultWriting, QueryError> {
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

    /// Turns further items into children: one child for each item or, with an ItemBatcher, one for each full batch.
    pub fn next_children(
        &self,
        id: BranchId,
        state: &State,
        map: &Map,
        progress: &mut ItemProgress,
        items: impl IntoIterator<Item = Payload>,
    ) -> Result<Vec<(Payload, usize)>, QueryError> {
        let Some(batching) = &map.batching else {
            let children: Vec<_> = items.into_iter().map(|item| (item, 1)).collect();
            progress.items += children.len();
            progress.children += children.len();
            return Ok(children);
        };
        let batcher = match &mut progress.batcher {
            Some(batcher) => batcher,
            none => none.insert(self.batcher(id, state, batching, progress.most_batched)?),
        };
        // Computed once for all items, because it may be large.
        let input = self.effective_input(id, state)?;
        let mut full = Vec::new();
        for item in items {
            let item = match &map.item_selector {
                None => item,
                Some(selector) => {
                    self.apply_item_selector(id, state, selector, &input, (progress.items, item.value().clone()))?
                }
            };
            progress.items += 1;
            full.extend(batcher.add(&item)?);
        }
        progress.children += full.len();
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

    /// The maximum number of concurrent iterations. 0 means no limit.
    pub fn concurrency(&self, id: BranchId, state: &State, map: &Map) -> Result<usize, QueryError> {
        let wanted = match &map.max_concurrency {
            None => 0,
            Some(number) => self.count(id, state, number, "MaxConcurrency")?,
        };
        Ok(wanted)
    }

    /// The number and the percentage of items that may fail, if they are set.
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

    /// The value of a number field, and the path or expression that it comes from.
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
