use serde_json::{Value, json};

use super::super::testing::OwnedScope;
use super::Rule;

fn matches(rule: Value, input: Value) -> bool {
    Rule::parse(&rule).unwrap().matches(&OwnedScope::of(input).scope()).unwrap()
}

#[test]
fn an_operator_only_matches_values_of_its_type() {
    let rule = |operator: &str, operand: Value| json!({"Variable": "$.v", operator: operand, "Next": "N"});
    let table = [
        ("StringEquals", json!("a"), json!("a"), true),
        ("StringEquals", json!("1"), json!(1), false),
        ("StringLessThan", json!("b"), json!("a"), true),
        ("StringGreaterThanEquals", json!("b"), json!("b"), true),
        ("NumericEquals", json!(1), json!(1.0), true),
        ("NumericEquals", json!(42), json!("42"), false),
        ("NumericGreaterThan", json!(1), json!(1.5), true),
        ("NumericLessThanEquals", json!(1), json!(1), true),
        ("BooleanEquals", json!(true), json!(true), true),
        ("BooleanEquals", json!(false), json!(null), false),
        ("TimestampEquals", json!("2016-03-14T01:59:00Z"), json!("2016-03-14T02:59:00+01:00"), true),
        ("TimestampLessThan", json!("2016-03-14T01:59:00Z"), json!("2016-03-14T01:58:59.9Z"), true),
        ("TimestampEquals", json!("2016-03-14T01:59:00Z"), json!("yesterday"), false),
        ("StringMatches", json!("log-*.txt"), json!("log-1.txt"), true),
        ("StringMatches", json!("log-*.txt"), json!("log-1.txt.gz"), false),
        ("StringMatches", json!("a\\*b"), json!("a*b"), true),
        ("StringMatches", json!("a\\*b"), json!("axb"), false),
        ("StringMatches", json!("a\\\\*"), json!("a\\x"), true),
        ("StringMatches", json!("*"), json!(""), true),
        ("IsNull", json!(true), json!(null), true),
        ("IsNull", json!(false), json!(1), true),
        ("IsString", json!(true), json!(1), false),
        ("IsNumeric", json!(true), json!(1), true),
        ("IsBoolean", json!(true), json!(false), true),
        ("IsTimestamp", json!(true), json!("2016-03-14T01:59:00Z"), true),
        ("IsTimestamp", json!(true), json!("2016-03-14"), false),
        ("IsPresent", json!(true), json!(null), true),
    ];
    for (operator, operand, value, expected) in table {
        let matched = matches(rule(operator, operand.clone()), json!({"v": value}));
        assert_eq!(matched, expected, "{operator} {operand} of {value}");
    }
}

#[test]
fn an_operator_that_ends_in_path_compares_with_the_value_at_the_path() {
    let rule = json!({"Variable": "$.a", "NumericLessThanPath": "$.b"});
    assert!(matches(rule.clone(), json!({"a": 1, "b": 2})));
    assert!(!matches(rule.clone(), json!({"a": 1, "b": "2"})));
    let error = Rule::parse(&rule).unwrap().matches(&OwnedScope::of(json!({"a": 1})).scope()).unwrap_err();
    assert_eq!(error.error, "States.Runtime");
    assert_eq!(error.cause, "Invalid path '$.b': The choice state's condition path references an invalid value.");
}

#[test]
fn rules_can_be_combined_and_short_circuit() {
    let missing = json!({"Variable": "$.missing", "IsNull": true});
    let yes = json!({"Variable": "$.v", "NumericEquals": 1});
    let no = json!({"Not": yes.clone()});
    assert!(matches(json!({"Or": [yes.clone(), missing.clone()]}), json!({"v": 1})));
    assert!(!matches(json!({"And": [no.clone(), missing.clone()]}), json!({"v": 1})));
    assert!(matches(json!({"And": [yes, {"Not": no}]}), json!({"v": 1})));
    assert!(Rule::parse(&missing).unwrap().matches(&OwnedScope::of(json!({})).scope()).is_err());
    assert!(matches(json!({"Variable": "$.missing", "IsPresent": false}), json!({})));
}

#[test]
fn an_invalid_rule_is_refused() {
    for rule in [
        json!([]),
        json!({}),
        json!({"Variable": "$.a"}),
        json!({"Variable": "a", "IsNull": true}),
        json!({"Variable": "$.a", "IsNull": "true"}),
        json!({"Variable": "$.a", "NumericEquals": "1"}),
        json!({"Variable": "$.a", "TimestampEquals": "1"}),
        json!({"Variable": "$.a", "BooleanLessThan": true}),
        json!({"Variable": "$.a", "StringMatchesPath": "$.b"}),
        json!({"Variable": "$.a", "StringEqualsPath": "b"}),
        json!({"Variable": "$.a", "StringEquals": "a", "IsNull": true}),
        json!({"And": []}),
        json!({"Or": {}}),
    ] {
        assert!(Rule::parse(&rule).is_err(), "{rule}");
    }
    let mut deep = json!({"Variable": "$.a", "IsNull": true});
    for _ in 0..100 {
        deep = json!({"Not": deep});
    }
    assert!(Rule::parse(&deep).is_err());
}

#[test]
fn a_condition_is_jsonata_that_returns_a_boolean() {
    let world = OwnedScope::of(json!({"n": 5}));
    let condition = |text: &str| Rule::parse_condition(&json!(text), 1).unwrap().matches(&world.scope());
    assert_eq!(condition("{% $states.input.n > 4 %}"), Ok(true));
    assert_eq!(condition("{% $states.input.n > 5 %}"), Ok(false));
    let error = condition("{% 'yes' %}").unwrap_err();
    assert_eq!(error.location.as_deref(), Some("Choices[1]/Condition"));
    assert!(error.cause.ends_with("Expected 'boolean', but was 'string' for value: \"yes\""), "{}", error.cause);
}

#[test]
fn a_pattern_is_matched_within_a_budget() {
    let rule = Rule::parse(&json!({"Variable": "$", "StringMatches": format!("*{}b", "a".repeat(20_000))})).unwrap();
    let world = OwnedScope::of(json!("a".repeat(100_000)));
    world.budget.set(std::time::Duration::from_millis(5));
    let error = rule.matches(&world.scope()).unwrap_err();
    assert!(error.cause.contains("too much computation"), "{}", error.cause);
}
