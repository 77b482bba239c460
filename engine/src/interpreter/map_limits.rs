//! The numeric fields of a Map: how many iterations run at once, and how many may fail.

use serde_json::{Value, json};

use super::{advance::Interpreter, simple::plain, state::BranchId};
use crate::{
    definition::{Map, Number, QueryLanguage, State},
    query::{QueryError, jsonata},
};

impl Interpreter<'_> {
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

    pub fn count(&self, id: BranchId, state: &State, number: &Number, field: &str) -> Result<usize, QueryError> {
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

pub(super) fn out_of_bounds(state: &State, field: &str, cause: &str) -> QueryError {
    match state.language {
        QueryLanguage::JsonPath => QueryError::runtime(cause),
        QueryLanguage::Jsonata => QueryError::evaluation(field, cause),
    }
}
