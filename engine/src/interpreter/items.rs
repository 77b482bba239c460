//! The items of a Map: where they come from, and where the results go.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Payload, advance::Interpreter, map_limits::out_of_bounds, state::BranchId};
use crate::{
    definition::{DataSet, ItemReader, Items, Map, QueryLanguage, ResultForm, ResultWriter, State, Template},
    query::{QueryError, jsonata},
};

/// The beginning of the cause when ItemsPath does not select an array.
pub(super) const NOT_AN_ARRAY: &str = "Reference path ";

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
                        // AWS shows a path into the context object with one dollar sign.
                        let path = selection.source();
                        let path = path.strip_prefix('$').filter(|rest| rest.starts_with('$')).unwrap_or(path);
                        QueryError::runtime(format!("{NOT_AN_ARRAY}\"{path}\" must point to array."))
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

    pub fn computed(
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
}
