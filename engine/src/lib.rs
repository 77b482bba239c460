//! An embeddable AWS Step Functions: Amazon States Language, durable executions and task tokens on SQLite, behind the
//! AWS JSON protocol.
//!
//! The embedder provides the functions and services that Task states call ([`Integrations`]) and passes requests to
//! [`StepFunctions::handle`]: from an SDK's HTTP connector, from a web server, or its own.
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//!
//! use asl_engine::{
//!     FunctionError, Integrations, Invocation, Invoked, Options, ServiceAnswer, ServiceCall, ServiceError,
//!     StepFunctions,
//! };
//! use serde_json::{Value, json};
//!
//! struct Greetings;
//!
//! #[async_trait::async_trait]
//! impl Integrations for Greetings {
//!     async fn invoke_function(&self, invocation: Invocation) -> Result<Invoked, FunctionError> {
//!         let name = invocation.payload["name"].as_str().unwrap_or("you");
//!         Ok(json!(format!("Hello {name}")).into())
//!     }
//!
//!     async fn call_service(&self, call: ServiceCall) -> Result<ServiceAnswer, ServiceError> {
//!         Err(ServiceError::new(format!("{}.NotSupported", call.service), "There are only greetings here"))
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let options = Options::new("000000000000", "eu-west-2");
//! let engine = StepFunctions::open(&folder.path().join("executions.sqlite"), options, Arc::new(Greetings)).await?;
//!
//! let ask = async |operation: &str, request: Value| -> Result<Value, serde_json::Error> {
//!     serde_json::from_slice(&engine.handle(operation, request.to_string().as_bytes()).await.body)
//! };
//! let definition = r#"{"StartAt": "Greet", "States": {"Greet": {
//!     "Type": "Task", "Resource": "arn:aws:lambda:eu-west-2:000000000000:function:greet", "End": true
//! }}}"#;
//! let role = "arn:aws:iam::000000000000:role/greeting";
//! let machine =
//!     ask("CreateStateMachine", json!({"name": "greeting", "definition": definition, "roleArn": role})).await?;
//! let machine = &machine["stateMachineArn"];
//! let request = json!({"stateMachineArn": machine, "name": "first", "input": r#"{"name": "Ada"}"#});
//! let execution = ask("StartExecution", request).await?["executionArn"].clone();
//!
//! let mut end = json!({"status": "RUNNING"});
//! while end["status"] == "RUNNING" {
//!     end = ask("DescribeExecution", json!({"executionArn": execution})).await?;
//! }
//! assert_eq!(end["output"], r#""Hello Ada""#);
//! engine.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod activation;
mod arn;
mod clock;
mod dataset;
pub mod definition;
mod deletion;
mod description;
#[cfg(feature = "endpoints")]
pub mod endpoints;
mod engine;
mod execution;
pub mod history;
mod ids;
mod integrations;
pub mod interpreter;
mod map_runs;
mod names;
mod operations;
mod options;
mod payload;
mod protocol;
pub mod query;
mod reactions;
mod splitmix;
mod store;
mod tasks;
mod token;

use std::{path::Path, sync::Arc};

pub use clock::{Clock, SystemClock};
pub use integrations::{
    Attempt, Cancellation, Exchange, FunctionError, Integrations, Invocation, InvocationType, Invoked, Refusal,
    ServiceAnswer, ServiceCall, ServiceError,
};
pub use options::Options;
pub use protocol::Answer;
pub use store::{BackupError, CheckError, OpenError};
pub use token::TASK_TOKEN_SHAPES;

use crate::engine::Engine;

/// The embedded Step Functions. Cheap to clone: clones share one engine, which closes when the last clone is dropped.
#[derive(Clone)]
pub struct StepFunctions {
    engine: Arc<Running>,
}

/// Closes the engine when dropped.
struct Running(Arc<Engine>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl StepFunctions {
    /// The most memory that one request may take while it is carried out, in bytes. It holds what the request and its
    /// answer take several times over, and what its expressions compute.
    pub const MEMORY_PER_REQUEST: usize = 512 << 20;

    /// Opens the database file, creates it when it is missing, fires what came due meanwhile and makes again the
    /// calls that were not answered.
    ///
    /// # Errors
    /// When the file can't be opened, is in use, is damaged, belongs to something else, or was written by a newer version
    /// or by one too old to be brought up to this one. It is left as it was.
    pub async fn open(
        database: &Path,
        options: Options,
        integrations: Arc<dyn Integrations>,
    ) -> Result<Self, OpenError> {
        Self::open_with_clock(database, options, integrations, Arc::new(SystemClock)).await
    }

    /// Like [`StepFunctions::open`], with the caller's clock, so that tests can advance time instead of waiting.
    ///
    /// # Errors
    /// As [`StepFunctions::open`].
    pub async fn open_with_clock(
        database: &Path,
        options: Options,
        integrations: Arc<dyn Integrations>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let (engine, calls) = Engine::open(database, options, integrations, clock, tasks::call_once).await?;
        tasks::spawn(&engine, calls);
        Ok(Self { engine: Arc::new(Running(engine)) })
    }

    /// Answers one request of the AWS JSON 1.0 protocol. `operation` is the part of `X-Amz-Target` after
    /// `AWSStepFunctions.`. The changes that the answer reports are on disk when this returns.
    pub async fn handle(&self, operation: &str, body: &[u8]) -> Answer {
        Answer::of(operations::answer(&self.engine.0, operation, body).await)
    }

    /// Writes a copy of the database to `path`, as it is at one moment, while the engine goes on. The copy is checked
    /// like [`StepFunctions::check`] does before it gets its name, and is on disk when this returns. To restore it, put
    /// it in the place of the database file of an engine that is not running, without the `-wal` and `-shm` files of that.
    ///
    /// The copy holds the key that signs task tokens, and inputs and outputs as they are: guard it like the database. It
    /// takes as much disk as the database without its free pages. Until it is made, the write-ahead log grows by what
    /// is written meanwhile.
    ///
    /// # Errors
    /// When there is a file at `path`, when the copy can't be written, and when it is damaged. Then there is no file at
    /// `path`.
    pub async fn backup(&self, path: &Path) -> Result<(), BackupError> {
        self.engine.0.store.back_up(path).await
    }

    /// Reads the whole database and checks that it is whole (SQLite's `integrity_check`), while the engine goes on. This
    /// takes about a second for 500 MB.
    ///
    /// # Errors
    /// When the database is damaged or can't be read.
    pub async fn check(&self) -> Result<(), CheckError> {
        self.engine.0.store.check().await
    }

    /// Stops firing timers, commits running activations and closes the database. Calls under way are abandoned and repeated
    /// when the database is opened again.
    pub async fn shutdown(&self) {
        let engine = self.engine.0.clone();
        // Closing waits for the writer's thread.
        let _ = tokio::task::spawn_blocking(move || engine.close()).await;
    }
}
