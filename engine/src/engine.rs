//! The parts of a running engine, put together.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    Clock, Integrations, OpenError, Options,
    definition::{Definition, Diagnostics, Resource},
    store::{AfterCommit, Effects, Store},
    tasks::{self, Alarm, Calls, Deletions, Endings, MapRuns, Workers},
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
    background: Mutex<Vec<JoinHandle<()>>>,
}

/// What wakes when something has been committed.
pub(crate) struct Reactions {
    pub alarm: Alarm,
    pub calls: Calls,
    pub workers: Workers,
    pub endings: Endings,
    pub deletions: Deletions,
    pub map_runs: MapRuns,
}

impl AfterCommit for Reactions {
    fn perform(&self, effects: Effects) {
        if let Some(due) = effects.earliest_timer {
            self.alarm.set(due);
        }
        effects.calls.into_iter().for_each(|call| self.calls.send(call));
        effects.offers.iter().for_each(|activity| self.workers.wake_one(activity));
        effects.ended.into_iter().for_each(|ended| self.endings.tell(ended));
        if effects.deleting {
            self.deletions.wake();
        }
        if effects.map_runs {
            self.map_runs.wake();
        }
    }
}

impl Engine {
    pub async fn open(
        database: &Path,
        options: Options,
        integrations: Arc<dyn Integrations>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, OpenError> {
        let (calls, line) = Calls::new();
        let reactions = Arc::new(Reactions {
            alarm: Alarm::default(),
            calls,
            workers: Workers::default(),
            endings: Endings::default(),
            deletions: Deletions::default(),
            map_runs: MapRuns::default(),
        });
        let open = {
            let (path, options, clock) = (database.to_owned(), options.clone(), clock.clone());
            let reactions = reactions.clone();
            move || Store::open(&path, options, clock, reactions)
        };
        let store = tokio::task::spawn_blocking(open)
            .await
            .map_err(|error| OpenError::Storage { path: database.display().to_string(), source: error.into() })??;
        let (closing, background) = (watch::Sender::new(false), Mutex::default());
        let engine = Arc::new(Self { options, store, clock, integrations, reactions, closing, background });
        let tasks = [
            tokio::spawn(tasks::fire_timers(engine.clone())),
            tokio::spawn(tasks::make_calls(engine.clone(), line)),
            tokio::spawn(tasks::carry_out_deletions(engine.clone())),
            tokio::spawn(tasks::start_children(engine.clone())),
        ];
        engine.background().extend(tasks);
        Ok(engine)
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
