use serde_json::{Value, json};

use super::super::QueryError;
use super::super::testing::OwnedScope;
use super::{Expression, Kind, Template};

fn evaluate(source: &str, input: Value) -> Result<Value, QueryError> {
    let world = OwnedScope::of(input).with("answer", json!(42));
    Expression::parse(&format!("{{% {source} %}}")).unwrap().evaluate(&world.scope(), "Output")
}

fn value(source: &str, input: Value) -> Value {
    evaluate(source, input).unwrap()
}

#[test]
fn an_expression_can_read_states_and_variables() {
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
fn an_undefined_result_is_an_error() {
    let error = evaluate("$doesNotExist", json!({})).unwrap_err();
    assert_eq!(error.error, "States.QueryEvaluationError");
    assert_eq!(error.location.as_deref(), Some("Output"));
    assert_eq!(
        error.cause,
        "The JSONata expression '$doesNotExist' specified for the field 'Output' returned nothing (undefined)."
    );
}

#[test]
fn an_unexpected_type_is_reported() {
    let world = OwnedScope::of(json!({}));
    let expression = Expression::parse("{% {'foo':'bar'} %}").unwrap();
    let error = expression.evaluate_as(&world.scope(), "Items", Kind::Array).unwrap_err();
    assert_eq!(
        error.cause,
        "The JSONata expression '{'foo':'bar'}' specified for the field 'Items' returned an unexpected result type. \
         Expected 'array', but was 'object' for value: {\"foo\":\"bar\"}"
    );
}

#[test]
fn a_template_can_contain_expressions_anywhere_and_reports_where_one_failed() {
    let template = Template::parse(&json!({"a": [1, "{% 1 + 1 %}"], "b": " {% 1 %}", "c": {"d": "{% $answer %}"}}));
    let world = OwnedScope::of(json!({})).with("answer", json!(42));
    let value = template.unwrap().evaluate(&world.scope(), "Output").unwrap();
    assert_eq!(value, json!({"a": [1, 2], "b": " {% 1 %}", "c": {"d": 42}}));

    let template = Template::parse(&json!({"a": [1, {"b": "{% $none %}"}]})).unwrap();
    let error = template.evaluate(&world.scope(), "Output").unwrap_err();
    assert_eq!(error.location.as_deref(), Some("Output/a[1]/b"));

    let error = Template::parse(&json!({"a": [1, {"b": "{% 1 + %}"}]})).unwrap_err();
    assert_eq!(error.place, "/a[1]/b");
}

/// The part of the message after "specified for the field 'Output' ".
fn failure(source: &str) -> String {
    let cause = evaluate(source, json!({})).unwrap_err().cause;
    let (_, why) = cause.split_once("specified for the field 'Output' ").unwrap();
    why.to_owned()
}

#[test]
fn a_function_is_not_a_valid_result() {
    for source in ["function($x) { $x }", "$sum", "/a/", "{'f': $sum}", "[1, function() { 1 }]"] {
        assert_eq!(failure(source), "returned an unsupported result type.", "{source}");
    }
}

#[test]
fn failures_have_the_messages_of_aws() {
    for (source, message) in [
        ("$eval('1+1')", "T1006: Attempted to invoke a non-function"),
        ("$nope(1)", "T1006: Attempted to invoke a non-function"),
        ("$abs('x')", "T0410: Argument 1 of function \"abs\" does not match function signature"),
        ("$abs(1) + $sum(['a'])", "T0412: Argument 1 of function \"sum\" must be an array of \"numbers\""),
        ("$map([1])", "T0410: Argument 2 of function \"map\" does not match function signature"),
        ("'a' + 1", "T2001: The left side of the \"+\" operator must evaluate to a number"),
        ("1 - 'a'", "T2002: The right side of the \"-\" operator must evaluate to a number"),
        ("1 > 'a'", "T2009: The values 1 and \"a\" either side of operator \">\" must be of the same data type"),
        ("true < 1", "T2010: The expressions either side of operator \"<\" must evaluate to numeric or string values"),
        ("-'a'", "D1002: Cannot negate a non-numeric value: \"a\""),
        ("$number('x')", "D3030: Unable to cast value to a number: \"x\""),
        ("['a'..1]", "T2003: The left side of the range operator (..) must evaluate to an integer"),
        ("$error('boom')", "D3137: boom"),
        ("{1: 2}", "T1003: Key in object structure must evaluate to a string; got: 1"),
        (
            "$formatNumber(1, 'x')",
            "D3086: The sub-picture must not contain a passive character that is preceded by an active character and \
             that is followed by another active character",
        ),
    ] {
        assert_eq!(failure(source), format!("threw an error during evaluation. {message}"), "{source}");
    }
}

#[test]
fn numbers_are_formatted_as_on_aws() {
    assert_eq!(value("4/2", json!({})).to_string(), "2");
    assert_eq!(value("0.1+0.2", json!({})).to_string(), "0.30000000000000004");
    assert_eq!(value("1/0", json!({})), json!("Infinity"));
    assert_eq!(value("{'k': -1/0}", json!({})), json!({"k": "-Infinity"}));
    assert_eq!(value("$random(42)", json!({})), json!(0.7275636800328681));
}

#[test]
fn an_expression_that_does_not_parse_is_refused_without_its_code() {
    let refusal = |source: &str| Expression::parse(&format!("{{% {source} %}}")).unwrap_err().to_string();
    for (source, message) in [
        ("a[1,2)", "Expected \"]\", got \",\""),
        ("\"unterminated", "String literal must be terminated by a matching quote"),
        ("1 +", "Unexpected end of expression"),
        ("{\"a\":}", "The symbol \"}\" cannot be used as a unary operator"),
        ("(1", "Expected \")\" before end of expression"),
        ("1 2", "Syntax error: 2"),
        ("$a b", "Syntax error: \"b\""),
    ] {
        assert_eq!(refusal(source), format!("INVALID_JSONATA_EXPRESSION: {message}"), "{source}");
    }
}

#[test]
fn names_without_a_context_item_are_refused() {
    let refused = |source: &str| Expression::parse(&format!("{{% {source} %}}")).err().map(|error| error.to_string());
    let unsupported = |name: &str| {
        Some(format!("UNSUPPORTED_JSONATA_EXPRESSION: Reference to '{name}' at the top level is not supported."))
    };
    assert_eq!(refused("phone"), unsupported("phone"));
    assert_eq!(refused("phone.number"), unsupported("phone"));
    assert_eq!(refused("$sum(items.price)"), unsupported("items"));
    assert_eq!(refused("$"), unsupported("$"));
    assert_eq!(refused("$$.a"), unsupported("$$"));
    assert_eq!(refused("$states.input.items[price > 1].(price * $.n)"), None);
    assert_eq!(refused("$states.input.items{name: $sum(price)}"), None);
    assert_eq!(refused("$states.input^(>price)"), None);
    assert_eq!(refused("$map($a, function($v) { $v.name })"), None);
    assert_eq!(refused("$states.input ~> |items|{'a': b}|"), None);
}

#[test]
fn an_endless_expression_is_stopped() {
    let limit = |source: &str| failure(source).replace("threw an error during evaluation: ", "");
    assert_eq!(limit("($f := function() { $f() }; $f())"), super::messages::TIME);
    assert_eq!(limit("($f := function($x) { $f($x + 1) }; $f(1))"), super::messages::TIME);
    assert_eq!(limit("($f := function($n) { 1 + $f($n + 1) }; $f(0))"), super::messages::STACK);
    assert_eq!(limit(&format!("{}1", "1+".repeat(200))), super::messages::STACK);
    assert_eq!(limit("[1..100000000]"), super::messages::MEMORY);
    assert_eq!(limit("[1..900000] ~> $count()"), super::messages::MEMORY);
    assert!(Expression::parse(&format!("{{% {}1{} %}}", "(".repeat(9999), ")".repeat(9999))).is_err());
    assert!(Expression::parse(&format!("{{% {}1 %}}", "1+".repeat(99999))).is_err());
}

#[test]
fn an_expression_cannot_exhaust_memory() {
    for source in [
        "$pad('x', 2000000000)",
        "$pad(?, 2000000000)('x')",
        "'x' ~> $pad(2000000000)",
        "($p := $pad; $p('x', 2000000000))",
        "$replace($pad('', 100000, 'a'), 'a', $pad('', 100000, 'b'))",
        "$pad('', 100000, 'a') ~> $replace(/a/, $pad('', 100000, 'b'))",
        "($b := $pad('', 1000000, 'b'); $replace($pad('', 1000, 'a'), /a/, function($m) { $b }))",
        "($b := $pad('', 1000000, 'b'); $f := function($m) { $b }; $replace($pad('', 1000, 'a'), /a/, $f))",
        "$match($pad('', 1000000, 'a'), /a/)",
        "($p := function($s, $n) { $n = 0 ? $s : $p($s & $s, $n - 1) }; $length($p('x', 40)))",
        "$string($reduce([1..60], function($a, $i) { [$a, $a] }, 1))",
        "($a := $reduce([1..60], function($a, $i) { {'x': $a, 'y': $a} }, {}); $a = $a)",
        "$reduce([1..60], function($a, $i) { [$a, $a] }, {'a': 1})",
        "$reduce([1..100000], function($a, $i) { {'x': $a} }, {})",
        "$join([1..8000].$pad('x', 1000))",
    ] {
        // On a busy machine, the time limit can be exceeded first.
        let why = failure(source);
        let stopped = [super::messages::MEMORY, super::messages::STACK, super::messages::TIME];
        assert!(stopped.iter().any(|limit| why.ends_with(limit)), "{source}: {why}");
    }
}

#[test]
fn guards_do_not_change_results() {
    let input = json!({
        "items": [{"name": "a", "price": 1, "tags": ["x"]}, {"name": "b", "price": 2.5, "tags": []}],
        "one": [7], "text": "Hello", "nested": {"deep": [[1, 2], [3]]}
    });
    for (source, expected) in [
        ("$states.input.items.price", json!([1, 2.5])),
        ("$states.input.items[0].price", json!(1)),
        ("$sum($states.input.items.price)", json!(3.5)),
        ("$states.input.items[price > 1].name", json!("b")),
        ("$states.input.items[price > 1].name[]", json!(["b"])),
        ("[$states.input.items.name, 'c']", json!(["a", "b", "c"])),
        ("[$states.input.items.name]", json!(["a", "b"])),
        ("[[$states.input.one]]", json!([[7]])),
        ("{'names': $states.input.items.name, 'none': $states.input.none}", json!({"names": ["a", "b"]})),
        ("$states.input.items{name: price}", json!({"a": 1, "b": 2.5})),
        ("$states.input.items.{'n': name, 't': tags}", json!([{"n": "a", "t": ["x"]}, {"n": "b", "t": []}])),
        ("$map($states.input.items, function($v, $i) { $v.name & $i })", json!(["a0", "b1"])),
        ("$filter($states.input.items, function($v) { $v.price = 1 }).name", json!("a")),
        ("$reduce($states.input.items.price, function($a, $b) { $a + $b }, 10)", json!(13.5)),
        ("$states.input.items^(>price).name", json!(["b", "a"])),
        ("$exists($states.input.none)", json!(false)),
        ("$string($states.input.one)", json!("[7]")),
        ("$type($states.input.none) = 'x'", json!(false)),
        ("$count($states.input.none)", json!(0)),
        ("$join($states.input.items.name, '-')", json!("a-b")),
        ("$uppercase($states.input.text) & '!'", json!("HELLO!")),
        ("$states.input.none & 'x'", json!("x")),
        ("$states.input.text ~> $lowercase() ~> $length()", json!(5)),
        ("$states.input.nested.deep", json!([[1, 2], [3]])),
        ("$states.input.nested.deep[0]", json!([1, 2])),
        ("$merge([{'a': 1}, $states.input.nested])", json!({"a": 1, "deep": [[1, 2], [3]]})),
        ("($f := $substring(?, 0, 2); $f($states.input.text))", json!("He")),
        ("$sort($states.input.items, function($l, $r) { $l.price < $r.price }).name", json!(["b", "a"])),
        (
            "$states.input ~> |items|{'price': price * 2}, ['tags']| ~> $lookup('items')",
            json!([{"name": "a", "price": 2}, {"name": "b", "price": 5}]),
        ),
        ("$states.input.items.tags", json!("x")),
        ("$distinct([1, 1, 2])", json!([1, 2])),
        ("$states.input.text in ['Hello']", json!(true)),
        ("$states.input.items = $states.input.items", json!(true)),
        ("$match($states.input.text, /l+/).match", json!("ll")),
        ("$replace($states.input.text, /l/, function($m) { $uppercase($m.match) })", json!("HeLLo")),
        ("$pad('x', -3, '#')", json!("##x")),
        ("'x' ~> $pad(3, '#')", json!("x##")),
        ("$map(['x', 'yy'], $pad(?, 3, '#'))", json!(["x##", "yy#"])),
        ("($p := $pad; $p('x', 3))", json!("x  ")),
        ("$replace('aXbX', 'X', '-')", json!("a-b-")),
        ("'aXbX' ~> $replace('X', '-', 1)", json!("a-bX")),
        ("$replace('a', 'a', $replace('b', 'b', 'c'))", json!("c")),
        ("($r := $replace(?, /[0-9]/, '#'); $map(['a1', 'b22'], $r))", json!(["a#", "b##"])),
        ("$map(['a1', 'b22'], function($v) { $match($v, /[0-9]/).match })", json!(["1", ["2", "2"]])),
        ("$zip([1, 2], [3, 4])", json!([[1, 3], [2, 4]])),
        ("$states.input.items.$uppercase(name)", json!(["A", "B"])),
        ("$states.input.items[$contains(name, 'a')].price", json!(1)),
        ("($n := 5; $fact := function($x) { $x <= 1 ? 1 : $x * $fact($x - 1) }; $fact($n))", json!(120)),
        ("$states.input.items@$i.$i.name", json!(["a", "b"])),
        ("$states.input.items#$n.(name & $n)", json!(["a0", "b1"])),
        ("$states.input.items.tags.(%.name)", json!("a")),
        ("$keys($states.input.nested)", json!("deep")),
        ("$fromMillis(1700000000000)", json!("2023-11-14T22:13:20.000Z")),
        ("$abs(-1e15)", json!(1_000_000_000_000_000_i64)),
        ("$string(1e15) & 1e15", json!("10000000000000001000000000000000")),
        ("($f := function($n) { $n > 1e9 ? $n : $f($n * 10) }; $f(1))", json!(10_000_000_000_i64)),
    ] {
        assert_eq!(value(source, input.clone()), expected, "{source}");
    }
}

#[test]
fn all_expressions_together_have_one_budget_of_time() {
    let world = OwnedScope::of(json!({}));
    let expression = Expression::parse("{% $sum([1..1000].($ * 2)) %}").unwrap();
    let left = || world.budget.left();
    let before = left();
    expression.evaluate(&world.scope(), "Output").unwrap();
    assert!(left() < before);
    world.budget.set(std::time::Duration::ZERO);
    let error = expression.evaluate(&world.scope(), "Output").unwrap_err();
    assert!(error.cause.ends_with(super::messages::TIME), "{}", error.cause);
}

#[test]
fn every_member_of_states_is_available_however_it_is_written() {
    let world = OwnedScope::of(json!({"a": {"b": 1}}));
    for source in [
        "$states.input.a.b",
        "$states . input.a.b",
        "$states.'input'.a.b",
        "($s := $states; $s.input.a.b)",
        "$lookup($states, 'in' & 'put').a.b",
        "$states.*.a.b",
        "$states.context.(%.input.a.b)",
        "$states.context.Execution.Name = 'run' ? $states.input.a.b : 0",
    ] {
        let value = Expression::parse(&format!("{{% {source} %}}")).unwrap().evaluate(&world.scope(), "Output");
        assert_eq!(value, Ok(json!(1)), "{source}");
    }
}
