//! The revisions that were used most recently, ready to run, in the writer's memory.

use std::{collections::HashMap, sync::Arc};

use rusqlite::Connection;

use super::{
    Stop,
    computation::{Computation, Computed, Parsed},
    definitions::Definitions,
    state_machines::{Runnable, revision},
};

/// When it is full, the least recently used revision is evicted.
#[derive(Default)]
pub(crate) struct Revisions {
    /// The revisions with the time of their last use.
    known: HashMap<i64, (u64, Arc<Runnable>)>,
    turn: u64,
    /// The revisions that the current change has read. If it is undone, they may never have existed.
    read_by_change: Vec<i64>,
}

/// The maximum number of revisions in memory.
const MOST: usize = 128;

impl Revisions {
    /// Returns a revision. `computed` contains what was computed for the change that asks.
    ///
    /// # Errors
    /// [`Stop::TooLong`] if its definition must be parsed first.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        id: i64,
        definitions: &Definitions,
        computed: &[Computed],
    ) -> Result<Arc<Runnable>, Stop> {
        self.turn += 1;
        if let Some((used, runnable)) = self.known.get_mut(&id) {
            *used = self.turn;
            return Ok(runnable.clone());
        }
        let revision = revision(connection, id)?;
        let hash = revision.definition_hash;
        let mut parsed = computed.iter().filter_map(|computed| computed.downcast_ref::<Parsed>());
        let parsed = parsed.find(|parsed| parsed.hash == hash).map(|parsed| parsed.definition.clone());
        let Some(definition) = parsed.or_else(|| definitions.get(&hash)) else {
            return Err(Stop::TooLong(Computation::parse(revision)));
        };
        let runnable = Arc::new(Runnable::new(revision, definition));
        if self.known.len() >= MOST
            && let Some(oldest) = self.known.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id)
        {
            self.known.remove(&oldest);
        }
        self.known.insert(id, (self.turn, runnable.clone()));
        self.read_by_change.push(id);
        Ok(runnable)
    }

    /// Must be called when a change begins.
    pub(super) fn begin(&mut self) {
        self.read_by_change.clear();
    }

    /// Must be called when a change was undone. A revision that it has created is gone, and its number is reused.
    pub(super) fn roll_back(&mut self) {
        for id in self.read_by_change.drain(..) {
            self.known.remove(&id);
        }
    }

    /// Must be called when a state machine has been deleted, because the numbers of its revisions may be reused.
    pub fn clear(&mut self) {
        self.known.clear();
    }
}
