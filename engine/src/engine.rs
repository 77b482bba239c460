//! The parts of a running engine, put together.

use std::{
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    Clock, Integrations, OpenError, Options,
    definition::{Definition, Diagnostics, Resource},
    interpreter::Work,
    payload::Payload,
    reactions::Reactions,
    store::{CallEffect, Store},
};

/// A running engine: the database, and what goes on around it.
pub(crate) struct Engine {
    pub options: Options,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub integrations: Arc<dyn Integrations>,
    pub reactions: Arc<Reactions>,
    /// Becomes true when the engine closes: whoever waits for something stops waiting.
    pub closing: watch::Sender<bool>,
    /// Makes a call for TestState.
    pub call_once: CallOnce,
    background: Mutex<Vec<JoinHandle<()>>>,
}

/// Makes a call that no execution waits for. A failure is its error and cause.
///
/// Operations call it through the engine, because calls can lead back to operations: a task may call Step Functions.
pub(crate) type CallOnce = for<'a> fn(&'a Engine, Work) -> CallOutcome<'a>;
pub(crate) type CallOutcome<'a> = Pin<Box<dyn Future<Output = Result<Payload, (String, String)>> + Send + 'a>>;

impl Engine {
    /// Opens the database. Also gives the queue of calls to make: see [`tasks::spawn`](crate::tasks::spawn).
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
        let engine = Arc::new(Self { options, store, clock, integrations, reactions, closing, call_once, background });
        Ok((engine, calls))
    }

    /// Takes charge of tasks: they end when the engine closes.
    pub fn keep(&self, tasks: impl IntoIterator<Item = JoinHandle<()>>) {
        self.background().extend(tasks);
    }

    fn background(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.background.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a definition that is to be run here: what can't be called is refused.
    pub fn read_definition(&self, text: &str) -> Result<Definition, Diagnostics> {
        Definition::parse_where(text, &|resource| match resource {
            Resource::Service { service, action, .. } => match service.as_str() {
                "lambda" | "states" | "aws-sdk:sfn" => None,
                other => self.integrations.unavailable(other.strip_prefix("aws-sdk:").unwrap_or(other), action),
            },
            Resource::Lambda { .. } | Resource::Activity { .. } => None,
        })
    }

    /// Ends what goes on in the background and closes the database. A second time does nothing.
    pub fn close(&self) {
        self.closing.send_replace(true);
        self.reactions.endings.forget();
        self.background().drain(..).for_each(|task| task.abort());
        self.store.close();
    }
}
