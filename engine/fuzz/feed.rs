//! Feeds untrusted input to the code that reads it. Nothing may panic, hang or exhaust memory. Beyond that, each function
//! documents what must hold. The fuzz targets call these functions with generated input, and a test calls them with every
//! file of the corpus.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use asl_engine::{
    FunctionError, Integrations, Invocation, Invoked, Options, ServiceAnswer, ServiceCall, ServiceError, StepFunctions,
    fuzzing,
};
use serde_json::Value;
use tokio::runtime::Runtime;

/// A state machine definition.
pub fn definition(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        fuzzing::definition(text);
    }
}

/// A path on the first line, and the document to evaluate it against on the rest.
pub fn path(input: &[u8]) {
    if let Some((text, document)) = query(input) {
        fuzzing::path(text, document);
    }
}

/// A call of an intrinsic function on the first line, and the document that its paths refer to on the rest.
pub fn intrinsic(input: &[u8]) {
    if let Some((text, document)) = query(input) {
        fuzzing::intrinsic(text, &document);
    }
}

/// A JSONata expression on the first line, and its input on the rest.
pub fn jsonata(input: &[u8]) {
    if let Some((text, document)) = query(input) {
        fuzzing::jsonata(text, &document);
    }
}

fn query(input: &[u8]) -> Option<(&str, Value)> {
    let text = str::from_utf8(input).ok()?;
    let (query, document) = text.split_once('\n').unwrap_or((text, "null"));
    Some((query, serde_json::from_str(document).unwrap_or_default()))
}

/// Requests, one per line: an operation, a space, and a body. Each must be answered or refused in time, and never with an
/// internal error.
///
/// All inputs share one engine, because opening a database takes much longer than a request.
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
        // Syncing to memory takes no time, and durability is not tested here.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a temporary folder can be created");
        let runtime = Runtime::new().expect("a runtime can be created");
        let options = Options::new("000000000000", "eu-west-2");
        let database = folder.path().join("step-functions.sqlite");
        let opened = runtime.block_on(StepFunctions::open(&database, options, Arc::new(Echo)));
        let engine = opened.expect("a new database can be opened");
        Self { runtime, engine, _folder: folder }
    }

    fn ask(&self, operation: &str, body: &[u8]) {
        // These wait for a task, for the end of an execution, or for a Wait state.
        let may_wait = ["GetActivityTask", "StartSyncExecution", "TestState"].contains(&operation);
        let limit = if may_wait { Duration::from_millis(20) } else { Duration::from_secs(10) };
        let answer = async { tokio::time::timeout(limit, self.engine.handle(operation, body)).await };
        let Ok(answer) = self.runtime.block_on(answer) else {
            assert!(may_wait, "{operation} was not answered within {limit:?}");
            return;
        };
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

/// Functions and services that return what they are sent.
struct Echo;

#[async_trait::async_trait]
impl Integrations for Echo {
    async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError> {
        Ok(invocation.payload.into())
    }

    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        Ok(call.parameters.into())
    }
}
