use serde_json::{Value, json};

use super::super::QueryError;
use super::super::testing::World;
use super::{Expression, Kind, Template};

fn evaluate(source: &str, input: Value) -> Result<Value, QueryError> {
    let world = World::of(input).with("answer", json!(42));
    Expression::parse(&format!("{{% {source} %}}")).unwrap().evaluate(&world.scope(), "Output")
}

fn value(source: &str, input: Value) -> Value {
    evaluate(source, input).unwrap()
}

#[test]
fn an_expression_sees_states_and_variables() {
    assert_eq!(value("$states.input.a", json!({"a": [1]})), json!([1]));
    assert_eq!(value("$states.context.Execution.Name", json!({})), json!("run"));
    assert_eq!(value("$answer + 0.5", json!({})), json!(42.5));
    assert_eq!(value("$answer", json!({})).to_string(), "42");
    assert_eq!(value("$contains('hello$world', /^hello\\$/)", json!({})), json!(true));
    assert_eq!(value("$x := 1", json!({})), json!(1));
    assert_eq!(value("{'a': $states.input.none, 'b': 1}", json!({})), json!({"b": 1}));
    assert_eq!(value("null", json!({})), Value::Null);
}

#[test]
fn the_functions_of_aws() {
    assert_eq!(value("$partition([0], 1)", json!({})), json!([[0]]));
    assert_eq!(value("$partition([0,1,2], 2)", json!({})), json!([[0, 1], [2]]));
    assert_eq!(value("$range(0, 9, 3)", json!({})), json!([0, 3, 6, 9]));
    assert_eq!(value("$range(1, 9, 9)", json!({})), json!(1));
    assert_eq!(value("$hash('', 'MD5')", json!({})), json!("d41d8cd98f00b204e9800998ecf8427e"));
    assert_eq!(value("$length($uuid())", json!({})), json!(36));
    assert_eq!(value("$random(3) = $random(3)", json!({})), json!(true));
    assert_eq!(value("$parse('{\"a\":[1]}')", json!({})), json!({"a": [1]}));
    assert!(evaluate("$eval('1')", json!({})).is_err());
}

#[test]
fn nothing_where_a_value_is_needed_is_an_error() {
    let error = evaluate("$doesNotExist", json!({})).unwrap_err();
    assert_eq!(error.error, "States.QueryEvaluationError");
    assert_eq!(error.location.as_deref(), Some("Output"));
    assert_eq!(
        error.cause,
        "The JSONata expression '$doesNotExist' specified for the field 'Output' returned nothing (undefined)."
    );
}

#[test]
fn an_unexpected_type_is_named() {
    let world = World::of(json!({}));
    let expression = Expression::parse("{% {'foo':'bar'} %}").unwrap();
    let error = expression.evaluate_as(&world.scope(), "Items", Kind::Array).unwrap_err();
    assert_eq!(
        error.cause,
        "The JSONata expression '{'foo':'bar'}' specified for the field 'Items' returned an unexpected result type. \
         Expected 'array', but was 'object' for value: {\"foo\":\"bar\"}"
    );
}

#[test]
fn a_template_has_expressions_anywhere_and_says_where_one_failed() {
    let template = Template::parse(&json!({"a": [1, "{% 1 + 1 %}"], "b": " {% 1 %}", "c": {"d": "{% $answer %}"}}));
    let world = World::of(json!({})).with("answer", json!(42));
    let value = template.unwrap().evaluate(&world.scope(), "Output").unwrap();
    assert_eq!(value, json!({"a": [1, 2], "b": " {% 1 %}", "c": {"d": 42}}));

    let template = Template::parse(&json!({"a": [1, {"b": "{% $none %}"}]})).unwrap();
    let error = template.evaluate(&world.scope(), "Output").unwrap_err();
    assert_eq!(error.location.as_deref(), Some("Output/a[1]/b"));
}

#[test]
fn an_expression_that_never_ends_is_stopped() {
    assert!(evaluate("($f := function() { $f() }; $f())", json!({})).is_err());
    assert!(evaluate("($f := function($n) { 1 + $f($n + 1) }; $f(0))", json!({})).is_err());
    assert!(evaluate("[1..100000000]", json!({})).is_err());
    assert!(Expression::parse(&format!("{{% {}1{} %}}", "(".repeat(9999), ")".repeat(9999))).is_err());
    assert!(Expression::parse("{% 1 + %}").is_err());
}
