//! What takes too long for the open transaction and is computed outside of it.
//!
//! Every other change waits while one runs. A change that finds that it has something long to compute stops with a
//! [`Computation`] instead. It is undone, the computation runs on a thread of its own, and then the change runs again with
//! the result at hand. What a result was computed from may have changed meanwhile, so a change uses a result only if it
//! finds the rows as they were then, and asks for another one otherwise.

use std::{any::Any, fmt, sync::Arc};

use rusqlite::Connection;
use time::OffsetDateTime;

use super::{ExecutionId, Stop, definitions::Definitions, readers::Pool, state_machines};
use crate::{Options, clock::Clock, definition::Definition, store::state_machines::Runnable, token::Signer};

/// The result of a computation. Its type is a matter between whoever asks for it and whoever uses it.
pub(crate) type Computed = Arc<dyn Any + Send + Sync>;

type Compute = Box<dyn FnOnce(&mut Outside) -> Result<Computed, Stop> + Send>;

/// Something long that a change must know before it can go on.
pub(crate) struct Computation {
    /// The execution that it is about: for one execution one thing is computed at a time, because the next one would be
    /// outdated by the change that uses the first.
    pub(super) execution: Option<ExecutionId>,
    pub(super) compute: Compute,
}

impl Computation {
    /// A step of an execution, or what belongs to it.
    pub fn of(
        execution: ExecutionId,
        compute: impl FnOnce(&mut Outside) -> Result<Computed, Stop> + Send + 'static,
    ) -> Self {
        Self { execution: Some(execution), compute: Box::new(compute) }
    }

    /// Parsing a stored definition. The result is a [`Parsed`].
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

/// A definition that was parsed for a change. The change keeps it until it is done, so that it cannot be forgotten in
/// between.
pub(super) struct Parsed {
    pub hash: super::definitions::Hash,
    pub definition: Arc<Definition>,
}

/// Reads rows: those of the open transaction, or outside of it those that are committed.
pub(crate) trait Rows {
    /// All that one query reads was true at the same time.
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T>;
    /// A revision that is ready to run.
    fn runnable(&mut self, revision: i64) -> Result<Arc<Runnable>, Stop>;
    fn options(&self) -> &Options;
    fn signer(&self) -> &Signer;
}

/// What a computation sees. Each of its queries reads what is committed at that time, and none lasts long: a long one
/// would keep the write-ahead log from being moved into the database.
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
        // It was checked when it was created. That it cannot be read at all now means that the file is damaged.
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
