//! What an evaluation has used, and its limits.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use jsonata_core::{evaluator::EvaluatorError, value::JValue};
use regex::{Regex, RegexBuilder};

use super::super::messages::{MEMORY, SEARCH, STACK};

/// The maximum size of all arrays, objects and functions that an expression creates, in bytes, including those that it
/// drops again.
const MAX_CREATED: usize = 128_000_000;

/// The maximum size of all text that an expression creates, in bytes.
const MAX_TEXT: usize = 64_000_000;

/// How long an expression may search for regular expressions in total, which is also its overall time limit. A search
/// for all matches can take time quadratic in the length of the text, and the library does not check its time limit
/// during a search.
const MAX_SEARCH_TIME: Duration = Duration::from_secs(1);

/// The maximum size of a compiled regular expression, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// The maximum size of a compiled regular expression, multiplied by the length of the text. A single search takes time
/// proportional to that in the worst case and can't be interrupted. The limit allows two `\w` in the longest text that a
/// state's input can contain.
const MAX_SEARCH: usize = 1 << 35;

/// The maximum size of one value in bytes, counting shared parts each time. AWS's limit is near 7 MB.
const MAX_SIZE: usize = 7_000_000;

/// The maximum nesting of one value.
const MAX_NESTING: usize = 200;

/// The maximum length of a text that `$match` searches, in bytes. It is longer than any text in a state's input.
const MAX_MATCHED_TEXT: usize = 300_000;

/// How much smaller the limits are for a [part of a budget](super::super::super::Budget::part): the library does not check
/// its time limit while it searches, or while it creates one value.
const PART: u32 = 1 << 7;

/// What one evaluation has used.
pub(super) struct Usage {
    /// What the limits are divided by.
    divisor: u32,
    text: Cell<usize>,
    created: Cell<usize>,
    search_time: Cell<Duration>,
    /// The size of the largest value so far, and that of the largest pattern that may be called on it.
    largest: Cell<usize>,
    pattern: Cell<usize>,
    /// The texts of the `$match`, `$split` and `$contains` calls whose arguments are being evaluated.
    searched: RefCell<Vec<JValue>>,
    /// The text and number of replacements of the `$replace` calls whose arguments are being evaluated.
    replacing: RefCell<Vec<(JValue, usize)>>,
}

impl Usage {
    pub fn new(is_part: bool) -> Self {
        Self {
            divisor: if is_part { PART } else { 1 },
            text: Cell::default(),
            created: Cell::default(),
            search_time: Cell::default(),
            largest: Cell::default(),
            pattern: Cell::default(),
            searched: RefCell::default(),
            replacing: RefCell::default(),
        }
    }

    /// A limit, or the part of it that this evaluation has.
    fn limit(&self, whole: usize) -> usize {
        whole / self.divisor as usize
    }

    pub fn charge_text(&self, bytes: usize) -> Result<(), EvaluatorError> {
        self.text.set(self.text.get().saturating_add(bytes));
        if self.text.get() > self.limit(MAX_TEXT) { Err(out_of_memory()) } else { Ok(()) }
    }

    pub fn charge_value(&self, bytes: usize) -> Result<(), EvaluatorError> {
        self.created.set(self.created.get().saturating_add(bytes));
        if self.created.get() > self.limit(MAX_CREATED) { Err(out_of_memory()) } else { Ok(()) }
    }

    /// Notes the size of a value that a pattern may be called on.
    pub fn note_size(&self, bytes: usize) -> Result<(), EvaluatorError> {
        self.largest.set(self.largest.get().max(bytes));
        self.check_search()
    }

    /// Notes a pattern that may be called as a function. Other values are ignored: the library refuses to call them.
    pub fn note_pattern(&self, value: &JValue) -> Result<(), EvaluatorError> {
        let JValue::Regex { pattern, flags } = value else { return Ok(()) };
        let sizes = (10..).map(|power| 1 << power).take_while(|size| *size <= MAX_PATTERN);
        for size in sizes.filter(|size| *size >= self.pattern.get()) {
            match build(pattern, flags, size) {
                Err(regex::Error::CompiledTooBig(_)) => {}
                _ => {
                    self.pattern.set(size);
                    return self.check_search();
                }
            }
        }
        Err(search_too_slow())
    }

    fn check_search(&self) -> Result<(), EvaluatorError> {
        let cost = self.largest.get().saturating_mul(self.pattern.get());
        if cost > self.limit(MAX_SEARCH) { Err(search_too_slow()) } else { Ok(()) }
    }

    /// Begins a search, whose pattern is the next argument to be evaluated.
    pub fn begin_search(&self, text: &JValue) -> Result<(), EvaluatorError> {
        check_is_no_pattern(text)?;
        self.charge_text(size_of(text)?)?;
        self.searched.borrow_mut().push(text.clone());
        Ok(())
    }

    /// Checks the pattern of a search that returns the first `limit` matches.
    pub fn search(&self, pattern: &JValue, limit: usize) -> Result<(), EvaluatorError> {
        let text = self.searched.borrow_mut().pop();
        text.map_or(Ok(()), |text| self.occurrences(&text, pattern, limit).map(drop))
    }

    /// Begins a `$replace`.
    pub fn begin_replace(&self, text: &JValue) -> Result<(), EvaluatorError> {
        check_is_no_pattern(text)?;
        self.charge_text(size_of(text)?)?;
        self.replacing.borrow_mut().push((text.clone(), 0));
        Ok(())
    }

    /// Counts the replacements that a `$replace` will make.
    pub fn count_replacements(&self, pattern: &JValue) -> Result<(), EvaluatorError> {
        if let Some((text, count)) = self.replacing.borrow_mut().last_mut() {
            *count = self.occurrences(text, pattern, usize::MAX)?;
        }
        Ok(())
    }

    /// Ends a `$replace` and returns its number of replacements.
    pub fn end_replace(&self) -> usize {
        self.replacing.borrow_mut().pop().map_or(0, |(_, count)| count)
    }

    /// Charges for a text that contains `replacement` this many times.
    pub fn charge_replacements(&self, count: usize, replacement: &JValue) -> Result<(), EvaluatorError> {
        let bytes = match replacement {
            JValue::String(text) => text.len(),
            // A function that was created elsewhere can return a value of any allowed size.
            _ => MAX_SIZE,
        };
        self.charge_text(count.saturating_mul(bytes))
    }

    /// Counts a pattern's matches in a text, up to `limit`; an upper bound if the number is unknown.
    ///
    /// # Errors
    /// When counting takes too long: the library would take as long again, and can't be interrupted.
    fn occurrences(&self, text: &JValue, pattern: &JValue, limit: usize) -> Result<usize, EvaluatorError> {
        let Some(text) = text.as_str() else { return Ok(0) };
        match pattern {
            JValue::String(part) => Ok(text.matches(&**part).count()),
            JValue::Regex { pattern, flags } => {
                let pattern = match build(pattern, flags, MAX_PATTERN.min(self.limit(MAX_SEARCH) / text.len().max(1))) {
                    Ok(pattern) => pattern,
                    Err(regex::Error::CompiledTooBig(_)) => return Err(search_too_slow()),
                    // The library refuses the pattern, too.
                    Err(_) => return Ok(text.len()),
                };
                let (begun, spent) = (Instant::now(), self.search_time.get());
                let mut count = 0;
                let mut matches = pattern.find_iter(text).take(limit);
                loop {
                    let found = matches.next();
                    if spent + begun.elapsed() > MAX_SEARCH_TIME / self.divisor {
                        return Err(search_too_slow());
                    }
                    if found.is_none() {
                        break;
                    }
                    count += 1;
                }
                self.search_time.set(spent + begun.elapsed());
                Ok(count)
            }
            _ => Ok(text.len()),
        }
    }
}

/// Refuses a pattern in the place of the text to search: the library would search the context item, unchecked.
fn check_is_no_pattern(value: &JValue) -> Result<(), EvaluatorError> {
    if let JValue::Regex { .. } = value { Err(search_too_slow()) } else { Ok(()) }
}

/// Refuses a text that is too long for `$match`.
pub(super) fn check_length(value: &JValue) -> Result<(), EvaluatorError> {
    match value.as_str() {
        Some(text) if text.len() > MAX_MATCHED_TEXT => Err(out_of_memory()),
        _ => Ok(()),
    }
}

/// Compiles a regular expression as the library does.
///
/// # Errors
/// When it is invalid, or takes more than `size` bytes.
fn build(pattern: &str, flags: &str, size: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .size_limit(size)
        .build()
}

/// The memory that a value takes without its members, in bytes.
pub(super) fn shallow_size_of(value: &JValue) -> usize {
    match value {
        JValue::String(text) => 32 + text.len(),
        JValue::Array(items) => 64 + 32 * items.len(),
        JValue::Object(fields) => 128 + 128 * fields.len(),
        JValue::Lambda(_) => 1024,
        _ => 0,
    }
}

/// The size of a value in bytes, counting shared parts each time.
///
/// # Errors
/// When the value is too large, or nested too deeply.
pub(in super::super) fn size_of(value: &JValue) -> Result<usize, EvaluatorError> {
    let mut size = 0_usize;
    let mut pending = vec![(value, 0)];
    while let Some((value, depth)) = pending.pop() {
        size += 8;
        match value {
            JValue::String(text) => size += text.len(),
            JValue::Array(items) => pending.extend(items.iter().map(|item| (item, depth + 1))),
            JValue::Object(fields) => pending.extend(fields.iter().map(|(name, value)| {
                size += name.len();
                (value, depth + 1)
            })),
            _ => {}
        }
        if size + 8 * pending.len() > MAX_SIZE {
            return Err(out_of_memory());
        }
        if depth > MAX_NESTING {
            return Err(EvaluatorError::EvaluationError(STACK.to_owned()));
        }
    }
    Ok(size)
}

fn out_of_memory() -> EvaluatorError {
    EvaluatorError::EvaluationError(MEMORY.to_owned())
}

fn search_too_slow() -> EvaluatorError {
    EvaluatorError::EvaluationError(SEARCH.to_owned())
}
