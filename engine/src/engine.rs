//! The components of a running engine.

use std::{
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
};

use crate::{
    Clock, Integrations, OpenError, Options,
    definition::{Definition, Diagnostics, Resource},
    interpreter::Work,
    payload::Payload,
    reactions::Reactions,
    store::{CallEffect, StorageError, Store},
};

/// A running engine: the database and the background tasks.
pub(crate) struct Engine {
    pub options: Options,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub integrations: Arc<dyn Integrations>,
    pub reactions: Arc<Reactions>,
    /// Becomes true when the engine closes, so that waiting callers stop.
    pub closing: watch::Sender<bool>,
    /// Makes a call for TestState.
    pub call_once: CallOnce,
    background: Mutex<Vec<JoinHandle<()>>>,
    computations: Arc<Semaphore>,
}

/// The maximum number of definitions and state tests that are processed at the same time. Each may take
/// [`StepFunctions::MEMORY_PER_REQUEST`](crate::StepFunctions::MEMORY_PER_REQUEST).
const COMPUTATIONS: usize = 2;

/// Makes a call for which no execution waits. A failure consists of its error and cause.
///
/// Operations make calls through the engine because calls can lead back to operations: a task may call Step Functions.
pub(crate) type CallOnce = for<'a> fn(&'a Engine, Work) -> CallOutcome<'a>;
pub(crate) type CallOutcome<'a> = Pin<Box<dyn Future<Output = Result<Payload, (String, String)>> + Send + 'a>>;

impl Engine {
    /// Opens the database. Also returns the queue of calls to make: see [`tasks::spawn`](crate::tasks::spawn).
    pub async fn open(
        database: &Path,
        options: Options,
        integrations: Arc<dyn Integrations>,
        clock: Arc<dyn Clock>,
        call_once: CallOnce,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<CallEffect>), OpenError> {
        let (reactions, calls) = Reactions::new();
        let reactions = Arc::new(reactions);
        let open = {
            let (path, options, clock) = (database.to_owned(), options.clone(), clock.clone());
            let reactions = reactions.clone();
            move || Store::open(&path, options, clock, reactions)
        };
        let store = tokio::task::spawn_blocking(open)
            .await
            .map_err(|error| OpenError::Storage { path: database.display().to_string(), source: error.into() })??;
        let (closing, background) = (watch::Sender::new(false), Mutex::default());
        let engine = Arc::new(Self {
            options,
            store,
            clock,
            integrations,
            reactions,
            closing,
            call_once,
            background,
            computations: Arc::new(Semaphore::new(COMPUTATIONS)),
        });
        Ok((engine, calls))
    }

    /// Registers background tasks, which are aborted when the engine closes.
    pub fn keep(&self, tasks: impl IntoIterator<Item = JoinHandle<()>>) {
        self.background().extend(tasks);
    }

    fn background(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.background.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a definition. Refuses resources that this engine can't call.
    pub async fn read_definition(&self, text: String) -> Result<Result<Definition, Diagnostics>, StorageError> {
        let integrations = self.integrations.clone();
        let unavailable = move |resource: &Resource| match resource {
            Resource::Service { service, action, .. } => match service.as_str() {
                "lambda" | "states" | "aws-sdk:sfn" => None,
                other => integrations.unavailable(other.strip_prefix("aws-sdk:").unwrap_or(other), action),
            },
            Resource::Lambda { .. } | Resource::Activity { .. } => None,
        };
        self.compute(move || Definition::parse_where(&text, &unavailable)).await
    }

    /// Runs a computation that can take long, on another thread than those that answer requests.
    ///
    /// # Errors
    /// When the computation panics, which is logged, or when the engine closes.
    pub async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StorageError> {
        let permit = self.computations.clone().acquire_owned().await.map_err(|_| StorageError::Closed)?;
        let computed = tokio::task::spawn_blocking(move || {
            let computed = work();
            drop(permit);
            computed
        });
        computed.await.map_err(|error| if error.is_cancelled() { StorageError::Closed } else { StorageError::Internal })
    }

    /// Aborts the background tasks and closes the database. Idempotent.
    pub fn close(&self) {
        self.closing.send_replace(true);
        self.reactions.endings.forget();
        self.background().drain(..).for_each(|task| task.abort());
        self.store.close();
    }
}
