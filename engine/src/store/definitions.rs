//! Parsed definitions by the hash of their text.
//!
//! Parsing a large definition takes long, so the writer never does it. Other threads parse definitions for the writer
//! and put them here. The meaning of a text never changes, so no entry is ever outdated.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::definition::{Definition, Diagnostics};

/// The SHA-256 of a definition's text.
pub(crate) type Hash = [u8; 32];

/// The maximum number of parsed definitions in memory. The least recently used one is evicted.
const MOST: usize = 128;

#[derive(Default)]
pub(crate) struct Definitions {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The definitions with the time of their last use.
    by_hash: HashMap<Hash, (u64, Arc<Definition>)>,
    turn: u64,
}

impl Definitions {
    pub fn get(&self, hash: &Hash) -> Option<Arc<Definition>> {
        let mut known = self.known();
        known.turn += 1;
        let turn = known.turn;
        let (used, definition) = known.by_hash.get_mut(hash)?;
        *used = turn;
        Some(definition.clone())
    }

    /// Returns a definition, and parses it if it is not known.
    ///
    /// # Errors
    /// When the text is not a definition. It was checked before it was stored, so the file is damaged then.
    pub fn parse(&self, hash: Hash, text: &str) -> Result<Arc<Definition>, Diagnostics> {
        if let Some(known) = self.get(&hash) {
            return Ok(known);
        }
        let definition = Arc::new(Definition::load(text)?);
        self.insert(hash, definition.clone());
        Ok(definition)
    }

    pub fn insert(&self, hash: Hash, definition: Arc<Definition>) {
        let mut known = self.known();
        let turn = known.turn;
        if known.by_hash.len() >= MOST
            && let Some(oldest) = known.by_hash.iter().min_by_key(|(_, (used, _))| *used).map(|(hash, _)| *hash)
        {
            known.by_hash.remove(&oldest);
        }
        known.by_hash.insert(hash, (turn, definition));
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // The map is consistent even if a thread panicked while holding it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
