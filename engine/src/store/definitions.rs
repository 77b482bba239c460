//! Parsed definitions, found by the hash of their text.
//!
//! Parsing takes long for a large definition, so the writer never does it. Whoever parses a definition for the writer
//! puts it here. What a text means never changes, so nothing here is ever outdated.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::definition::{Definition, Diagnostics};

/// The SHA-256 of a definition's text.
pub(crate) type Hash = [u8; 32];

/// Parsed definitions in memory at most. The least recently used one goes.
const MOST: usize = 128;

#[derive(Default)]
pub(crate) struct Definitions {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Each with the turn in which it was last used.
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

    /// The definition, parsed now unless it is known.
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
        // The map is whole whatever happened to whoever held it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
