//! What keeps a definition or an input from growing values that nothing can hold.

use std::cell::Cell;

use serde_json::Value;

use super::QueryError;

/// How deep a value may nest. Everything the engine keeps is JSON text that must be readable again (the reader stops
/// at 128 levels) with room for the envelopes it is stored in.
pub const MAX_DEPTH: usize = 100;

/// How much one field may compute before anything is measured, in bytes of JSON, roughly. AWS allows 262,144 in the
/// end; what lies between only has to fit into memory.
const MAX_SIZE: usize = 16_000_000;

/// How many places one field's paths may visit.
const MAX_VISITS: usize = 2_000_000;

/// What the computation of one field may still use. Shared by all that is computed for it.
#[derive(Debug)]
pub(super) struct Allowance {
    size: Cell<usize>,
    visits: Cell<usize>,
}

impl Allowance {
    pub fn new() -> Self {
        Self { size: Cell::new(MAX_SIZE), visits: Cell::new(MAX_VISITS) }
    }

    /// Pays for one place visited. `false` when there is nothing left.
    pub fn visit(&self) -> bool {
        let left = self.visits.get();
        self.visits.set(left.saturating_sub(1));
        left > 0
    }

    /// Pays for a copy of `value`, before it is made.
    pub fn copy<'v>(&self, value: &'v Value) -> Result<&'v Value, QueryError> {
        let mut left = self.size.get();
        let mut pending = vec![value];
        while let Some(value) = pending.pop() {
            let size = match value {
                Value::String(text) => text.len() + 2,
                Value::Array(items) => {
                    pending.extend(items);
                    2
                }
                Value::Object(fields) => {
                    pending.extend(fields.values());
                    2 + fields.keys().map(|name| name.len() + 4).sum::<usize>()
                }
                _ => 8,
            };
            left = left.checked_sub(size).ok_or_else(too_large)?;
        }
        self.size.set(left);
        Ok(value)
    }

    /// Fails when all visits are used up: what has been found is not all there is.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.visits.get() == 0 {
            return Err(QueryError::runtime(format!("The path visits more than {MAX_VISITS} places.")));
        }
        Ok(())
    }
}

fn too_large() -> QueryError {
    QueryError {
        error: "States.DataLimitExceeded",
        cause: "The result has a size exceeding the maximum number of bytes service limit.".into(),
        location: None,
    }
}

/// Whether `value` nests deeper than `limit` levels; looks no deeper than that.
pub fn deeper_than(value: &Value, limit: usize) -> bool {
    let deeper = |child: &Value| limit == 0 || deeper_than(child, limit - 1);
    match value {
        Value::Array(items) => limit == 0 || items.iter().any(deeper),
        Value::Object(fields) => limit == 0 || fields.values().any(deeper),
        _ => false,
    }
}

/// `value`, unless it nests deeper than [`MAX_DEPTH`]: a loop that wraps its input once more each time would
/// otherwise grow what nothing can read any more.
pub(super) fn bounded(value: Value) -> Result<Value, QueryError> {
    if deeper_than(&value, MAX_DEPTH) {
        return Err(QueryError::runtime(format!("The result is nested deeper than {MAX_DEPTH} levels.")));
    }
    Ok(value)
}
