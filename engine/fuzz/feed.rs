//! What strangers may send, fed to what reads it. Nothing may panic, hang or take the memory; beyond that each function
//! says what must hold. The fuzz targets call these with what they make up, and a test with every file of the corpus.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use asl_engine::{
    FunctionError, Integrations, Invocation, Invoked, Options, ServiceAnswer, ServiceCall, ServiceError, StepFunctions,
    definition::Definition,
    query::{
        Budget, Scope,
        intrinsic::Call,
        path::{Path, ReferencePath},
    },
};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

/// A definition.
pub fn definition(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        let _ = Definition::parse(text);
    }
}

/// A path in the first line, the document it looks into in the rest.
pub fn path(input: &[u8]) {
    let Some((text, document)) = query(input) else { return };
    if let Ok(path) = Path::parse(text) {
        with(&document, |scope| {
            let _ = path.get(scope);
            let _ = path.is_present(scope);
        });
    }
    if let Ok(path) = ReferencePath::parse(text) {
        let _ = path.put(document, Value::Null);
    }
}

/// A call of an intrinsic function in the first line, the document its paths look into in the rest.
pub fn intrinsic(input: &[u8]) {
    let Some((text, document)) = query(input) else { return };
    if let Ok(call) = Call::parse(text) {
        with(&document, |scope| drop(call.evaluate(scope)));
    }
}

fn query(input: &[u8]) -> Option<(&str, Value)> {
    let text = str::from_utf8(input).ok()?;
    let (query, document) = text.split_once('\n').unwrap_or((text, "null"));
    Some((query, serde_json::from_str(document).unwrap_or_default()))
}

fn with(document: &Value, look: impl FnOnce(&Scope<'_>)) {
    let context = json!({"Execution": {"Name": "run"}});
    let variables = Map::from_iter([("list".to_owned(), json!([1, [2, {"x": true}], "three"]))]);
    let budget = Budget::new();
    look(&Scope {
        input: document,
        context: &context,
        variables: &variables,
        result: None,
        error_output: None,
        budget: &budget,
    });
}

/// Requests, one a line: an operation, a space, its body. Each is answered, by an answer or by a refusal, and never by
/// a failure of the engine's own.
pub fn protocol(input: &[u8]) {
    static ENGINE: LazyLock<Embedded> = LazyLock::new(Embedded::open);
    for line in input.split(|byte| *byte == b'\n') {
        let (operation, body) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
        if let Ok(operation) = str::from_utf8(operation) {
            ENGINE.ask(operation, body);
        }
    }
}

struct Embedded {
    runtime: Runtime,
    engine: StepFunctions,
    _folder: tempfile::TempDir,
}

impl Embedded {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the engine");
        let runtime = Runtime::new().expect("a runtime");
        let options = Options::new("000000000000", "eu-west-2");
        let database = folder.path().join("step-functions.sqlite");
        let opened = runtime.block_on(StepFunctions::open(&database, options, Arc::new(Nothing)));
        let engine = opened.expect("a new database opens");
        Self { runtime, engine, _folder: folder }
    }

    fn ask(&self, operation: &str, body: &[u8]) {
        // A worker's question for a task, and a synchronous execution, may wait for long.
        let answer =
            async { tokio::time::timeout(Duration::from_millis(500), self.engine.handle(operation, body)).await };
        let Ok(answer) = self.runtime.block_on(answer) else { return };
        let body: Value = serde_json::from_slice(&answer.body).expect("an answer is JSON");
        match answer.status {
            200 => assert!(body.is_object(), "{operation} answered {body}"),
            400 => {
                assert!(body["__type"].is_string() && body["message"].is_string(), "{operation} refused with {body}")
            }
            other => panic!("{operation} failed with {other}: {body}"),
        }
    }
}

struct Nothing;

#[async_trait::async_trait]
impl Integrations for Nothing {
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError> {
        Ok(invocation.payload.into())
    }

    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        Ok(call.parameters.into())
    }
}
