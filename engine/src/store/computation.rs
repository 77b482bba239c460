//! Computations that take too long for the open transaction and run outside of it.
//!
//! While a change runs, every other change waits. A change that needs a long computation stops with a [`Computation`]
//! instead. It is undone, the computation runs on another thread, and then the change runs again with the result. The
//! inputs of the computation may have changed in the meantime, so a change only uses a result if the rows are the same
//! as then, and otherwise requests another computation.

use std::{any::Any, fmt, sync::Arc};

use rusqlite::Connection;
use time::OffsetDateTime;

use super::{ExecutionId, Stop, definitions::Definitions, readers::Pool, state_machines};
use crate::{Options, clock::Clock, definition::Definition, store::state_machines::Runnable, token::Signer};

/// The result of a computation. The code that requests it and the code that uses it agree on its type.
pub(crate) type Computed = Arc<dyn Any + Send + Sync>;

type Compute = Box<dyn FnOnce(&mut Outside) -> Result<Computed, Stop> + Send>;

/// A long computation that a change requires before it can continue.
pub(crate) struct Computation {
    /// The execution that it belongs to. Only one computation runs per execution, because the change that uses its
    /// result would make the next one outdated.
    pub(super) execution: Option<ExecutionId>,
    pub(super) compute: Compute,
}

impl Computation {
    /// Computes a step of an execution, or a part of one.
    pub fn of(
        execution: ExecutionId,
        compute: impl FnOnce(&mut Outside) -> Result<Computed, Stop> + Send + 'static,
    ) -> Self {
        Self { execution: Some(execution), compute: Box::new(compute) }
    }

    /// Parses a stored definition. The result is a [`Parsed`].
    pub(super) fn parse(revision: state_machines::Revision) -> Self {
        let compute = move |outside: &mut Outside| -> Result<Computed, Stop> {
            let definition = outside.definition(&revision)?;
            Ok(Arc::new(Parsed { hash: revision.definition_hash, definition }))
        };
        Self { execution: None, compute: Box::new(compute) }
    }
}

impl fmt::Debug for Computation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Computation").field("execution", &self.execution).finish_non_exhaustive()
    }
}

/// A definition that was parsed for a change. The change keeps it until it is done, so that it can't be evicted in
/// between.
pub(super) struct Parsed {
    pub hash: super::definitions::Hash,
    pub definition: Arc<Definition>,
}

/// Reads rows: in the open transaction, or committed rows outside of it.
pub(crate) trait Rows {
    /// Runs a query that sees a single state of the database.
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T>;
    /// A revision that is ready to run.
    fn runnable(&mut self, revision: i64) -> Result<Arc<Runnable>, Stop>;
    fn options(&self) -> &Options;
    fn signer(&self) -> &Signer;
}

/// What a computation can access. Each of its queries reads the data committed at that time, and is short: a long one
/// would block checkpoints of the write-ahead log.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(super) pool: Arc<Pool>,
    pub(super) options: Options,
    pub(super) signer: Signer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) definitions: Arc<Definitions>,
}

impl Outside {
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    fn definition(&self, revision: &state_machines::Revision) -> Result<Arc<Definition>, Stop> {
        let parsed = self.definitions.parse(revision.definition_hash, &revision.definition);
        // The definition was checked when it was created, so the file is damaged if it can't be read at all.
        Ok(parsed.map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error))
        })?)
    }
}

impl Rows for Outside {
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.pool.run(query)
    }

    fn runnable(&mut self, revision: i64) -> Result<Arc<Runnable>, Stop> {
        let revision = self.read(|connection| state_machines::revision(connection, revision))?;
        let definition = self.definition(&revision)?;
        Ok(Arc::new(Runnable::new(revision, definition)))
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn signer(&self) -> &Signer {
        &self.signer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    };

    use super::*;
    use crate::{
        SystemClock,
        store::{Begun, Store, Transaction, tags},
        test_support::Nothing,
    };

    fn open(folder: &tempfile::TempDir) -> Arc<Store> {
        let options = Options::new("000000000000", "eu-west-2");
        Arc::new(Store::open(&folder.path().join("db"), options, Arc::new(SystemClock), Arc::new(Nothing)).unwrap())
    }

    #[tokio::test]
    async fn a_definition_is_parsed_outside_of_the_transaction_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let create = |transaction: &mut Transaction<'_>| {
            let definition = r#"{"StartAt": "One", "States": {"One": {"Type": "Succeed"}}}"#;
            let first = state_machines::NewRevision {
                state_machine: 0,
                revision_id: None,
                definition,
                role_arn: "",
                settings: "{}",
                created: 0,
            };
            Ok(state_machines::insert(transaction.connection, "m", false, &first)?)
        };
        store.write(create).await.unwrap();
        let load = |transaction: &mut Transaction<'_>| Ok(transaction.runnable(1)?.state_machine_name.clone());
        let Begun::TooLong(unfinished) = store.begin(load).await else { panic!("parsed in the transaction") };
        assert_eq!(store.finish(unfinished).await.unwrap(), "m");
        let Begun::Settled(loaded) = store.begin(load).await else { panic!("parsed once more") };
        assert_eq!(loaded.unwrap(), "m");
    }

    fn tags_of(connection: &Connection) -> rusqlite::Result<usize> {
        Ok(tags::list(connection, "r")?.len())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_result_of_rows_that_have_changed_is_computed_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let (read, has_read) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let (runs, may_go_on) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(may_go_on)));
        let counted = runs.clone();
        let change = move |transaction: &mut Transaction<'_>| {
            let now = tags_of(transaction.connection)?;
            if let Some(computed) = transaction.computed(|computed: &usize| *computed == now) {
                return Ok(*computed);
            }
            let (counted, read, may_go_on) = (counted.clone(), read.clone(), may_go_on.clone());
            Err(Stop::TooLong(Computation::of(ExecutionId(1), move |outside| {
                counted.fetch_add(1, Ordering::Relaxed);
                let tags = outside.read(tags_of)?;
                read.send(()).unwrap();
                may_go_on.lock().unwrap().recv().unwrap();
                Ok(Arc::new(tags))
            })))
        };
        let changing = tokio::spawn({
            let store = store.clone();
            async move { store.write(change).await }
        });
        tokio::task::block_in_place(|| has_read.recv().unwrap());
        // The writer is free while the computation waits.
        store.write(|transaction| Ok(tags::put(transaction.connection, "r", "key", "")?)).await.unwrap();
        go_on.send(()).unwrap();
        go_on.send(()).unwrap();
        assert_eq!(changing.await.unwrap().unwrap(), 1);
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }
}
