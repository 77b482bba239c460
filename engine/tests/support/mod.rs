//! Shared by the tests: an engine in its own folder, functions that a test controls, and a clock that it advances.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::{path::Path, sync::Arc, time::Duration};

use asl_engine::{
    Attempt, Clock, FunctionError, Integrations, Invoked, Options, Refusal, ServiceAnswer, ServiceCall, ServiceError,
    StepFunctions,
};
use async_trait::async_trait;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

/// The name of the database in its folder.
pub const DATABASE: &str = "step-functions.sqlite";

pub const ROLE: &str = "arn:aws:iam::000000000000:role/test";

/// The pause between two checks of what a test waits for. It leaves the processor to the engine.
const PAUSE: Duration = Duration::from_millis(2);
/// The number of pauses after which a test fails. Pauses are counted instead of time, because a machine that stalls for
/// some seconds lets a time limit expire before the engine could do anything.
const MAX_PAUSES: usize = 10_000;

/// Waits for a future. Panics if it takes too long.
pub async fn within_limit<T>(what: &str, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    for _ in 0..MAX_PAUSES {
        if let Ok(done) = tokio::time::timeout(PAUSE, &mut future).await {
            return done;
        }
    }
    panic!("{what} takes too long");
}

/// A call of a function, which returns when the test says so.
pub struct Invocation {
    pub function: String,
    pub payload: Value,
    pub attempt: Attempt,
    returned: oneshot::Sender<Result<Value, FunctionError>>,
}

impl Invocation {
    /// Waits until the engine has dropped the call.
    pub async fn dropped(&mut self) {
        within_limit("dropping the call", self.returned.closed()).await;
    }

    /// The task token in the payload.
    pub fn token(&self) -> String {
        self.payload["taskToken"].as_str().expect("a token in the payload").to_owned()
    }

    pub fn returns(self, answer: Value) {
        let _ = self.returned.send(Ok(answer));
    }

    pub fn fails(self, error_type: &str, message: &str) {
        let _ =
            self.returned.send(Err(FunctionError::Failed { error_type: error_type.into(), message: message.into() }));
    }
}

struct Functions(mpsc::UnboundedSender<Invocation>);

#[async_trait]
impl Integrations for Functions {
    async fn invoke_function(&self, invocation: asl_engine::Invocation) -> Result<Invoked, FunctionError> {
        let (returned, answer) = oneshot::channel();
        let asl_engine::Invocation { function, payload, attempt, .. } = invocation;
        let _ = self.0.send(Invocation { function, payload, attempt, returned });
        match answer.await {
            Ok(answer) => answer.map(Invoked::from),
            // The test has dropped the call, so it never returns.
            Err(_) => std::future::pending().await,
        }
    }

    async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
        if call.parameters["TableName"] == "missing" {
            let service = if call.service == "dynamodb" { "DynamoDB" } else { &call.service };
            let error = format!("{service}.ResourceNotFoundException");
            let refusal = Refusal::new("ResourceNotFoundException", 400, "R");
            return Err(ServiceError::new(error, "Requested resource not found").refused(refusal));
        }
        Ok(json!({}).into())
    }
}

/// A clock that only advances when the test says so.
pub struct ManualClock(watch::Sender<OffsetDateTime>);

impl ManualClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(datetime!(2026-11-22 10:00 UTC))))
    }

    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }

    pub fn set_back(&self, by: Duration) {
        self.0.send_modify(|now| *now -= by);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.borrow()
    }

    async fn sleep_until(&self, deadline: OffsetDateTime) {
        let _ = self.0.subscribe().wait_for(|now| *now >= deadline).await;
    }
}

fn options() -> Options {
    Options::new("000000000000", "eu-west-2")
}

async fn open(
    folder: &Path,
    clock: Arc<dyn Clock>,
    options: Options,
    integrations: Arc<dyn Integrations>,
) -> StepFunctions {
    let database = folder.join(DATABASE);
    StepFunctions::open_with_clock(&database, options, integrations, clock).await.expect("opens")
}

/// An engine and the functions that it calls.
pub struct Desk {
    pub engine: StepFunctions,
    calls: Mutex<mpsc::UnboundedReceiver<Invocation>>,
}

impl Desk {
    pub async fn open(folder: &Path, clock: Arc<dyn Clock>) -> Self {
        Self::open_as(folder, clock, options()).await
    }

    /// Opens an engine with other options.
    pub async fn open_as(folder: &Path, clock: Arc<dyn Clock>, options: Options) -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        Self { engine: open(folder, clock, options, Arc::new(Functions(sender))).await, calls: Mutex::new(calls) }
    }

    /// Opens an engine with other integrations.
    pub async fn open_with(folder: &Path, clock: Arc<dyn Clock>, integrations: Arc<dyn Integrations>) -> Self {
        let (_, calls) = mpsc::unbounded_channel();
        Self { engine: open(folder, clock, options(), integrations).await, calls: Mutex::new(calls) }
    }

    /// Waits for the next call of a function.
    pub async fn called(&self) -> Invocation {
        let mut calls = self.calls.lock().await;
        within_limit("the next call", calls.recv()).await.expect("the engine still runs")
    }

    /// Whether there is no call that the test has not seen. Makes a call of its own, which comes after all pending
    /// calls, and checks that it is the next one.
    pub async fn nothing_called(&self) -> bool {
        let call = json!({
            "Type": "Task", "Resource": "arn:aws:lambda:eu-west-2:000000000000:function:barrier", "End": true
        });
        let machine = self.machine("barrier", &json!({"StartAt": "Call", "States": {"Call": call}})).await;
        self.ask("StartExecution", json!({"stateMachineArn": machine})).await;
        let next = self.called().await;
        let is_barrier = next.function.ends_with("barrier");
        if is_barrier {
            next.returns(json!({}));
        }
        is_barrier && self.calls.lock().await.try_recv().is_err()
    }

    pub async fn try_ask(&self, operation: &str, request: Value) -> Result<Value, (String, String)> {
        let answer = self.engine.handle(operation, request.to_string().as_bytes()).await;
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        if answer.status == 200 {
            return Ok(body);
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Err((text("__type"), text("message")))
    }

    pub async fn ask(&self, operation: &str, request: Value) -> Value {
        self.try_ask(operation, request).await.unwrap_or_else(|fault| panic!("{operation}: {fault:?}"))
    }

    pub async fn refusal(&self, operation: &str, request: Value) -> (String, String) {
        self.try_ask(operation, request).await.expect_err(operation)
    }

    /// Creates a state machine and returns its ARN.
    pub async fn machine(&self, name: &str, definition: &Value) -> String {
        let request = json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE});
        self.ask("CreateStateMachine", request).await["stateMachineArn"].as_str().expect("an ARN").to_owned()
    }

    /// Starts an execution and returns its ARN.
    pub async fn start(&self, machine: &str, name: &str, input: &Value) -> String {
        let request = json!({"stateMachineArn": machine, "name": name, "input": input.to_string()});
        self.ask("StartExecution", request).await["executionArn"].as_str().expect("an ARN").to_owned()
    }

    pub async fn describe(&self, execution: &str) -> Value {
        self.ask("DescribeExecution", json!({"executionArn": execution})).await
    }

    pub async fn status(&self, execution: &str) -> String {
        self.describe(execution).await["status"].as_str().expect("a status").to_owned()
    }

    /// The types of the execution's events.
    pub async fn history(&self, execution: &str) -> Vec<String> {
        let answer = self.ask("GetExecutionHistory", json!({"executionArn": execution, "maxResults": 1000})).await;
        let events = answer["events"].as_array().expect("events");
        events.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
    }

    /// Waits until the execution's history has an event of this type.
    pub async fn until(&self, execution: &str, event: &str) {
        let there = async {
            while !self.history(execution).await.iter().any(|known| known == event) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        within_limit(event, there).await;
    }

    /// Waits until the execution has ended, and returns its description.
    pub async fn end(&self, execution: &str) -> Value {
        let over = async {
            loop {
                let described = self.describe(execution).await;
                if described["status"] != "RUNNING" {
                    return described;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        within_limit("the end of the execution", over).await
    }

    pub async fn succeed(&self, token: &str, output: &Value) -> Result<Value, (String, String)> {
        self.try_ask("SendTaskSuccess", json!({"taskToken": token, "output": output.to_string()})).await
    }
}

/// A state machine with one task that waits up to a minute for its token.
pub fn callback_machine() -> Value {
    json!({
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {
                    "FunctionName": "ask",
                    "Payload": {"taskToken.$": "$$.Task.Token", "question.$": "$.question"}
                },
                "TimeoutSeconds": 60,
                "End": true
            }
        }
    })
}

/// A distributed Map whose children start with the first of these states, with additional fields. Its Catch leads to
/// `Caught`.
pub fn each(states: &Value, more: &Value) -> Value {
    let first = states.as_object().unwrap().keys().next().unwrap();
    let config = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    let mut map = json!({
        "Type": "Map", "Label": "each", "End": true,
        "ItemProcessor": {"ProcessorConfig": config, "StartAt": first, "States": states},
    });
    for (field, value) in more.as_object().unwrap() {
        map[field] = value.clone();
    }
    let catches = map.get("Catch").is_some();
    let mut states = json!({ "Each": map });
    if catches {
        states["Caught"] = json!({"Type": "Pass", "End": true});
    }
    json!({"StartAt": "Each", "States": states})
}

pub fn pass() -> Value {
    json!({"One": {"Type": "Pass", "End": true}})
}
