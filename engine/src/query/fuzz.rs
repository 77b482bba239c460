//! Randomly mutated queries never cause a panic.

use serde_json::{Value, json};

use super::choice::Rule;
use super::intrinsic::Call;
use super::jsonata::Expression;
use super::path::{Path, ReferencePath};
use super::testing::OwnedScope;
use super::timestamp;

const PATHS: [&str; 12] = [
    "$.a.b[0]['c d'].length()",
    "$$.Execution.Name",
    "$list[1:2,-3]..x",
    "$..a[?(@.b == 'c' && !(@.d =~ /e/i) || @.f in [1, 'ü'])]",
    "$.a[?(@.b size 2)].sum()",
    "$['a','b']",
    "$[*].*",
    "$.a[-1:]",
    "$.a.concat('x', \"y\", 1)",
    "$.a.index(-1)",
    "$.ünï[?($.x < @.y)]",
    "$[?(@['\\u0041'] contains 'x')]",
];

const CALLS: [&str; 8] = [
    "States.Format('Hello {} \\{\\} \\'', $.a)",
    "States.Array(1, 'a', $.b[?(@.c == ')')], States.UUID())",
    "States.ArrayRange(-9223372036854775808, 9223372036854775807, 1e18)",
    "States.ArrayGetItem(States.StringSplit($.s, ','), -1)",
    "States.MathRandom(-2147483648, 9e99, 1)",
    "States.MathAdd(1.5, -2147483648)",
    "States.ArrayPartition($.a, 0.5)",
    "States.Base64Decode('ü==')",
];

const EXPRESSIONS: [&str; 8] = [
    "$states.input.a[b > 1].(c & 'd')",
    "($f := function($x) { $x <= 1 ? 1 : $x * $f($x - 1) }; $f(5))",
    "$map([1..3], function($v, $i) { {'v': $v, 'i': $i} })",
    "$states.input.list^(>a, b){c: $sum(d)}",
    "$partition([1,2,3], 2) ~> $count()",
    "$replace('aüb', /(ü)/, '[$1]')",
    "$states.input ~> |a|{'b': 1}, ['c']|",
    "$range(0, 10, 2)[$ % 3 = 0]",
];

const TIMES: [&str; 3] = ["2016-03-14T01:59:00Z", "2016-03-14T01:59:00.123456789+01:00", "+99999-12-31T23:59-18:00"];

/// Removes, inserts or replaces some characters of the text.
fn changed(text: &str, random: &mut impl FnMut(usize) -> usize) -> String {
    const SIGNS: [&str; 28] = [
        "$", "@", ".", "..", "[", "]", "(", ")", "{", "}", "'", "\"", "\\", ",", ":", "?", "*", "/", "-", "9", "é",
        "𝄞", " ", "&&", "~>", "^", "\\u", "\u{0}",
    ];
    let mut characters: Vec<String> = text.chars().map(String::from).collect();
    for _ in 0..=random(4) {
        let at = random(characters.len().max(1)).min(characters.len());
        match random(4) {
            0 if at < characters.len() => drop(characters.remove(at)),
            1 if at < characters.len() => characters[at] = SIGNS[random(SIGNS.len())].into(),
            2 => characters.truncate(at),
            _ => characters.insert(at, SIGNS[random(SIGNS.len())].into()),
        }
    }
    characters.concat()
}

#[test]
fn mutated_queries_do_not_panic() {
    let rounds: usize = std::env::var("ASL_FUZZ_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 33) as usize % below
    };
    let world = OwnedScope::of(json!({
        "a": {"b": [{"c d": "x", "c": 1}, null, -0.0, "ü"], "c": 1e308}, "s": "a,b", "list": [{"a": 1, "c": "k", "d": 2}]
    }))
    .with("list", json!([1, [2, {"x": true}], "three"]));
    let scope = world.scope();
    for _ in 0..rounds {
        world.budget.renew();
        for text in PATHS {
            let text = changed(text, &mut random);
            if let Ok(path) = Path::parse(&text) {
                let _ = path.get(&scope);
                let _ = path.is_present(&scope);
            }
            if let Ok(path) = ReferencePath::parse(&text) {
                let _ = path.put(world.input.clone(), Value::Null);
            }
            for operator in ["StringEqualsPath", "StringMatches"] {
                let _ = Rule::parse(&json!({"Variable": text, operator: text})).map(|rule| rule.matches(&scope));
            }
        }
        for text in CALLS {
            let _ = Call::parse(&changed(text, &mut random)).map(|call| call.evaluate(&scope));
        }
        for text in EXPRESSIONS {
            let text = format!("{{% {} %}}", changed(text, &mut random));
            let _ = Expression::parse(&text).map(|expression| expression.evaluate(&scope, "Output"));
        }
        for text in TIMES {
            let _ = timestamp::parse(&changed(text, &mut random));
        }
    }
}
