//! The states that call nothing: Pass, Choice, Wait, Succeed and Fail.

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{
    Payload,
    advance::Interpreter,
    context::View,
    data_flow::{Outgoing, OutputRules},
    failure::Failure,
    state::{BranchId, Phase},
};
use crate::{
    definition::{
        ChoiceBranch, Fail, Number, Pass, QueryLanguage, ResultPlace, State, StateId, Text, Transition, Wait,
    },
    query::{QueryError, jsonata::Kind, timestamp},
};

/// A Choice's rule and its index.
type Match<'b> = (usize, &'b ChoiceBranch);

impl Interpreter<'_> {
    pub fn pass(&mut self, id: BranchId, state: &State, pass: &Pass) -> Result<(), Failure> {
        let before = self.event_before(id);
        let result = match (&pass.result, &pass.parameters) {
            (Some(result), _) => Ok(Payload::from(result.clone())),
            (None, parameters) => self.arguments(id, state, parameters.as_ref(), None),
        };
        let result = result.map_err(|error| self.query_failed(id, error, before))?;
        let outgoing = match state.language {
            QueryLanguage::JsonPath => Outgoing::Result(result),
            QueryLanguage::Jsonata => Outgoing::Input(result),
        };
        let rules = OutputRules::with_result(state, None, &pass.result_path, pass.then);
        self.leave_state(id, state, outgoing, &rules, before)
    }

    pub fn succeed(&mut self, id: BranchId, state: &State) -> Result<(), Failure> {
        let before = self.event_before(id);
        let input = self.effective_input(id, state).map_err(|error| self.query_failed(id, error, before))?;
        self.leave_state(id, state, Outgoing::Input(input), &OutputRules::plain(state, Transition::End), before)
    }

    pub fn choose(
        &mut self,
        id: BranchId,
        state: &State,
        branches: &[ChoiceBranch],
        default: Option<StateId>,
    ) -> Result<(), Failure> {
        let before = self.event_before(id);
        let chosen = self.choice(id, state, branches);
        let (input, chosen) = chosen.map_err(|error| self.query_failed(id, error, before))?;
        let rules = match (chosen, default) {
            (Some((at, branch)), _) => OutputRules {
                selector: None,
                place: &ResultPlace::Whole,
                assign: branch.assign.as_ref(),
                output: branch.output.as_ref(),
                field: format!("Choices[{at}]/"),
                then: Transition::Next(branch.next),
            },
            (None, Some(default)) => OutputRules::plain(state, Transition::Next(default)),
            (None, None) => return Err(self.no_choice(id)),
        };
        self.leave_state(id, state, Outgoing::Input(input), &rules, before)
    }

    fn choice<'b>(
        &self,
        id: BranchId,
        state: &State,
        branches: &'b [ChoiceBranch],
    ) -> Result<(Payload, Option<Match<'b>>), QueryError> {
        let input = self.effective_input(id, state)?;
        let view = self.view(id, state, None);
        let scope = view.scope(input.value());
        for (at, branch) in branches.iter().enumerate() {
            if branch.rule.matches(&scope)? {
                return Ok((input, Some((at, branch))));
            }
        }
        Ok((input, None))
    }

    fn no_choice(&mut self, id: BranchId) -> Failure {
        // As on AWS, this is not States.NoChoiceMatched, although the language specification says so.
        let error =
            QueryError::runtime("Failed to transition out of the state. The state does not point to a next state.");
        let previous = self.branch(id).previous;
        self.query_failed(id, error, previous)
    }

    pub fn wait(&mut self, id: BranchId, state: &State, wait: &Wait) -> Result<(), Failure> {
        let previous = self.branch(id).previous;
        let due = self.wait_until(id, state, wait).map_err(|error| self.query_failed(id, error, previous))?;
        if due <= self.now {
            return self.waited(id, state);
        }
        let timer = self.set_timer(due);
        self.change(id, |branch| branch.phase = Phase::Waiting { timer });
        Ok(())
    }

    pub fn waited(&mut self, id: BranchId, state: &State) -> Result<(), Failure> {
        let crate::definition::Body::Wait { then, .. } = state.body else { return Ok(()) };
        let previous = self.branch(id).previous;
        let input = self.effective_input(id, state).map_err(|error| self.query_failed(id, error, previous))?;
        self.leave_state(id, state, Outgoing::Input(input), &OutputRules::plain(state, then), previous)
    }

    fn wait_until(&self, id: BranchId, state: &State, wait: &Wait) -> Result<OffsetDateTime, QueryError> {
        let input = self.effective_input(id, state)?;
        let view = self.view(id, state, None);
        match wait {
            Wait::Seconds(seconds) => {
                let seconds = seconds_of(&view, &input, seconds, "Seconds")?;
                Ok(self.now.saturating_add(Duration::seconds(seconds)))
            }
            Wait::Until(until) => {
                let scope = view.scope(input.value());
                let (value, wrong): (Value, Box<dyn Fn(String) -> QueryError>) = match until {
                    Text::Literal(text) => (Value::String(text.clone()), Box::new(QueryError::runtime)),
                    Text::Query(query) => {
                        let source = query.source();
                        let wrong = move |value| {
                            QueryError::runtime(format!(
                                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {source} == {value}"
                            ))
                        };
                        let value = query.evaluate(&scope).map_err(|_| nothing_there("Timestamp", source))?;
                        (value, Box::new(wrong))
                    }
                    Text::Jsonata(expression) => {
                        let wrong = |value| {
                            QueryError::evaluation(
                                "Timestamp",
                                format!(
                                    "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {value}"
                                ),
                            )
                        };
                        (expression.evaluate_as(&scope, "Timestamp", Kind::String)?, Box::new(wrong))
                    }
                };
                value.as_str().and_then(timestamp::parse).ok_or_else(|| wrong(plain(&value)))
            }
        }
    }

    pub fn fail(&mut self, id: BranchId, state: &State, fail: &Fail) -> Result<(), Failure> {
        let before = self.event_before(id);
        let failure = self.failure(id, state, fail).map_err(|error| self.query_failed(id, error, before))?;
        Err(failure)
    }

    fn failure(&self, id: BranchId, state: &State, fail: &Fail) -> Result<Failure, QueryError> {
        let input = self.effective_input(id, state)?;
        let view = self.view(id, state, None);
        let text = |text: &Option<Text>, field: &str| {
            text.as_ref().map(|text| text_of(&view, &input, text, field)).transpose()
        };
        Ok(Failure { error: text(&fail.error, "Error")?, cause: text(&fail.cause, "Cause")?, by_heartbeat: false })
    }
}

/// The value of a text field. `field` is the field's name without `Path`.
fn text_of(view: &View<'_>, input: &Payload, text: &Text, field: &str) -> Result<String, QueryError> {
    let scope = view.scope(input.value());
    match text {
        Text::Literal(text) => Ok(text.clone()),
        Text::Query(query) => match query.evaluate_for(&scope, &format!("{field}Path"))? {
            Value::String(text) => Ok(text),
            other => Err(QueryError::runtime(format!(
                "The {field}Path field must refer to a string: {} == {other}",
                query.source()
            ))),
        },
        Text::Jsonata(expression) => match expression.evaluate_as(&scope, field, Kind::String)? {
            Value::String(text) => Ok(text),
            other => Ok(other.to_string()),
        },
    }
}

/// `field` is the field's name without `Path`.
fn nothing_there(field: &str, path: &str) -> QueryError {
    QueryError::runtime(format!("The {field}Path parameter does not reference an input value: {path}"))
}

/// A number of seconds. `field` is the field's name without `Path`.
pub(super) fn seconds_of(view: &View<'_>, input: &Payload, number: &Number, field: &str) -> Result<i64, QueryError> {
    let scope = view.scope(input.value());
    match number {
        Number::Literal(seconds) => {
            #[expect(clippy::cast_possible_truncation, reason = "parsed as an integer within bounds")]
            let seconds = *seconds as i64;
            Ok(seconds)
        }
        Number::Path(path) => {
            let source = path.source();
            let value = path.get(&scope).map_err(|_| nothing_there(field, source))?;
            let shown = plain(&value);
            match value.as_i64() {
                None => Err(QueryError::runtime(format!(
                    "The {field}Path parameter cannot be parsed as a long value: {source} == {shown}"
                ))),
                Some(seconds) if seconds < 0 => Err(QueryError::runtime(format!(
                    "The {field}Path parameter references a negative value: {source} == {shown}"
                ))),
                Some(seconds) => Ok(seconds),
            }
        }
        Number::Jsonata(expression) => {
            let value = expression.evaluate_as(&scope, field, Kind::Integer)?;
            match value.as_i64() {
                Some(seconds) if seconds >= 0 => Ok(seconds),
                _ => Err(QueryError::evaluation(field, format!("The {field} parameter cannot be negative: {value}"))),
            }
        }
    }
}

/// A string without quotes, or any other value as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
