//! Evaluation by the library, within limits of time and depth.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::parser::{self, ParserError};
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value, json};

use super::super::{MAX_DEPTH, Scope};

/// How long an expression may take, in milliseconds.
const TIMEOUT: u64 = 1000;

/// How deep evaluation may recurse.
const MAX_STACK: usize = 5000;

/// How many items an expression's lists may have.
const MAX_ITEMS: usize = 1_000_000;

/// How deep brackets may nest in an expression: the library's parser is recursive.
const MAX_BRACKETS: usize = 100;

/// How many parsed expressions a thread keeps.
const MAX_CACHED: usize = 1000;

thread_local! {
    static PARSED: RefCell<HashMap<String, Rc<AstNode>>> = RefCell::new(HashMap::new());
}

/// Why `source` is no JSONata, if it is none.
pub(super) fn check(source: &str) -> Result<(), String> {
    parsed(source).map(|_| ())
}

fn parsed(source: &str) -> Result<Rc<AstNode>, String> {
    if let Some(ast) = PARSED.with_borrow(|parsed| parsed.get(source).cloned()) {
        return Ok(ast);
    }
    if too_nested(source) {
        return Err(format!("the expression is nested deeper than {MAX_BRACKETS} levels"));
    }
    let ast = Rc::new(parser::parse(source).map_err(|error| message(&error))?);
    PARSED.with_borrow_mut(|parsed| {
        if parsed.len() >= MAX_CACHED {
            parsed.clear();
        }
        parsed.insert(source.to_owned(), Rc::clone(&ast));
    });
    Ok(ast)
}

/// The parser's message without its code, as AWS shows it.
fn message(error: &ParserError) -> String {
    let text = error.to_string();
    match jsonata_core::evaluator::error_code_prefix(&text) {
        Some(code) => text[code.len() + 1..].trim_start().to_owned(),
        None => text,
    }
}

fn too_nested(source: &str) -> bool {
    let mut depth = 0_usize;
    for c in source.chars() {
        match c {
            '(' | '[' | '{' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            return true;
        }
    }
    false
}

/// The value of `source`, or the end of the sentence that says why there is none.
pub(super) fn evaluate(source: &str, scope: &Scope) -> Result<Value, String> {
    let failed = |message: &str| {
        // A coded message is a sentence of its own; AWS sets others behind a colon.
        let separator = if jsonata_core::evaluator::error_code_prefix(message).is_some() { ". " } else { ": " };
        format!("threw an error during evaluation{separator}{message}")
    };
    let ast = parsed(source).map_err(|message| failed(&message))?;
    let options = EvaluatorOptions {
        timeout_ms: Some(TIMEOUT),
        cancel: None,
        max_stack_depth: Some(MAX_STACK),
        max_sequence_length: Some(MAX_ITEMS),
    };
    let mut context = Context::new();
    bind(&mut context, source, scope);
    let mut evaluator = Evaluator::with_options(context, options);
    super::functions::register(&mut evaluator).map_err(|error| failed(error.message()))?;
    // There is no `$` outside of paths: what a state works on is `$states.input`.
    let result = evaluator.evaluate(&ast, &JValue::Undefined).map_err(|error| failed(error.message()))?;
    match result.unwrap_sequence() {
        JValue::Undefined => Err("returned nothing (undefined).".into()),
        value => to_json(&value, MAX_DEPTH).map_err(|message| failed(&message)),
    }
}

/// Binds `$states` and the variables, those alone that the expression can mean.
fn bind(context: &mut Context, source: &str, scope: &Scope) {
    for (name, value) in scope.variables {
        if source.contains(name.as_str()) {
            context.bind(name.clone(), JValue::from(value.clone()));
        }
    }
    if source.contains("$states") {
        let mut states = Map::new();
        states.insert("input".into(), scope.input.clone());
        states.insert("context".into(), scope.context.clone());
        if let Some(result) = scope.result {
            states.insert("result".into(), result.clone());
        }
        if let Some(error) = scope.error_output {
            states.insert("errorOutput".into(), error.clone());
        }
        context.bind("states".into(), JValue::from(json!(states)));
    }
}

/// A result as JSON: whole numbers without a fraction, what is undefined left out.
fn to_json(value: &JValue, depth: usize) -> Result<Value, String> {
    let deeper = || depth.checked_sub(1).ok_or_else(|| format!("the result is nested deeper than {MAX_DEPTH} levels"));
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
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => Value::String(String::new()),
    })
}

/// 2.0 is 2, as JavaScript prints it.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9.2e18 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
