//! The types that describe tables. Each table is described in the module that uses it.

/// A table whose key is a single text attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub key: &'static str,
    pub indexes: &'static [Index],
    /// Names of indexes that earlier versions of the desk used.
    pub retired_indexes: &'static [&'static str],
    /// The attribute with the expiry time of an item, in epoch seconds.
    pub time_to_live: Option<&'static str>,
}

/// A global secondary index on two text attributes. It contains only items that have both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    pub name: &'static str,
    pub partition: &'static str,
    pub sort: &'static str,
    pub shows: Shows,
}

/// The attributes that an index contains in addition to the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Everything,
    KeysOnly,
    Also(&'static [&'static str]),
}
