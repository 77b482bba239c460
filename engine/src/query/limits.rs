//! What keeps a definition or an input from growing values that nothing can hold.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

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

/// How many regular expressions the JSONPath filters of one definition may have: each is compiled when the definition
/// is read, and stays in memory with it.
pub(super) const MAX_PATTERNS: usize = 64;

thread_local! {
    /// How many more regular expressions the definition may have that this thread reads; None where it reads none.
    static PATTERNS_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Reads a definition, within the limits that hold for all its queries together.
pub(crate) fn reading<T>(read: impl FnOnce() -> T) -> T {
    let before = PATTERNS_LEFT.replace(Some(MAX_PATTERNS));
    let read = read();
    PATTERNS_LEFT.set(before);
    read
}

/// Counts a regular expression of the definition that is being read. `false` when that is one too many.
pub(super) fn count_pattern() -> bool {
    match PATTERNS_LEFT.get() {
        None => true,
        Some(0) => false,
        Some(left) => {
            PATTERNS_LEFT.set(Some(left - 1));
            true
        }
    }
}

/// How much may be computed in one go, in nanoseconds. Nothing else is written meanwhile.
const MAX_WORK: u64 = 2_000_000_000;
/// What things cost, in nanoseconds, roughly and rather too much.
const VISIT: u64 = 25;
/// Of a value within a value; how long its text is hardly matters.
const COPIED_VALUE: u64 = 200;
const COMPARISON: u64 = 10;
const MATCHED_BYTE: u64 = 50;

/// What all that is computed in one go may still use: the fields of every state that an execution comes through in one
/// step, the items of a Map, the iterations that begin.
///
/// Work is counted, so that a busy machine fails nothing that a free one can do. JSONata's can't be counted: its time
/// is taken.
#[derive(Debug)]
pub struct Budget {
    /// In nanoseconds.
    left: AtomicU64,
}

impl Budget {
    #[must_use]
    pub fn new() -> Self {
        Self { left: AtomicU64::new(MAX_WORK) }
    }

    /// Pays for work. `false` when there is nothing left.
    pub(super) fn spend(&self, nanoseconds: u64) -> bool {
        // One computation uses it at a time: this need not be one operation.
        let left = self.left.load(Ordering::Relaxed).saturating_sub(nanoseconds);
        self.left.store(left, Ordering::Relaxed);
        left > 0
    }

    /// Pays for a copy of `value`. `false` when there is nothing left: no query gives anything any more.
    pub(crate) fn copy(&self, value: &Value) -> bool {
        Allowance::within(self).copy(value).is_ok()
    }

    /// Pays for work by the time it takes.
    pub(super) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        self.spend(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        done
    }

    pub(super) fn left(&self) -> Duration {
        Duration::from_nanos(self.left.load(Ordering::Relaxed))
    }

    #[cfg(test)]
    pub(crate) fn set(&self, left: Duration) {
        self.left.store(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn renew(&self) {
        self.left.store(MAX_WORK, Ordering::Relaxed);
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

/// What the computation of one field may still use. Shared by all that is computed for it.
#[derive(Debug)]
pub(super) struct Allowance<'b> {
    size: Cell<usize>,
    visits: Cell<usize>,
    budget: &'b Budget,
}

impl<'b> Allowance<'b> {
    pub fn within(budget: &'b Budget) -> Self {
        Self { size: Cell::new(MAX_SIZE), visits: Cell::new(MAX_VISITS), budget }
    }

    /// Pays for one place visited. `false` when there is nothing left.
    pub fn visit(&self) -> bool {
        let left = self.visits.get();
        self.visits.set(left.saturating_sub(1));
        left > 0 && self.budget.spend(VISIT)
    }

    /// Pays for comparing so many pairs of values. `false` when there is nothing left.
    pub fn compare(&self, pairs: usize) -> bool {
        self.budget.spend((pairs as u64).saturating_mul(COMPARISON))
    }

    /// Pays for matching a text of so many bytes with a regular expression, at least by the time it takes: that
    /// depends on the expression too. `false` when there is nothing left.
    pub fn match_text(&self, bytes: usize, matches: impl FnOnce() -> bool) -> bool {
        self.budget.spend((bytes as u64).saturating_mul(MATCHED_BYTE)) && self.budget.time(matches)
    }

    /// Pays for a copy of `value`, before it is made.
    pub fn copy<'v>(&self, value: &'v Value) -> Result<&'v Value, QueryError> {
        let mut left = self.size.get();
        let mut pending = vec![value];
        let mut values = 0_u64;
        while let Some(value) = pending.pop() {
            values += 1;
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
        let bytes = (self.size.get() - left) as u64;
        self.size.set(left);
        if self.budget.spend(values * COPIED_VALUE + bytes / 8) { Ok(value) } else { Err(too_much_work()) }
    }

    /// Fails when all visits, or the work of all fields, are used up: what has been found is not all there is.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.budget.left().is_zero() {
            return Err(too_much_work());
        }
        if self.visits.get() == 0 {
            return Err(QueryError::runtime(format!("The path visits more than {MAX_VISITS} places.")));
        }
        Ok(())
    }
}

fn too_much_work() -> QueryError {
    QueryError::runtime("What is computed in one go takes too much work: spread it over several states or executions.")
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
