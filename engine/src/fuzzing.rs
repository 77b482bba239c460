//! Entry points for the fuzz targets in `fuzz/`. Not part of the public API.

use serde_json::{Map, Value, json};

use crate::{
    definition::Definition,
    query::{
        Budget, MAX_DEPTH, Scope, deeper_than,
        intrinsic::Call,
        jsonata::Expression,
        path::{Path, ReferencePath},
    },
};

/// Parses a definition.
pub fn definition(text: &str) {
    let _ = Definition::parse(text);
}

/// Evaluates a JSONPath against a document, and inserts a value at it if it is a reference path.
pub fn path(text: &str, document: Value) {
    if let Ok(path) = Path::parse(text) {
        with_scope(&document, |scope| {
            let _ = path.get(scope);
            let _ = path.is_present(scope);
        });
    }
    if let Ok(path) = ReferencePath::parse(text) {
        let _ = path.put(document, Value::Null);
    }
}

/// Evaluates a call of an intrinsic function.
pub fn intrinsic(text: &str, document: &Value) {
    if let Ok(call) = Call::parse(text) {
        with_scope(document, |scope| drop(call.evaluate(scope)));
    }
}

/// Evaluates a JSONata expression, given without `{%` and `%}`.
///
/// # Panics
/// When the result is nested too deeply to be stored.
pub fn jsonata(text: &str, document: &Value) {
    if let Ok(expression) = Expression::parse(&format!("{{% {text} %}}")) {
        with_scope(document, |scope| {
            if let Ok(result) = expression.evaluate(scope, "Output") {
                assert!(!deeper_than(&result, MAX_DEPTH), "the result is nested deeper than {MAX_DEPTH} levels");
            }
        });
    }
}

fn with_scope(document: &Value, evaluate: impl FnOnce(&Scope<'_>)) {
    let context = json!({"Execution": {"Name": "run"}});
    let variables = Map::from_iter([("list".to_owned(), json!([1, [2, {"x": true}], "three"]))]);
    let budget = Budget::new();
    evaluate(&Scope {
        input: document,
        context: &context,
        variables: &variables,
        result: Some(document),
        error_output: None,
        budget: &budget,
    });
}
