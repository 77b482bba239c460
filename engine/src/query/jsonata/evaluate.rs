//! Evaluates expressions with the library, within limits on time and depth.

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

use super::super::{MAX_DEPTH, Scope};
use super::{functions, guard, messages};

/// The time limit for an expression, in milliseconds.
const TIMEOUT: u64 = 1000;

/// The time limit for each evaluation that finds out more about a failure, in milliseconds.
const RERUN_TIMEOUT: u64 = 20;

/// The maximum depth of recursion. AWS's limit is between 95 and 125.
const MAX_STACK: usize = 125;

/// The maximum number of items in an array, as on AWS.
const MAX_ITEMS: usize = 873_782;

/// The value of an expression. The error is the end of a sentence that says why there is no value.
pub(super) fn evaluate(ast: &AstNode, source: &str, scope: &Scope) -> Result<Value, String> {
    let result = within_budget(ast, source, scope, TIMEOUT).and_then(|value| guard::size_of(&value).map(|_| value));
    match result {
        Ok(JValue::Undefined) => Err("returned nothing (undefined).".into()),
        Ok(value) => to_json(&value, MAX_DEPTH),
        Err(error) => {
            let mut rerun = |part: &AstNode| {
                within_budget(part, source, scope, RERUN_TIMEOUT).map_err(|error| error.message().to_owned())
            };
            let why = messages::of_evaluation(ast, error.message(), &mut rerun);
            Err(format!("threw an error during evaluation{why}"))
        }
    }
}

fn within_budget(ast: &AstNode, source: &str, scope: &Scope, timeout: u64) -> Result<JValue, EvaluatorError> {
    let left = u64::try_from(scope.budget.left().as_millis()).unwrap_or(u64::MAX);
    let value = match left {
        0 => Err(EvaluatorError::EvaluationError(messages::TIME.to_owned())),
        _ => scope.budget.time(|| run(ast, source, scope, timeout.min(left))),
    };
    if let Err(error) = &value
        && scope.budget.is_part()
        && LIMITS.iter().any(|limit| error.message().contains(limit))
    {
        scope.budget.exhaust();
    }
    value
}

/// What stands in an error where an evaluation has come to a limit: the library's code for that of time, and ours.
const LIMITS: [&str; 4] = ["D1012", messages::TIME, messages::MEMORY, messages::SEARCH];

fn run(ast: &AstNode, source: &str, scope: &Scope, timeout: u64) -> Result<JValue, EvaluatorError> {
    let options = EvaluatorOptions {
        timeout_ms: Some(timeout),
        cancel: None,
        max_stack_depth: Some(MAX_STACK),
        max_sequence_length: Some(MAX_ITEMS),
    };
    let mut context = Context::new();
    bind(&mut context, source, scope);
    let mut evaluator = Evaluator::with_options(context, options);
    functions::register(&mut evaluator)?;
    guard::register(&mut evaluator, scope.budget.is_part())?;
    // There is no context item at the top level. A state's input is `$states.input`.
    evaluator.evaluate(ast, &JValue::Undefined).map(JValue::unwrap_sequence)
}

/// Binds `$states` and the variables that the expression can refer to.
fn bind(context: &mut Context, source: &str, scope: &Scope) {
    for (name, value) in scope.variables {
        if source.contains(name.as_str()) {
            context.bind(name.clone(), JValue::from(value.clone()));
        }
    }
    if !source.contains("$states") {
        return;
    }
    let members = [
        ("input", Some(scope.input)),
        ("context", Some(scope.context)),
        ("result", scope.result),
        ("errorOutput", scope.error_output),
    ];
    let seen = |name: &str| members_of_states(source).any(|member| member.is_none_or(|member| member == name));
    let states: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|_| seen(name))?.clone())))
        .collect();
    context.bind("states".into(), JValue::from(Value::Object(states)));
}

/// The member that each `$states` in an expression refers to, or `None` if the text does not tell: the parent operator
/// (`%`) can refer to anything.
fn members_of_states(source: &str) -> impl Iterator<Item = Option<&'static str>> {
    let leads_anywhere = source.contains('%');
    source.match_indices("$states").map(move |(at, name)| {
        let member = source[at + name.len()..].strip_prefix('.').filter(|_| !leads_anywhere)?;
        let length = member.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(member.len());
        ["input", "context", "result", "errorOutput"].into_iter().find(|known| *known == &member[..length])
    })
}

/// Converts a result to JSON. Undefined members are omitted, and functions are an error.
fn to_json(value: &JValue, depth: usize) -> Result<Value, String> {
    let deeper = || {
        depth.checked_sub(1).ok_or_else(|| {
            format!("threw an error during evaluation: the result is nested deeper than {MAX_DEPTH} levels")
        })
    };
    Ok(match value {
        JValue::Null | JValue::Undefined => Value::Null,
        JValue::Bool(value) => Value::Bool(*value),
        JValue::Number(value) => number(*value),
        JValue::String(text) => Value::String(text.to_string()),
        JValue::Array(items) => {
            let depth = deeper()?;
            Value::Array(items.iter().map(|item| to_json(item, depth)).collect::<Result<_, _>>()?)
        }
        JValue::Object(fields) => {
            let depth = deeper()?;
            let mut object = Map::with_capacity(fields.len());
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_undefined()) {
                object.insert(name.clone(), to_json(value, depth)?);
            }
            Value::Object(object)
        }
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => {
            return Err("returned an unsupported result type.".to_owned());
        }
    })
}

/// Whole numbers have no fraction, as in JavaScript. Infinity and NaN become strings, as on AWS.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9.2e18 {
        return Value::from(value as i64);
    }
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}
