use serde_json::{Value, json};

use super::super::testing::OwnedScope;
use super::{Path, ReferencePath};

fn get(path: &str, input: Value) -> Result<Value, String> {
    let world = OwnedScope::of(input).with("list", json!([1, 2, 3]));
    Path::parse(path).unwrap().get(&world.scope()).map_err(|error| error.cause)
}

fn store() -> Value {
    json!({
        "store": {
            "book": [
                {"category": "reference", "author": "Nigel Rees", "title": "Sayings", "price": 8.95},
                {"category": "fiction", "author": "Evelyn Waugh", "title": "Honour", "price": 12.99},
                {"category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553", "price": 8.99},
                {"category": "fiction", "author": "Tolkien", "title": "The Lord", "isbn": "0-395", "price": 22.99}
            ],
            "bicycle": {"color": "red", "price": 19.95}
        },
        "expensive": 10
    })
}

#[test]
fn a_definite_path_returns_the_value_itself() {
    assert_eq!(get("$", json!(1)), Ok(json!(1)));
    assert_eq!(get("$.a.b", json!({"a": {"b": null}})), Ok(Value::Null));
    assert_eq!(get("$['a']['b c']", json!({"a": {"b c": 2}})), Ok(json!(2)));
    assert_eq!(get("$.delivery-partner", json!({"delivery-partner": "UQS"})), Ok(json!("UQS")));
    assert_eq!(get("$.a[1]", json!({"a": [1, 2]})), Ok(json!(2)));
    assert_eq!(get("$.a[-1]", json!({"a": [1, 2]})), Ok(json!(2)));
    assert_eq!(get("$[0].x", json!([{"x": 3}])), Ok(json!(3)));
    assert_eq!(get("$['it\\'s']", json!({"it's": 4})), Ok(json!(4)));
    assert_eq!(get("$.ünï", json!({"ünï": 5})), Ok(json!(5)));
}

#[test]
fn a_path_begins_with_the_input_the_context_or_a_variable() {
    assert_eq!(get("$$.Execution.Name", json!({})), Ok(json!("run")));
    assert_eq!(get("$list[1]", json!({})), Ok(json!(2)));
    assert_eq!(get("$list", json!({})), Ok(json!([1, 2, 3])));
    assert_eq!(Path::parse("$list[1]").unwrap().variable(), Some("list"));
}

#[test]
fn an_indefinite_path_returns_an_array_of_its_matches() {
    let authors = json!(["Nigel Rees", "Evelyn Waugh", "Herman Melville", "Tolkien"]);
    assert_eq!(get("$.store.book[*].author", store()), Ok(authors.clone()));
    assert_eq!(get("$..author", store()), Ok(authors));
    assert_eq!(get("$.store..price", store()), Ok(json!([8.95, 12.99, 8.99, 22.99, 19.95])));
    assert_eq!(get("$..book[2].title", store()), Ok(json!(["Moby Dick"])));
    assert_eq!(get("$..book[0,1].price", store()), Ok(json!([8.95, 12.99])));
    assert_eq!(get("$..book[:2].price", store()), Ok(json!([8.95, 12.99])));
    assert_eq!(get("$..book[1:2].price", store()), Ok(json!([12.99])));
    assert_eq!(get("$..book[-2:].price", store()), Ok(json!([8.99, 22.99])));
    assert_eq!(get("$..book[2:].price", store()), Ok(json!([8.99, 22.99])));
    assert_eq!(get("$.store.book[?(@.isbn)].title", store()), Ok(json!(["Moby Dick", "The Lord"])));
    assert_eq!(get("$.store.*", json!({"store": {"a": 1, "b": [2]}})), Ok(json!([1, [2]])));
    assert_eq!(get("$.store.bicycle['color','price']", store()), Ok(json!({"color": "red", "price": 19.95})));
}

#[test]
fn filters_compare() {
    let titles = |filter: &str| get(&format!("$.store.book[?({filter})].title"), store()).unwrap();
    assert_eq!(titles("@.price < 10"), json!(["Sayings", "Moby Dick"]));
    assert_eq!(titles("@.price <= $.expensive"), json!(["Sayings", "Moby Dick"]));
    assert_eq!(titles("@['price'] > 20"), json!(["The Lord"]));
    assert_eq!(titles("@.category == 'fiction' && @.price < 20"), json!(["Honour", "Moby Dick"]));
    assert_eq!(titles("@.price > 20 || @.category == \"reference\""), json!(["Sayings", "The Lord"]));
    assert_eq!(titles("!(@.isbn)"), json!(["Sayings", "Honour"]));
    assert_eq!(titles("!@.isbn && @.price>10"), json!(["Honour"]));
    assert_eq!(titles("@.author =~ /.*REES/i"), json!(["Sayings"]));
    assert_eq!(titles("@.category in ['reference', 'poetry']"), json!(["Sayings"]));
    assert_eq!(titles("@.category nin ['fiction']"), json!(["Sayings"]));
    assert_eq!(titles("@.title size 7"), json!(["Sayings"]));
    assert_eq!(titles("@.isbn != '0-553'"), json!(["Sayings", "Honour", "The Lord"]));
    assert_eq!(titles("@.price == '8.95'"), json!(["Sayings"]));
    assert_eq!(titles("@.price === '8.95'"), json!([]));
    assert_eq!(titles("@.title contains 'ord'"), json!(["The Lord"]));
    assert_eq!(titles("@.nothing == null"), json!([]));
}

#[test]
fn functions_end_a_path() {
    assert_eq!(get("$.a.length()", json!({"a": [1, 2]})), Ok(json!(2)));
    assert_eq!(get("$.a.sum()", json!({"a": [1, 2]})), Ok(json!(3.0)));
    assert_eq!(get("$.a[*].n.max()", json!({"a": [{"n": 1}, {"n": 5}]})), Ok(json!(5.0)));
    assert_eq!(get("$..n.min()", json!({"a": [{"n": 1}, {"n": 5}]})), Ok(json!(1.0)));
    assert_eq!(get("$.a.avg()", json!({"a": [1, 2]})), Ok(json!(1.5)));
    assert_eq!(get("$.a.keys()", json!({"a": {"x": 1, "y": 2}})), Ok(json!(["x", "y"])));
    assert_eq!(get("$.a.first()", json!({"a": [7, 8]})), Ok(json!(7)));
    assert_eq!(get("$.a.last()", json!({"a": [7, 8]})), Ok(json!(8)));
    assert!(Path::parse("$.a.nonsense()").is_err());
}

#[test]
fn a_definite_path_without_a_match_fails_with_the_message_of_aws() {
    let cause = |path, input| get(path, input).unwrap_err();
    assert_eq!(cause("$.a", json!({})), "Invalid path '$.a' : No results for path: $['a']");
    assert_eq!(cause("$.a.b", json!({})), "Invalid path '$.a.b' : Missing property in path $['a']");
    assert_eq!(cause("$.a[3]", json!({"a": []})), "Invalid path '$.a[3]' : No results for path: $['a'][3]");
    assert!(cause("$.a.b", json!({"a": 1})).contains("Expected to find an object with property ['b'] in path $['a']"));
}

#[test]
fn an_indefinite_path_without_a_match_returns_an_empty_array() {
    for path in ["$.item.items[*]", "$.items[1:5].value", "$.items[:1]", "$[*]", "$..x", "$.a[?(@.b == 1)]"] {
        assert_eq!(get(path, json!({})), Ok(json!([])), "{path}");
    }
}

#[test]
fn a_text_that_is_not_a_path_is_refused() {
    for text in [
        "",
        "a",
        "$.",
        "$..",
        "$.a.",
        "$.a b",
        "$[",
        "$[]",
        "$['a",
        "$.a[?(@.b ==)]",
        "$.a[?(",
        "$.a[1",
        "$x y",
        "$1a",
        "$.a[?(@.b =~ /(/)]",
        "$[:]",
        "$.a()b",
    ] {
        assert!(Path::parse(text).is_err(), "{text}");
    }
    assert!(Path::parse(&format!("$.a[?({}@.b{})]", "(".repeat(5000), ")".repeat(5000))).is_err());
    assert!(Path::parse(&format!("$.a[?({}@.b)]", "!".repeat(5000))).is_err());
    assert!(Path::parse(&"$[?(@".repeat(5000)).is_err());
}

#[test]
fn is_present_ignores_the_value() {
    let world = OwnedScope::of(json!({"a": null, "b": []}));
    let present = |path: &str| Path::parse(path).unwrap().is_present(&world.scope());
    assert!(present("$.a"));
    assert!(present("$.b"));
    assert!(!present("$.c"));
    assert!(!present("$.b[*]"));
    assert!(!present("$none"));
}

#[test]
fn a_reference_path_inserts_a_value_and_creates_missing_objects() {
    let put = |path: &str, into: Value| ReferencePath::parse(path).unwrap().put(into, json!("new"));
    assert_eq!(put("$", json!({"a": 1})), Ok(json!("new")));
    assert_eq!(put("$.a", json!({"a": 1, "b": 2})), Ok(json!({"a": "new", "b": 2})));
    assert_eq!(put("$.x.y", json!({"a": 1})), Ok(json!({"a": 1, "x": {"y": "new"}})));
    assert_eq!(put("$.a[1]", json!({"a": [1, 2]})), Ok(json!({"a": [1, "new"]})));
    assert_eq!(put("$.a.b", json!({"a": 1})).unwrap_err().error, "States.ReferencePathConflict");
    assert_eq!(put("$.a", json!([1])).unwrap_err().error, "States.ReferencePathConflict");
    assert_eq!(put("$.a[5]", json!({"a": []})).unwrap_err().error, "States.ReferencePathConflict");
    for text in ["$..a", "$.a[*]", "$.a[0:1]", "$.a['b','c']", "$.a.length()", "$.a[?(@.b)]"] {
        assert!(ReferencePath::parse(text).is_err(), "{text}");
    }
    assert!(ReferencePath::parse(&format!("${}", ".a".repeat(101))).is_err());
}

#[test]
fn a_path_that_visits_too_many_values_is_stopped() {
    let nested = (0..90).fold(json!([1]), |value, _| json!({"a": value}));
    assert!(get("$..*..*..*..*..*..*..*..*", nested).unwrap_err().contains("visits more than"));
    let list: Vec<Value> = (0..20_000).map(|n| json!({"n": n})).collect();
    assert!(get("$[?(@.n in $..n)]", json!(list)).unwrap_err().contains("visits more than"));
}

#[test]
fn the_copies_made_by_a_path_are_limited() {
    let big = json!("x".repeat(100_000));
    let nested = (0..90).fold(big, |value, _| json!({"a": value, "b": 1}));
    let world = OwnedScope::of(nested);
    let error = Path::parse("$..*..*").unwrap().get(&world.scope()).unwrap_err();
    assert_eq!(error.error, "States.DataLimitExceeded");
}

#[test]
fn a_filter_is_charged_for_the_list_it_searches() {
    let list: Vec<String> = (0..3_000).map(|n| n.to_string()).collect();
    let world = OwnedScope::of(json!(vec![json!({"x": -1}); 20_000]));
    let path = Path::parse(&format!("$[?(@.x in [{}])]", list.join(","))).unwrap();
    world.budget.set(std::time::Duration::from_millis(5));
    let error = path.get(&world.scope()).unwrap_err();
    assert!(error.cause.contains("too much computation"), "{}", error.cause);
    world.budget.renew();
    let path = Path::parse("$[?(@.x in [1, 2, -1])]").unwrap();
    assert_eq!(path.get(&world.scope()).map(|found| found.as_array().map(Vec::len)), Ok(Some(20_000)));
}

/// Runs on a thread with the standard library's default stack of 2 MiB, like the engine's writer.
fn on_a_small_stack(look: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(look).unwrap().join().unwrap();
}

fn refusal(path: &str) -> String {
    Path::parse(path).unwrap_err().reason
}

#[test]
fn a_filter_with_too_many_terms_is_refused() {
    on_a_small_stack(|| {
        for operator in ["||", "&&"] {
            let terms = vec!["@.a==1"; 90_000].join(operator);
            let reason = refusal(&format!("$.l[?({terms})]"));
            assert!(reason.starts_with("the path is longer than 16384 bytes"), "{reason}");
            let terms = vec!["@"; 1_000].join(operator);
            let reason = refusal(&format!("$.l[?({terms})]"));
            assert!(reason.starts_with("the filters have more than 256 terms"), "{reason}");
        }
        assert!(refusal(&format!("$.{}", "a".repeat(100_000))).starts_with("the path is longer than 16384 bytes"));
        assert!(refusal(&format!("${}", ".a".repeat(1_000))).starts_with("the path has more than 256 steps"));
        assert!(refusal(&format!("${}", "[?(@.a)]".repeat(1_000))).starts_with("the path has more than 256 steps"));
        assert!(refusal(&format!("$[?({}@.a)]", "!".repeat(1_000))).starts_with("nested deeper than 16 levels"));
    });
}

#[test]
fn a_filter_can_have_the_maximum_number_of_terms() {
    let terms: Vec<String> = (0..100).map(|n| format!("@.a == {n}")).collect();
    assert_eq!(get(&format!("$[?({})].a", terms.join(" || ")), json!([{"a": 99}, {"a": 100}])), Ok(json!([99])));
    let terms: Vec<String> = (0..100).map(|n| format!("@.a != {n}")).collect();
    assert_eq!(get(&format!("$[?({})].a", terms.join(" && ")), json!([{"a": 99}, {"a": 100}])), Ok(json!([100])));
}

#[test]
fn the_deepest_paths_fit_into_the_stack_of_a_thread() {
    on_a_small_stack(|| {
        let deep = (0..126).fold(json!([1]), |value, _| json!({"a": value}));
        let world = OwnedScope::of(deep);
        let steps = "[?(@)]".repeat(125);
        let nested = (0..16).fold("@".to_owned(), |path, _| format!("$..[?({path})]"));
        let ever_deeper = (0..15).fold("@..[?(@.a)]".to_owned(), |path, _| format!("@..[?({path})]"));
        for path in [format!("${steps}"), nested, ever_deeper.replacen('@', "$", 1), format!("$..a{steps}")] {
            world.budget.renew();
            let _ = Path::parse(&path).map(|path| path.get(&world.scope()));
        }
    });
}

#[test]
fn the_number_of_regular_expressions_in_a_definition_is_limited() {
    let pattern = "$[?(@.a =~ /a+/)]";
    let parse = || (0..100).map(|_| Path::parse(pattern)).filter(Result::is_err).count();
    assert_eq!(parse(), 0);
    assert_eq!(super::super::limits::with_pattern_limit(parse), 36);
    assert!(refusal(&format!("$[?(@.a =~ /{}/)]", "a".repeat(2000))).contains("longer than 1000 bytes"));
}

#[test]
fn a_filter_does_not_build_messages_for_missing_values() {
    let big = json!({"big": "x".repeat(100_000), "list": vec![json!(1); 10_000]});
    let begun = std::time::Instant::now();
    assert_eq!(get("$.list[?($.big[0].x == @)]", big), Ok(json!([])));
    assert!(begun.elapsed() < std::time::Duration::from_millis(500), "{:?}", begun.elapsed());
}
