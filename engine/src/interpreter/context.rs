//! What the queries of a state can access: its input, the context object and variables.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{
    Payload, TaskId,
    advance::Interpreter,
    state::{Branch, BranchId, Phase},
};
use crate::{
    definition::{Body, State},
    query::{Budget, Scope},
};

/// The context object and the variables of one branch in its current state.
pub(super) struct View<'s> {
    context: Value,
    variables: Cow<'s, Map<String, Value>>,
    budget: &'s Budget,
}

impl View<'_> {
    pub fn scope<'v>(&'v self, input: &'v Value) -> Scope<'v> {
        let (context, variables, budget) = (&self.context, &*self.variables, self.budget);
        Scope { input, context, variables, result: None, error_output: None, budget }
    }
}

impl Interpreter<'_> {
    /// `task` is the task whose token the context object contains.
    pub fn view(&self, id: BranchId, state: &State, task: Option<TaskId>) -> View<'_> {
        let context = if state.reads_context { self.context(id, state, task) } else { Value::Null };
        View { context, variables: self.variables(id), budget: &self.budget }
    }

    /// The raw input of a branch's current state.
    pub fn input(&self, id: BranchId) -> Payload {
        self.branch(id).input.clone().unwrap_or_else(|| self.facts.input.clone())
    }

    /// The variables of a branch and of the branches that enclose it. Inner variables shadow outer ones.
    fn variables(&self, id: BranchId) -> Cow<'_, Map<String, Value>> {
        let mut seen = Cow::Borrowed(&self.branch(id).variables);
        let mut around = self.branch(id).parent;
        while let Some(id) = around {
            let branch = self.branch(id);
            if !branch.variables.is_empty() {
                let mut merged = branch.variables.clone();
                merged.extend(seen.into_owned());
                seen = Cow::Owned(merged);
            }
            around = branch.parent;
        }
        seen
    }

    fn context(&self, id: BranchId, state: &State, task: Option<TaskId>) -> Value {
        let (facts, branch) = (self.facts, self.branch(id));
        if let Some(given) = facts.probe.and_then(|probe| probe.context) {
            return Value::Object(given.clone());
        }
        let has_input = state.reads_execution_input && self.budget.copy(facts.input.value());
        let mut execution = json!({
            "Id": facts.execution_arn,
            "Input": if has_input { facts.input.value() } else { &Value::Null },
            "StartTime": timestamp(facts.started),
            "Name": facts.execution_name,
            "RoleArn": facts.role_arn,
        });
        // The context object of TestState has no such member.
        if facts.probe.is_none() {
            execution["RedriveCount"] = json!(facts.redrive_count);
        }
        if let Some(redriven) = facts.redriven {
            execution["RedriveTime"] = Value::String(timestamp(redriven));
        }
        let mut entered = json!({"Name": state.name, "EnteredTime": timestamp(entered_at(branch))});
        if matches!(state.body, Body::Task(_) | Body::Parallel(_) | Body::Map(_)) {
            entered["RetryCount"] = json!(branch.attempts.iter().sum::<u32>());
        }
        let mut context = json!({
            "Execution": execution,
            "StateMachine": {"Id": facts.state_machine_arn, "Name": facts.state_machine_name},
            "State": entered,
        });
        if let Some(task) = task {
            context["Task"] = json!({"Token": (facts.token)(task)});
        }
        if let Some((index, value)) = self.item(id) {
            context["Map"] = item(index, value);
        }
        context
    }

    /// The context object with the item that a Map is about to start an iteration for.
    pub fn view_of_item<'s>(&'s self, id: BranchId, state: &State, index: usize, value: Value) -> View<'s> {
        let mut view = self.view(id, state, None);
        if let Value::Object(context) = &mut view.context {
            context.insert("Map".into(), item(index, value));
        }
        view
    }

    /// The item of the innermost Map iteration that a branch belongs to.
    fn item(&self, id: BranchId) -> Option<(usize, Value)> {
        let mut id = id;
        loop {
            let branch = self.branch(id);
            let parent = branch.parent?;
            if let Phase::Map(_) = &self.branch(parent).phase {
                let items = self.items_of(parent);
                return Some((branch.index, items.value().get(branch.index).cloned().unwrap_or_default()));
            }
            id = parent;
        }
    }
}

fn item(index: usize, value: Value) -> Value {
    json!({"Item": {"Index": index, "Value": value}})
}

fn entered_at(branch: &Branch) -> OffsetDateTime {
    let nanoseconds = i128::from(branch.entered_at) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Formats a time as AWS does in the context object: RFC 3339 in UTC with milliseconds.
pub(crate) fn timestamp(time: OffsetDateTime) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    time.to_offset(time::UtcOffset::UTC).format(FORMAT).unwrap_or_default()
}
