//! Numbers that identify rows, in a type for each.

/// An execution's row. Task tokens name executions by it, so it is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId(pub i64);
