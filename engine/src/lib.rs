//! An embeddable AWS Step Functions: Amazon States Language, durable executions and task tokens on SQLite, behind the
//! AWS JSON protocol.
//!
//! Implement [`Integrations`] to provide the functions and services that Task states call, or use
//! [`Endpoints`](endpoints::Endpoints) to reach local ones over HTTP. Open a database file with [`StepFunctions::open`],
//! and pass requests to [`StepFunctions::handle`]: from an SDK's HTTP connector, from a web server, or your own.
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
//!
//! # Durability
//! The changes that an answer reports are on disk before [`StepFunctions::handle`] returns. Timers, history events and the
//! calls of tasks are committed in the same way. A call that was in progress when the process died is made again, with
//! the same [`Attempt::idempotency_key`].
//!
//! # Retention, backups and integrity
//! An execution is deleted 90 days after it has ended, as on AWS: with its history and its map runs, and its name becomes
//! available again. [`Options::with_retention`] sets another period, or keeps executions forever. The engine deletes in
//! small steps between other requests, and returns free pages to the file system.
//!
//! [`StepFunctions::backup`] writes a verified copy of the database while the engine runs. To restore a backup, stop the
//! engine, replace the database file with it, and delete the `-wal` and `-shm` files of the old database.
//! [`StepFunctions::check`] reads the whole database and reports damage.
//!
//! Opening a file that is damaged, that another process has open, or that something else has written fails with an
//! [`OpenError`] and leaves the file unchanged. A file of an earlier version is migrated, from schema 2 on.
//!
//! # Security
//! The database contains the key that signs task tokens, and the inputs and outputs of executions. The engine creates it
//! and its backups with mode 0600. Requests are not authenticated: whoever can call [`StepFunctions::handle`] can do
//! everything. Each request is limited in size, time and memory ([`StepFunctions::MEMORY_PER_REQUEST`]).

mod activation;
mod arn;
mod clock;
mod dataset;
mod definition;
mod deletion;
mod description;
#[cfg(feature = "endpoints")]
pub mod endpoints;
mod engine;
mod execution;
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod ids;
mod integrations;
mod interpreter;
mod map_runs;
mod names;
mod operations;
mod options;
mod payload;
mod protocol;
mod query;
mod reactions;
mod splitmix;
mod store;
mod tasks;
#[cfg(test)]
mod test_support;
mod token;

use std::{path::Path, sync::Arc};

pub use clock::{Clock, SystemClock};
pub use integrations::{
    Attempt, Cancellation, Exchange, FunctionError, Integrations, Invocation, InvocationType, Invoked, Refusal,
    ServiceAnswer, ServiceCall, ServiceError,
};
pub use options::Options;
pub use protocol::Answer;
pub use store::{BackupError, CheckError, Identity, OpenError};
pub use token::TASK_TOKEN_SHAPES;

use crate::engine::Engine;

/// The embedded Step Functions. Cheap to clone: the clones share one engine, which closes when the last one is dropped.
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
    /// The maximum memory that one request takes while it is processed, in bytes. This covers several copies of the request
    /// and its answer, and everything that its expressions compute.
    pub const MEMORY_PER_REQUEST: usize = 512 << 20;

    /// Opens the database file, or creates it if it does not exist. Fires the timers that came due in the meantime, and
    /// repeats the calls that were not answered.
    ///
    /// # Errors
    /// When the file can't be opened, is in use, is damaged, is not a database of this crate, or was written by a version
    /// that this one can't migrate from. The file is left unchanged.
    pub async fn open(
        database: &Path,
        options: Options,
        integrations: Arc<dyn Integrations>,
    ) -> Result<Self, OpenError> {
        Self::open_with_clock(database, options, integrations, Arc::new(SystemClock)).await
    }

    /// Like [`StepFunctions::open`], with a clock that tests can advance instead of waiting.
    ///
    /// # Errors
    /// See [`StepFunctions::open`].
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

    /// Reads the identity of a database that no engine has open. The file is not changed. `None` when there is no such
    /// database at `database`.
    pub fn identity(database: &Path) -> Option<Identity> {
        store::identity(database)
    }

    /// Answers one request of the AWS JSON 1.0 protocol. `operation` is the part of `X-Amz-Target` after
    /// `AWSStepFunctions.`. The changes that the answer reports are on disk when this returns.
    pub async fn handle(&self, operation: &str, body: &[u8]) -> Answer {
        Answer::of(operations::answer(&self.engine.0, operation, body).await)
    }

    /// Writes a consistent copy of the database to `path` while the engine runs. The copy is checked as by
    /// [`StepFunctions::check`] before it is renamed to `path`, and is on disk when this returns. To restore it, replace
    /// the database file of an engine that is not running, and delete the `-wal` and `-shm` files of the old database.
    ///
    /// The copy contains the key that signs task tokens, and all inputs and outputs: protect it like the database. It is as
    /// large as the database without its free pages. While the copy is written, the write-ahead log can't be truncated
    /// and grows with each commit.
    ///
    /// # Errors
    /// When `path` exists, and when the copy can't be written or is damaged. No file is left at `path` then.
    pub async fn backup(&self, path: &Path) -> Result<(), BackupError> {
        self.engine.0.store.back_up(path).await
    }

    /// Reads the whole database and checks its integrity (SQLite's `integrity_check`) while the engine runs. This takes
    /// about a second for 500 MB.
    ///
    /// # Errors
    /// When the database is damaged or can't be read.
    pub async fn check(&self) -> Result<(), CheckError> {
        self.engine.0.store.check().await
    }

    /// Stops firing timers, commits what is being processed and closes the database. Calls in progress are abandoned, and
    /// repeated when the database is opened again.
    pub async fn shutdown(&self) {
        let engine = self.engine.0.clone();
        // Closing waits for the writer's thread.
        let _ = tokio::task::spawn_blocking(move || engine.close()).await;
    }
}
