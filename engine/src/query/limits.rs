//! Limits on what queries compute, so that definitions and inputs can't exhaust memory or time.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::QueryError;

/// The maximum nesting of a value. Everything is stored as JSON text that must be readable again. The reader stops at
/// 128 levels, and the stored envelopes need some of them.
pub const MAX_DEPTH: usize = 100;

/// The approximate size of what one field may compute, in bytes of JSON. AWS's limit of 262,144 applies to the result;
/// intermediate values only have to fit into memory.
const MAX_SIZE: usize = 16_000_000;

/// The maximum number of values that the paths of one field may visit.
const MAX_VISITS: usize = 2_000_000;

/// The maximum number of regular expressions in the JSONPath filters of one definition. Each is compiled when the
/// definition is read, and stays in memory with it.
pub(super) const MAX_PATTERNS: usize = 64;

thread_local! {
    /// The number of regular expressions that may still be compiled for the definition that this thread reads, or
    /// `None` if it reads none.
    static PATTERNS_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs `read` with a limit on the number of regular expressions in a definition.
pub(crate) fn with_pattern_limit<T>(read: impl FnOnce() -> T) -> T {
    let before = PATTERNS_LEFT.replace(Some(MAX_PATTERNS));
    let read = read();
    PATTERNS_LEFT.set(before);
    read
}

/// Counts a regular expression of the current definition. Returns `false` if there are too many.
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

/// The maximum work of one step, in nanoseconds.
const MAX_WORK: u64 = 2_000_000_000;
/// The approximate costs, in nanoseconds. They are rather too high.
const VISIT: u64 = 25;
/// For each nested value. The length of its text hardly matters.
const COPIED_VALUE: u64 = 200;
const COMPARISON: u64 = 10;
const MATCHED_BYTE: u64 = 50;

/// Limits what one step may compute: the fields of all states that the execution runs through, the items of a Map, and
/// the iterations that start.
///
/// The work is estimated rather than measured, so that nothing fails only because the machine is busy. JSONata's work
/// can't be estimated, so its time is measured.
#[derive(Debug)]
pub struct Budget {
    /// The remaining work in nanoseconds.
    left: AtomicU64,
    is_part: bool,
}

impl Budget {
    #[must_use]
    pub fn new() -> Self {
        Self { left: AtomicU64::new(MAX_WORK), is_part: false }
    }

    /// A part of a budget, to find out whether it is sufficient. If it is exhausted, the results are void: failures may
    /// only be due to that.
    #[must_use]
    pub fn part(time: Duration) -> Self {
        Self { left: AtomicU64::new(u64::try_from(time.as_nanos()).unwrap_or(MAX_WORK)), is_part: true }
    }

    #[must_use]
    pub fn is_part(&self) -> bool {
        self.is_part
    }

    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Exhausts the budget, because more is needed than is left.
    pub(super) fn exhaust(&self) {
        self.left.store(0, Ordering::Relaxed);
    }

    /// Charges for work. Returns `false` if the budget is exhausted.
    pub(super) fn spend(&self, nanoseconds: u64) -> bool {
        // Only one computation uses the budget at a time, so this need not be atomic.
        let left = self.left.load(Ordering::Relaxed).saturating_sub(nanoseconds);
        self.left.store(left, Ordering::Relaxed);
        left > 0
    }

    /// Charges for a copy of `value`. Returns `false` if the budget is exhausted. All further queries fail then.
    pub(crate) fn copy(&self, value: &Value) -> bool {
        Allowance::within(self).copy(value).is_ok()
    }

    /// Charges for work by the time that it takes.
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

/// Limits what the evaluation of one field may compute.
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

    /// Charges for one visited value. Returns `false` if nothing is left.
    pub fn visit(&self) -> bool {
        let left = self.visits.get();
        self.visits.set(left.saturating_sub(1));
        left > 0 && self.budget.spend(VISIT)
    }

    /// Charges for comparing this many pairs of values. Returns `false` if nothing is left.
    pub fn compare(&self, pairs: usize) -> bool {
        self.budget.spend((pairs as u64).saturating_mul(COMPARISON))
    }

    /// Charges for matching a text of this length with a regular expression. The charge is at least the time that it
    /// takes, since that also depends on the expression. Returns `false` if nothing is left.
    pub fn match_text(&self, bytes: usize, matches: impl FnOnce() -> bool) -> bool {
        self.budget.spend((bytes as u64).saturating_mul(MATCHED_BYTE)) && self.budget.time(matches)
    }

    /// Charges for a copy of `value` before it is made.
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

    /// Fails if the allowance or the budget is exhausted, because the search was incomplete then.
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
    QueryError::runtime("The step requires too much computation. Spread it over several states or executions.")
}

fn too_large() -> QueryError {
    QueryError {
        error: "States.DataLimitExceeded",
        cause: "The result has a size exceeding the maximum number of bytes service limit.".into(),
        location: None,
    }
}

/// Whether `value` is nested deeper than `limit` levels. Stops at that depth.
pub fn deeper_than(value: &Value, limit: usize) -> bool {
    let deeper = |child: &Value| limit == 0 || deeper_than(child, limit - 1);
    match value {
        Value::Array(items) => limit == 0 || items.iter().any(deeper),
        Value::Object(fields) => limit == 0 || fields.values().any(deeper),
        _ => false,
    }
}

/// Returns `value` unless it is nested deeper than [`MAX_DEPTH`]. Otherwise a loop that wraps its input could create a
/// value that can't be read again.
pub(super) fn bounded(value: Value) -> Result<Value, QueryError> {
    if deeper_than(&value, MAX_DEPTH) {
        return Err(QueryError::runtime(format!("The result is nested deeper than {MAX_DEPTH} levels.")));
    }
    Ok(value)
}
