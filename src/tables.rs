//! What a table of ours looks like, and which there are. Each stands with the module whose job it serves.

use crate::{applications, callbacks, paused, sessions, settings};

/// A table whose key is one text attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub key: &'static str,
    pub indexes: &'static [Index],
    /// The attribute after whose time, in epoch seconds, an item may vanish.
    pub time_to_live: Option<&'static str>,
}

/// A global secondary index on two text attributes. An item without them is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    pub name: &'static str,
    pub partition: &'static str,
    pub sort: &'static str,
    pub shows: Shows,
}

/// What of an item an index shows besides the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Everything,
    KeysOnly,
    Also(&'static [&'static str]),
}

/// All tables of the desk.
pub const ALL: [&Table; 6] = [
    &applications::TABLE,
    &paused::TABLE,
    &callbacks::TABLE,
    &callbacks::REFERENCES,
    &sessions::TABLE,
    &settings::TABLE,
];
