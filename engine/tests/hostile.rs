//! Hostile requests. None of them aborts the process, blocks the threads of the runtime or takes more memory than one
//! request may take.

mod support;

use std::sync::Arc;

use asl_engine::{StepFunctions, SystemClock};
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};
use support::{Desk, ROLE};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

struct Stage {
    desk: Desk,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { desk: Desk::open(folder.path(), Arc::new(SystemClock)).await, _folder: folder }
    }

    /// Sends a request. Fails if it takes more memory than one request may take.
    async fn ask(&self, operation: &str, request: &Value) -> (u16, Value) {
        let body = request.to_string();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let answer = self.desk.engine.handle(operation, body.as_bytes()).await;
        let taken = MEMORY.peak_usage() - before;
        let shown = body.chars().take(200).collect::<String>();
        assert!(taken <= StepFunctions::MEMORY_PER_REQUEST, "{operation} took {} MiB: {shown}", taken >> 20);
        (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
    }

    /// The diagnostics of a definition.
    async fn validate(&self, definition: &str) -> String {
        let (status, answer) = self.ask("ValidateStateMachineDefinition", &json!({"definition": definition})).await;
        assert_eq!(status, 200, "{answer}");
        answer["diagnostics"].to_string()
    }

    /// The cause with which a tested state fails.
    async fn failure(&self, state: &Value, input: &str) -> String {
        let request = json!({"definition": state.to_string(), "roleArn": ROLE, "input": input});
        let (status, answer) = self.ask("TestState", &request).await;
        assert_eq!((status, &answer["status"]), (200, &json!("FAILED")), "{answer}");
        answer["cause"].as_str().unwrap_or_default().to_owned()
    }
}

fn passing(more: &Value) -> Value {
    let mut state = json!({"Type": "Pass", "End": true});
    for (field, value) in more.as_object().unwrap() {
        state[field] = value.clone();
    }
    state
}

fn machine(state: &Value) -> String {
    json!({"StartAt": "One", "States": {"One": state}}).to_string()
}

fn jsonata(expression: &str) -> Value {
    passing(&json!({"QueryLanguage": "JSONata", "Output": format!("{{% {expression} %}}")}))
}

#[tokio::test]
async fn a_definition_with_an_overlong_path_is_refused() {
    let stage = Stage::open().await;
    let chain = |operator: &str| format!("$.l[?({})]", vec!["@.a==1"; 90_000].join(operator));
    for path in [
        chain("||"),
        chain("&&"),
        format!("${}", "[?(@.a)]".repeat(100_000)),
        format!("${}", ".a".repeat(50_000)),
        format!("$.{}", "a".repeat(100_000)),
        format!("$[?({}1==1{})]", "(".repeat(100_000), ")".repeat(100_000)),
        format!("$[?({}@.a)]", "!".repeat(100_000)),
        format!("${}", "[?(@".repeat(100_000)),
    ] {
        let problems = stage.validate(&machine(&passing(&json!({"InputPath": path})))).await;
        assert!(problems.contains("SCHEMA_VALIDATION_FAILED"), "{problems}");
        let request = json!({"name": "one", "roleArn": ROLE,
            "definition": machine(&passing(&json!({"Parameters": {"a.$": path}})))});
        let (status, answer) = stage.ask("CreateStateMachine", &request).await;
        assert_eq!((status, &answer["__type"]), (400, &json!("InvalidDefinition")), "{answer}");
    }
}

#[tokio::test]
async fn a_definition_with_an_overlong_call_or_expression_is_refused() {
    let stage = Stage::open().await;
    for call in [
        format!("{}1{}", "States.Array(".repeat(50_000), ")".repeat(50_000)),
        format!("States.Array({})", vec!["1"; 200_000].join(",")),
        format!("States.Format('{}')", "x".repeat(200_000)),
        format!("States.Array($.{})", "a".repeat(50_000)),
    ] {
        let problems = stage.validate(&machine(&passing(&json!({"Parameters": {"a.$": call}})))).await;
        assert!(problems.contains("SCHEMA_VALIDATION_FAILED"), "{problems}");
    }
    for expression in [
        format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}1", "1+".repeat(100_000)),
        format!("{}1", "-".repeat(100_000)),
        format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("{}1{}", "function(){".repeat(50_000), "}".repeat(50_000)),
        format!("$states.input{}", ".a".repeat(100_000)),
        format!("$states.input{}", "[a]".repeat(100_000)),
        format!("$states.input{}", "~>$f".repeat(100_000)),
        format!("{}1", "true?1:".repeat(100_000)),
        format!("{}1{}", "{'a':".repeat(100_000), "}".repeat(100_000)),
    ] {
        let (status, _) =
            stage.ask("ValidateStateMachineDefinition", &json!({"definition": machine(&jsonata(&expression))})).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn definitions_that_are_nested_too_deeply_are_refused() {
    let stage = Stage::open().await;
    for depth in [127, 1_000, 100_000] {
        let nested = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let object = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        for value in [&nested, &object] {
            let pass =
                format!(r#"{{"StartAt":"One","States":{{"One":{{"Type":"Pass","End":true,"Result":{value}}}}}}}"#);
            assert_ne!(stage.validate(&pass).await, "[]", "{depth}");
            let states = format!(r#"{{"StartAt":"One","States":{value}}}"#);
            assert_ne!(stage.validate(&states).await, "[]", "{depth}");
        }
        let answer = stage.desk.engine.handle("DescribeExecution", nested.as_bytes()).await;
        assert_eq!(answer.status, 400);
        let answer = stage.desk.engine.handle("DescribeExecution", object.as_bytes()).await;
        assert_eq!(answer.status, 400);
        let rule = format!(r#"{}{{"Variable":"$.a","IsNull":true}}{}"#, r#"{"Not":"#.repeat(depth), "}".repeat(depth));
        let choice = format!(
            r#"{{"StartAt":"One","States":{{"One":{{"Type":"Choice","Choices":[{}]}}}}}}"#,
            rule.replacen('{', r#"{"Next":"One","#, 1)
        );
        assert_ne!(stage.validate(&choice).await, "[]", "{depth}");
    }
    let (status, _) = stage.ask("ListStateMachines", &json!({"a": "x".repeat(9 << 20)})).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn definitions_with_the_deepest_maps_and_the_most_states_are_answered() {
    let stage = Stage::open().await;
    let mut inner = json!({"StartAt": "P0", "States": {"P0": {"Type": "Pass", "End": true}}});
    for depth in 1..20 {
        let name = format!("P{depth}");
        inner = json!({"StartAt": name, "States": {name: {"Type": "Map", "End": true, "ItemProcessor": inner}}});
    }
    stage.validate(&inner.to_string()).await;
    let states: serde_json::Map<String, Value> =
        (0..20_000).map(|n| (format!("{n}"), json!({"Type": "Pass", "Next": format!("{}", n + 1)}))).collect();
    let definition = json!({"StartAt": "0", "States": states}).to_string();
    assert!(definition.len() < 1 << 20);
    assert!(stage.validate(&definition).await.contains("MISSING_TRANSITION_TARGET"));
    let patterns: Vec<Value> = (0..20_000).map(|n| json!({"n.$": format!("$[?(@=~/\\w{{{n}}}/)]")})).collect();
    let definition = machine(&passing(&json!({"Parameters": {"all": patterns}})));
    assert!(stage.validate(&definition).await.contains("SCHEMA_VALIDATION_FAILED"));
}

#[tokio::test]
async fn a_state_that_copies_its_input_a_thousand_times_is_stopped() {
    let stage = Stage::open().await;
    let input = json!({"a": "x".repeat(200_000), "l": vec![1; 1_000]}).to_string();
    let copies: serde_json::Map<String, Value> = (0..1_000).map(|n| (format!("{n}.$"), json!("$"))).collect();
    stage.failure(&passing(&json!({"Parameters": copies})), &input).await;
    let copies: serde_json::Map<String, Value> =
        (0..1_000).map(|n| (format!("{n}"), json!("{% $states.input %}"))).collect();
    stage.failure(&passing(&json!({"QueryLanguage": "JSONata", "Output": copies})), &input).await;
    let calls = format!("States.Array({})", vec!["$"; 10_000].join(","));
    stage.failure(&passing(&json!({"Parameters": {"a.$": calls}})), &input).await;
}

/// A single-threaded runtime can do other work while a test is computed.
#[tokio::test]
async fn computations_do_not_run_on_the_threads_that_answer_requests() {
    let stage = Stage::open().await;
    let endless = jsonata("($f := function() { $f() }; $f())");
    let test = json!({"definition": endless.to_string(), "roleArn": ROLE});
    let states = (0..9_000).map(|n| {
        let mut state = jsonata("$sum([1, 2, 3])");
        state.as_object_mut().unwrap().remove("End");
        state["Next"] = format!("{}", n + 1).into();
        (format!("{n}"), state)
    });
    let states: serde_json::Map<String, Value> =
        states.chain([("9000".to_owned(), json!({"Type": "Pass", "End": true}))]).collect();
    let definition = json!({"StartAt": "0", "States": states}).to_string();
    let create = json!({"name": "large", "roleArn": ROLE, "definition": definition});
    for (operation, request) in [
        ("TestState", test),
        ("ValidateStateMachineDefinition", json!({"definition": definition})),
        ("CreateStateMachine", create),
    ] {
        let mut turns = 0;
        let body = request.to_string();
        let answer = stage.desk.engine.handle(operation, body.as_bytes());
        tokio::pin!(answer);
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer,
                () = tokio::task::yield_now() => turns += 1,
            }
        };
        assert_eq!(answer.status, 200, "{operation}: {:.300}", String::from_utf8_lossy(&answer.body));
        assert!(turns > 100, "{operation}: {turns}");
    }
}

#[tokio::test]
async fn the_size_of_a_history_page_is_limited() {
    let stage = Stage::open().await;
    let states: serde_json::Map<String, Value> = (0..20)
        .map(|n| (format!("{n}"), json!({"Type": "Pass", "Next": format!("{}", n + 1)})))
        .chain([("20".to_owned(), json!({"Type": "Pass", "End": true}))])
        .collect();
    let machine = stage.desk.machine("long", &json!({"StartAt": "0", "States": states})).await;
    let execution = stage.desk.start(&machine, "run", &json!("x".repeat(200_000))).await;
    stage.desk.end(&execution).await;
    for reverse in [false, true] {
        let mut ids = Vec::new();
        let mut request = json!({"executionArn": execution, "maxResults": 1000, "reverseOrder": reverse});
        loop {
            let answer = stage.desk.engine.handle("GetExecutionHistory", request.to_string().as_bytes()).await;
            assert!(answer.body.len() < (1 << 20) + 1024, "{}", answer.body.len());
            let answer: Value = serde_json::from_slice(&answer.body).unwrap();
            ids.extend(answer["events"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()));
            let Some(next) = answer.get("nextToken") else { break };
            request["nextToken"] = next.clone();
        }
        if reverse {
            ids.reverse();
        }
        assert_eq!(ids, (1..=44).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_expression_that_hoards_memory_is_stopped() {
    let stage = Stage::open().await;
    let input = json!({"l": (0..1000).collect::<Vec<_>>()}).to_string();
    // Without a budget, each of these would take far more memory than one request may take.
    for expression in [
        "$map([1..400000], function($v) { [1..2000] })",
        "$map([1..400000], function($v) { [$v, $v, $v, $v, $v, $v, $v, $v] })",
        "$map([1..400000], function($v) { $string($v) & $pad('', 2000, 'x') })",
        "$map([1..400000], function($v) { $append([1..1000], $v) })",
        "$map([1..400000], function($v) { $states.input.l.($ + $v) })",
        "$map([1..400000], function($v) { ($x := [1..1000]; $x) })",
        "$map([1..400000], function($v) { $states.input ~> $lookup('l') ~> $reverse() })",
        "[1..400000].{'a': [1..1000]}",
        "$reduce([1..400000], function($a, $v) { $append($a, [[1..1000]]) }, [])",
        "($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, $a & $pad('', 10000, 'x')) }; $f(100000, ''))",
    ] {
        let cause = stage.failure(&jsonata(expression), &input).await;
        assert!(cause.contains("Expression evaluation"), "{expression}: {cause}");
    }
}

#[tokio::test]
async fn a_regular_expression_that_would_take_minutes_is_refused() {
    let stage = Stage::open().await;
    let begun = std::time::Instant::now();
    for expression in [
        "$replace($pad('', 200000, 'a'), /a*b|a/, '')",
        "$match($pad('', 200000, 'a'), /a*b|a/)",
        "$split($pad('', 200000, 'a'), /a*b|a/)",
        "($f := $split; $f($pad('', 200000, 'a'), /a*b|a/))",
        "($r := /a*b|a/; $replace($pad('', 200000, 'a'), $r, ''))",
        "$pad('', 200000, 'a') ~> $replace(/a*b|a/, '')",
        "$pad('', 200000, 'a').$replace(/a*b|a/, '')",
        "$pad('', 200000, 'a').$split(/a*b|a/)",
        "($r := /a*b|a/; $pad('', 200000, 'a').$split($r))",
        "$contains($pad('', 200000, 'a'), /(a|aa|aaa|aaaa){1,900}b/)",
        "($r := /(a|aa|aaa|aaaa){1,900}b/; $r($pad('', 7000000, 'a')))",
        "$pad('', 6000000, 'a') ~> /(a|aa|aaa|aaaa){1,900}b/",
    ] {
        let cause = stage.failure(&jsonata(expression), "{}").await;
        assert!(cause.contains("A regular expression takes too long"), "{expression}: {cause}");
    }
    // Without a limit, one of these takes minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_ordinary_regular_expression_works_in_every_function() {
    let stage = Stage::open().await;
    for (expression, output) in [
        (r"$contains('loan 42', /\d+/)", json!(true)),
        (r"$replace('a-b', /-/, '+')", json!("a+b")),
        (r"$string('a-b').$replace(/-/, '+')", json!("a+b")),
        (r"$string('a-b').$replace('-', '+')", json!("a+b")),
        (r"'a-b' ~> $replace(/-/, '+')", json!("a+b")),
        (r"$string('a1b2').$split(/\d/)", json!(["a", "b", ""])),
        (r"($r := /\w+/; $match('ab cd', $r).match)", json!(["ab", "cd"])),
        (r"('ab cd' ~> /\w+/).match", json!("ab")),
        (r"$filter(['a1', 'b'], /\d/)", json!("a1")),
        (r"$map(['a', 'b'], $contains(?, /a/))", json!([true, false])),
        (r"$count($match($pad('', 100000, 'ab '), /\w+/))", json!(33_334)),
    ] {
        let request = json!({"definition": jsonata(expression).to_string(), "roleArn": ROLE, "input": "{}"});
        let (status, answer) = stage.ask("TestState", &request).await;
        assert_eq!((status, &answer["status"]), (200, &json!("SUCCEEDED")), "{expression}: {answer}");
        assert_eq!(answer["output"], output.to_string(), "{expression}");
    }
}
