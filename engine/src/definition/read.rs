//! Reads states.

use serde_json::Value;

use super::{
    Body, ChoiceBranch, Fail, Number, Parallel, Pass, QueryLanguage, Resource, ResultPlace, Selection, State, Task,
    Template, Text, Transition, Wait,
    context_use::{reads, reads_context, reads_execution_input},
    fields::Fields,
    machine::{MachineContext, Parser, language},
    map::read_map,
    resource::Refusal,
    value::Bounds,
};
use crate::{
    history::StateKind,
    query::{
        choice::{Rule, RuleError},
        jsonata::Expression,
    },
};

/// AWS's maximum for a timeout, in seconds: about three years.
pub(super) const MAX_SECONDS: i64 = 99_999_999;

/// The fields of a state while it is read.
pub(super) struct StateFields<'r, 'd> {
    pub name: &'d str,
    pub fields: Fields<'d>,
    pub language: QueryLanguage,
    pub context: &'r MachineContext<'d>,
}

/// Reads a state. If it can't be read, reports why and returns [`Body::Unreadable`].
pub(super) fn read_state<'d>(
    parser: &mut Parser<'d>,
    context: &MachineContext<'d>,
    name: &'d str,
    value: &'d Value,
    location: String,
) -> State {
    let problems = parser.problems;
    let of_outer_state = problems.take_left_out(None);
    let state = read_fields(parser, context, name, value, location);
    let left_out = problems.take_left_out(of_outer_state);
    match (state, left_out) {
        (Some(state), None) => state,
        (_, left_out) => {
            let kind = value["Type"].as_str().and_then(StateKind::of_word).unwrap_or(StateKind::Pass);
            State::unreadable(
                name,
                kind,
                left_out.unwrap_or_else(|| "a field that must be there is missing".to_owned()),
            )
        }
    }
}

fn read_fields<'d>(
    parser: &mut Parser<'d>,
    context: &MachineContext<'d>,
    name: &'d str,
    value: &'d Value,
    location: String,
) -> Option<State> {
    let mut fields = Fields::of(value, location, parser.problems)?;
    let language = language(&mut fields).unwrap_or(context.language);
    if context.top_language == QueryLanguage::Jsonata && language == QueryLanguage::JsonPath {
        let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
        fields.wrong_here(message);
    }
    let kind = fields.require_text("Type")?;
    let mut state = StateFields { name, fields, language, context };
    let (mut input_path, mut output_path) = (Selection::Whole, Selection::Whole);
    if language == QueryLanguage::JsonPath && kind != "Fail" {
        input_path = Selection::parse(&mut state.fields, "InputPath");
        output_path = Selection::parse(&mut state.fields, "OutputPath");
    }
    let assign =
        if matches!(kind, "Succeed" | "Fail") { None } else { Template::parse_assign(&mut state.fields, language) };
    let output = if language == QueryLanguage::Jsonata && kind != "Fail" { state.template("Output") } else { None };
    let body = read_body(parser, &mut state, kind);
    state.fields.finish_in(language);
    Some(State {
        name: name.to_owned(),
        language,
        input_path,
        output_path,
        assign,
        output,
        reads_context: reads(value, "", &|_, text| reads_context(text, language)),
        reads_execution_input: reads(value, "", &|field, text| reads_execution_input(field, text, language)),
        body: body?,
    })
}

fn read_body<'d>(parser: &mut Parser<'d>, state: &mut StateFields<'_, 'd>, kind: &str) -> Option<Body> {
    Some(match kind {
        "Pass" => {
            let mut pass =
                Pass { result: None, parameters: None, result_path: ResultPlace::Whole, then: Transition::End };
            if state.language == QueryLanguage::JsonPath {
                pass.result = state.fields.get("Result").cloned();
                pass.parameters = state.template("Parameters");
                pass.result_path = ResultPlace::parse(&mut state.fields, "ResultPath");
            }
            pass.then = state.transition()?;
            Body::Pass(pass)
        }
        "Task" => Body::Task(Box::new(read_task(state)?)),
        "Choice" => read_choice(state)?,
        "Wait" => {
            let wait = read_wait(state);
            let then = state.transition();
            Body::Wait { wait: wait?, then: then? }
        }
        "Succeed" => Body::Succeed,
        "Fail" => Body::Fail(Fail { error: state.text("Error", "ErrorPath"), cause: state.text("Cause", "CausePath") }),
        "Parallel" => Body::Parallel(Box::new(read_parallel(parser, state)?)),
        "Map" => Body::Map(Box::new(read_map(parser, state)?)),
        _ => {
            let message =
                "Value is not valid. Allowed values are Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map";
            state.fields.wrong("Type", message);
            return None;
        }
    })
}

impl StateFields<'_, '_> {
    pub fn template(&mut self, field: &'static str) -> Option<Template> {
        Template::parse(&mut self.fields, field, self.language)
    }

    /// Reads Parameters in JSONPath, or Arguments in JSONata.
    pub fn arguments(&mut self) -> Option<Template> {
        self.template(match self.language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        })
    }

    pub fn text(&mut self, field: &'static str, path_field: &'static str) -> Option<Text> {
        Text::parse(&mut self.fields, field, path_field, self.language)
    }

    pub fn number(&mut self, field: &'static str, path_field: &'static str, bounds: Bounds) -> Option<Number> {
        Number::parse(&mut self.fields, field, path_field, bounds, self.language)
    }

    pub fn result_selector(&mut self) -> Option<Template> {
        match self.language {
            QueryLanguage::JsonPath => self.template("ResultSelector"),
            QueryLanguage::Jsonata => None,
        }
    }

    pub fn result_path(&mut self) -> ResultPlace {
        match self.language {
            QueryLanguage::JsonPath => ResultPlace::parse(&mut self.fields, "ResultPath"),
            QueryLanguage::Jsonata => ResultPlace::Whole,
        }
    }

    /// Reads Next or End.
    pub fn transition(&mut self) -> Option<Transition> {
        let end = self.fields.boolean("End");
        let next = self.fields.text("Next");
        match (next, end) {
            (Some(_), Some(true)) => {
                self.fields.wrong_here("The fields [Next, End] can't both be set");
                None
            }
            (Some(next), _) => self.context.target(&self.fields, "Next", next).map(Transition::Next),
            (None, Some(true)) => Some(Transition::End),
            (None, _) => {
                if !self.fields.has("Next") {
                    self.fields.wrong_here("One of these fields is required: [Next, End]");
                }
                None
            }
        }
    }
}

fn read_task(state: &mut StateFields<'_, '_>) -> Option<Task> {
    let resource = state.fields.require_text("Resource").and_then(|text| match Resource::parse(text) {
        Ok(resource) => {
            if let Some(reason) = (state.context.unavailable)(&resource) {
                state.fields.wrong("Resource", format!("The resource provided {text} is not available here: {reason}."));
            }
            Some(resource)
        }
        Err(Refusal::NotAnArn) => {
            state.fields.wrong("Resource", "Value is not a valid resource ARN");
            None
        }
        Err(Refusal::Unknown(resource)) => {
            let message = format!("The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.");
            state.fields.wrong("Resource", message);
            resource
        }
    });
    if state.context.express
        && let Some(reason) = resource.as_ref().and_then(Resource::refused_by_express)
    {
        state.fields.wrong("Resource", reason);
    }
    let seconds = Bounds::Integer(1, MAX_SECONDS);
    let timeout = state.number("TimeoutSeconds", "TimeoutSecondsPath", seconds);
    let heartbeat = state.number("HeartbeatSeconds", "HeartbeatSecondsPath", seconds);
    if let (Some(Number::Literal(timeout)), Some(Number::Literal(heartbeat))) = (&timeout, &heartbeat)
        && heartbeat >= timeout
    {
        state.fields.wrong("HeartbeatSeconds", "HeartbeatSeconds must be smaller than TimeoutSeconds");
    }
    // Read all fields before giving up on any, so that all problems are reported at once.
    let arguments = state.arguments();
    let result_selector = state.result_selector();
    let result_path = state.result_path();
    let credentials = state.template("Credentials");
    if let Some(Value::Object(given)) = state.fields.get("Credentials")
        && !["RoleArn", "RoleArn.$"].iter().any(|field| given.contains_key(*field))
    {
        state.fields.wrong("Credentials", "The field 'RoleArn' is required but was missing");
    }
    let retry = state.retry();
    let catch = state.catch();
    let then = state.transition();
    Some(Task {
        resource: resource?,
        arguments,
        result_selector,
        result_path,
        timeout,
        heartbeat,
        credentials,
        retry,
        catch,
        then: then?,
    })
}

fn read_choice(state: &mut StateFields<'_, '_>) -> Option<Body> {
    state.fields.require("Choices");
    let list = state.fields.list("Choices").unwrap_or_default();
    if list.is_empty() && state.fields.has("Choices") {
        state.fields.wrong("Choices", "There must be at least one rule");
    }
    let mut branches = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        let location = state.fields.location_of(&format!("Choices[{index}]"));
        let Some(mut fields) = Fields::of(value, location, state.fields.problems()) else { continue };
        let rule = match state.language {
            QueryLanguage::JsonPath => Rule::parse(value),
            QueryLanguage::Jsonata => match fields.require("Condition") {
                Some(condition) => Rule::parse_condition(condition, index),
                None => continue,
            },
        };
        let assign = Template::parse_assign(&mut fields, state.language);
        let output = match state.language {
            QueryLanguage::JsonPath => None,
            QueryLanguage::Jsonata => Template::parse(&mut fields, "Output", state.language),
        };
        let next = fields.require_text("Next").and_then(|next| state.context.target(&fields, "Next", next));
        match (rule, next) {
            (Ok(rule), _) if rule.condition().is_some_and(Expression::reads_error_output) => {
                fields.refuse_error_output("Condition", "");
            }
            (Ok(rule), Some(next)) => branches.push(ChoiceBranch { rule, assign, output, next }),
            (Err(RuleError::Condition(error)), _) => fields.wrong_expression("Condition", &error),
            (Err(reason), _) => fields.unreadable_here(reason.to_string()),
            (Ok(_), None) => {}
        }
        if state.language == QueryLanguage::Jsonata {
            fields.finish_in(state.language);
        }
    }
    let default = state.fields.text("Default");
    let default = match default {
        Some(name) => Some(state.context.target(&state.fields, "Default", name)?),
        None => None,
    };
    Some(Body::Choice { branches, default })
}

fn read_wait(state: &mut StateFields<'_, '_>) -> Option<Wait> {
    let forms = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
    if forms.iter().filter(|form| state.fields.has(form)).count() != 1 {
        let message = "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]";
        state.fields.wrong_here(message);
    }
    let seconds = state.number("Seconds", "SecondsPath", Bounds::Integer(0, MAX_SECONDS));
    let until = state.text("Timestamp", "TimestampPath");
    if let Some(Text::Literal(timestamp)) = &until
        && crate::query::timestamp::parse(timestamp).is_none()
    {
        state.fields.wrong("Timestamp", "String does not match RFC3339 timestamp");
    }
    seconds.map(Wait::Seconds).or(until.map(Wait::Until))
}

fn read_parallel<'d>(parser: &mut Parser<'d>, state: &mut StateFields<'_, 'd>) -> Option<Parallel> {
    state.fields.require("Branches");
    let list = state.fields.list("Branches").unwrap_or_default();
    if list.is_empty() && state.fields.has("Branches") {
        state.fields.wrong("Branches", "There must be at least one branch");
    }
    let mut branches = Some(Vec::with_capacity(list.len()));
    for (index, value) in list.iter().enumerate() {
        let location = state.fields.location_of(&format!("Branches[{index}]"));
        let branch = parser.nested(value, location, state.context);
        // Read all branches, so that all problems are reported. A Parallel with an unreadable branch is unreadable.
        branches = branches.zip(branch).map(|(mut branches, branch)| {
            branches.push(branch);
            branches
        });
    }
    let arguments = state.arguments();
    let result_selector = state.result_selector();
    let result_path = state.result_path();
    let retry = state.retry();
    let catch = state.catch();
    let then = state.transition();
    Some(Parallel { branches: branches?, arguments, result_selector, result_path, retry, catch, then: then? })
}
