use serde_json::{Value, json};

use super::super::QueryError;
use super::super::testing::OwnedScope;
use super::Call;

fn call(text: &str, input: Value) -> Result<Value, QueryError> {
    let world = OwnedScope::of(input).with("name", json!("Ann"));
    Call::parse(text).unwrap().evaluate(&world.scope())
}

fn value(text: &str, input: Value) -> Value {
    call(text, input).unwrap()
}

#[test]
fn format_replaces_braces_with_arguments() {
    assert_eq!(value("States.Format('Hello, {}!', $.n)", json!({"n": "you"})), json!("Hello, you!"));
    assert_eq!(value("States.Format('{} {} {}', 1, true, null)", json!({})), json!("1 true null"));
    assert_eq!(value("States.Format('{}', $name)", json!({})), json!("Ann"));
    assert_eq!(value(r"States.Format('\{{}\} it\'s \\', $.n)", json!({"n": 1})), json!(r"{1} it's \"));
    assert_eq!(value("States.Format('no braces')", json!({})), json!("no braces"));
    assert_eq!(value("States.Format($.t, 'x')", json!({"t": "<{}>"})), json!("<x>"));
    assert_eq!(value("States.Format('{}', $)", json!({"a": 1})), json!("{\"a\":1}"));
    assert_eq!(call("States.Format('{} {}', 1)", json!({})).unwrap_err().error, "States.Runtime");
}

#[test]
fn arrays() {
    assert_eq!(value("States.Array(1, 'a', $.x, States.Array())", json!({"x": [2]})), json!([1, "a", [2], []]));
    assert_eq!(value("States.ArrayPartition($, 4)", json!([1, 2, 3, 4, 5])), json!([[1, 2, 3, 4], [5]]));
    assert_eq!(value("States.ArrayContains($, 5)", json!([1, 5])), json!(true));
    assert_eq!(value("States.ArrayContains($, '5')", json!([1, 5])), json!(false));
    assert_eq!(value("States.ArrayRange(1, 9, 2)", json!({})), json!([1, 3, 5, 7, 9]));
    assert_eq!(value("States.ArrayRange(3, 1, -1)", json!({})), json!([3, 2, 1]));
    assert_eq!(value("States.ArrayGetItem($, 1)", json!(["a", "b", "c"])), json!("b"));
    assert_eq!(value("States.ArrayLength($)", json!([1, 2])), json!(2));
    assert_eq!(value("States.ArrayUnique($)", json!([1, 2, 1, "1"])), json!([1, 2, "1"]));
    assert!(call("States.ArrayRange(0, 1000, 1)", json!({})).is_err());
    assert!(call("States.ArrayRange(0, 999, 1)", json!({})).is_ok());
    assert!(call("States.ArrayRange(0, 9, 0)", json!({})).is_err());
    assert!(call("States.ArrayPartition($, 0)", json!([1])).is_err());
}

#[test]
fn encoding_hashing_and_json() {
    assert_eq!(value("States.Base64Encode('Data to encode')", json!({})), json!("RGF0YSB0byBlbmNvZGU="));
    assert_eq!(value("States.Base64Decode('RGF0YQ==')", json!({})), json!("Data"));
    assert_eq!(
        value("States.Hash('input data', 'SHA-1')", json!({})),
        json!("aaff4a450a104cd177d28d18d74485e8cae074b7")
    );
    assert_eq!(value("States.Hash('', 'MD5')", json!({})), json!("d41d8cd98f00b204e9800998ecf8427e"));
    assert!(call("States.Hash('', 'CRC')", json!({})).is_err());
    assert_eq!(
        value("States.JsonMerge($.a, $.b, false)", json!({"a": {"x": {"y": 1}, "z": 1}, "b": {"x": {"w": 2}}})),
        json!({"x": {"w": 2}, "z": 1})
    );
    assert!(call("States.JsonMerge($, $, true)", json!({})).is_err());
    assert_eq!(value("States.StringToJson($.s)", json!({"s": "{\"a\": 1}"})), json!({"a": 1}));
    assert_eq!(value("States.JsonToString($)", json!({"a": [1, "x"]})), json!("{\"a\":[1,\"x\"]}"));
    assert!(call("States.StringToJson('nope')", json!({})).is_err());
    assert!(call(&format!("States.StringToJson('{}{}')", "[".repeat(110), "]".repeat(110)), json!({})).is_err());
}

#[test]
fn math_functions_round_each_argument_half_up() {
    for (a, b, sum) in [(-1.49, -1.5, -2), (1.5, 1.51, 4), (-0.5, 0.5, 1), (-2.5, 0.0, -2), (-1.51, 0.0, -2)] {
        assert_eq!(value("States.MathAdd($.a, $.b)", json!({"a": a, "b": b})), json!(sum));
    }
    let random = value("States.MathRandom(1, 3)", json!({})).as_i64().unwrap();
    assert!((1..3).contains(&random));
    assert_eq!(value("States.MathRandom(0, 999, 7)", json!({})), value("States.MathRandom(0, 999, 7)", json!({})));
    assert!(call("States.MathAdd('1', 2)", json!({})).is_err());
}

#[test]
fn strings_are_split_at_each_separator_character() {
    assert_eq!(value("States.StringSplit('1,2,3', ',')", json!({})), json!(["1", "2", "3"]));
    assert_eq!(value("States.StringSplit('a.b+c,d', '.+,')", json!({})), json!(["a", "b", "c", "d"]));
    assert_eq!(value("States.StringSplit(',a,,b,', ',')", json!({})), json!(["a", "b"]));
}

#[test]
fn calls_nest() {
    let text = "States.ArrayGetItem(States.StringSplit($.n, '-'), \
                States.MathAdd(States.ArrayLength(States.StringSplit($.n, '-')), -1))";
    assert_eq!(value(text, json!({"n": "a-b-c"})), json!("c"));
    let deep = format!("{}1{}", "States.Array(".repeat(5000), ")".repeat(5000));
    assert!(Call::parse(&deep).is_err());
}

#[test]
fn a_path_without_a_match_is_reported_with_the_path() {
    let error = call("States.Format('{}', $.no)", json!({"a": 1})).unwrap_err();
    assert_eq!(error.error, "States.Runtime");
    assert_eq!(
        error.cause,
        "The function 'States.Format('{}', $.no)' had the following error: The JsonPath argument for the field \
         '$.no' could not be found in the input '{\"a\":1}'"
    );
}

#[test]
fn a_text_that_is_not_a_call_is_refused() {
    for text in [
        "States.Nope()",
        "States.Format",
        "States.Format(",
        "States.Format('a'",
        "States.Format('a')x",
        "States.Format('a)",
        "States.Format(\"a\")",
        r"States.Format('\a')",
        "States.UUID(1)",
        "States.ArrayLength()",
        "States.ArrayLength(1,)",
        "States.Array($.)",
        "States.Array({})",
        "States.format('a')",
    ] {
        assert!(Call::parse(text).is_err(), "{text}");
    }
    assert!(Call::parse("States.Array($.a[?(@.b == ')' && @.c in [1,2])], $['x,y'])").is_ok());
}
