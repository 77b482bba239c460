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
    definition::{Batching, Items, Map, Number, ProcessorMode, QueryLanguage, State, Template},
    query::{QueryError, jsonata},
};

/// How many iterations of an inline Map run at once on AWS, whatever MaxConcurrency says.
const MOST_INLINE: usize = 40;
/// How many items of a distributed Map run at once. AWS allows 10,000; here each is part of its parent's state, which
/// every step reads and writes whole.
const MOST_DISTRIBUTED: usize = 500;

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

    /// The input of one iteration.
    pub fn item_input(&self, id: BranchId, state: &State, map: &Map, index: usize) -> Result<Payload, QueryError> {
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
    pub fn batches(
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
    pub fn concurrency(&self, id: BranchId, state: &State, map: &Map) -> Result<usize, QueryError> {
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
    pub fn tolerated(&self, id: BranchId, state: &State, map: &Map, total: usize) -> Result<usize, QueryError> {
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
