//! What a Map runs over, in what portions, and how many at once.

use serde_json::{Value, json};

use super::{
    Payload,
    failure::MAX_PAYLOAD,
    run::Run,
    simple::plain,
    state::{BranchId, Phase},
};
use crate::{
    definition::{Batching, Items, Map, Number, QueryLanguage, State, Template},
    query::{QueryError, jsonata},
};

/// How many bytes all the batches of a distributed Map may have: an ItemSelector can make much of little.
const MOST_BATCHED: usize = 32 << 20;

impl Run<'_> {
    pub fn items(&self, id: BranchId, state: &State, map: &Map) -> Result<Payload, QueryError> {
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

    /// The input of one iteration of an inline Map.
    pub fn item_input(&self, id: BranchId, state: &State, map: &Map, index: usize) -> Result<Payload, QueryError> {
        let items = match &self.branch(id).phase {
            Phase::Map(mapping) => mapping.items.clone(),
            _ => None,
        };
        let items = items.unwrap_or_else(|| self.input(id));
        let item = items.value().get(index).cloned().unwrap_or_default();
        match &map.item_selector {
            Some(selector) => self.selected(id, state, selector, index, item),
            None => Ok(Payload::from(item)),
        }
    }

    pub fn selected(
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

    /// The items in portions, each as the processor gets it, and how many items it is made of.
    pub fn batches(
        &self,
        id: BranchId,
        state: &State,
        map: &Map,
        batching: &Batching,
        items: &Payload,
    ) -> Result<Vec<(Payload, usize)>, QueryError> {
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
        let envelope = |items: Vec<Value>| {
            let count = items.len();
            let batch = match &common {
                None => json!({ "Items": items }),
                Some(common) => json!({ "Items": items, "BatchInput": common }),
            };
            (Payload::from(batch), count)
        };
        let empty = envelope(Vec::new()).0.size();
        let (mut batches, mut batch, mut bytes, mut all) = (Vec::new(), Vec::new(), empty, 0);
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
            all += size + if batch.is_empty() { empty } else { 0 };
            if all > MOST_BATCHED {
                return Err(QueryError {
                    error: "States.DataLimitExceeded",
                    cause: format!("The batches of all items have more than {MOST_BATCHED} bytes."),
                    location: None,
                });
            }
            batch.push(item.value().clone());
        }
        if !batch.is_empty() {
            batches.push(envelope(batch));
        }
        Ok(batches)
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
