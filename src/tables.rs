//! What describes a table. Each table is described by the module whose job it serves.

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
