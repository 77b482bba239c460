//! The host functions that weigh what passes through them. Each gives its argument back as it is, or fails.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use regex::{Regex, RegexBuilder};

use super::super::messages::{MEMORY, SEARCH, STACK};

/// How many bytes of lists, objects and functions an expression may make in all; what it drops again counts too.
const MAX_MADE: usize = 128_000_000;

/// How long an expression may search for regular expressions in all, which is how long it may take anyway. A search
/// for every match can take the square of the text's length, during which the library does not look at the clock.
const MAX_MATCHING: Duration = Duration::from_secs(1);

/// How large a compiled regular expression may be, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// How large a compiled regular expression may be, times the length of the text in which it is searched: one search
/// takes that long at worst, and can't be stopped. It allows two `\w` in the longest text a state can be given.
const MAX_SEARCH: usize = 1 << 35;

/// How much one value may weigh, in bytes, its shared parts counted each time. AWS's limit lies near 7 MB.
const MAX_WEIGHT: usize = 7_000_000;

/// How deep one value may nest.
const MAX_NESTING: usize = 200;

/// How many bytes of text an expression may make in all.
const MAX_TEXT: usize = 64_000_000;

/// How long a text may be that is matched, in bytes: longer than anything a state's input can hold.
const MAX_MATCHED: usize = 300_000;

/// The value's weight. No expression can spell these names: they have a space.
pub(super) const WEIGH: &str = "weigh value";
/// The value's weight, which counts as text to be made.
pub(super) const SPEND: &str = "weigh text";
/// The value, a number of characters to be made.
pub(super) const WIDEN: &str = "weigh width";
/// The value's length, if it is a text.
pub(super) const SHORTEN: &str = "weigh length";

/// The text, the pattern and what comes instead of `$replace`, which work together.
pub(super) const REPLACE_IN: &str = "replace in";
pub(super) const REPLACE_WHAT: &str = "replace what";
pub(super) const REPLACE_WITH: &str = "replace with";
/// What comes instead, where it is a function whose results are weighed each.
pub(super) const REPLACE_BY: &str = "replace by";

/// The value, and how many bytes more are to be paid with it.
pub(super) const KEEP: &str = "weigh result";
/// The text and the pattern of `$match` and `$split`, which work together.
pub(super) const MATCH_IN: &str = "match in";
pub(super) const MATCH_WITH: &str = "match with";
/// The pattern of `$contains`, which is searched once.
pub(super) const FIND: &str = "match once";
/// A pattern that may be called as a function, on any text.
pub(super) const PATTERN: &str = "weigh pattern";

pub(super) const SCALES: [&str; 13] = [
    WEIGH,
    SPEND,
    WIDEN,
    SHORTEN,
    REPLACE_IN,
    REPLACE_WHAT,
    REPLACE_WITH,
    REPLACE_BY,
    KEEP,
    MATCH_IN,
    MATCH_WITH,
    FIND,
    PATTERN,
];

/// What one evaluation has used.
#[derive(Default)]
struct Used {
    text: Cell<usize>,
    made: Cell<usize>,
    matching: Cell<Duration>,
    /// The largest value there was, in bytes, and the largest pattern that may be called on it.
    largest: Cell<usize>,
    pattern: Cell<usize>,
    /// The texts of the `$match`, `$split` and `$contains` calls whose arguments are being evaluated.
    matched: RefCell<Vec<JValue>>,
    /// Text and number of replacements of the `$replace` calls whose arguments are being evaluated.
    replacing: RefCell<Vec<(JValue, usize)>>,
}

impl Used {
    fn spend(&self, bytes: usize) -> Result<(), EvaluatorError> {
        self.text.set(self.text.get().saturating_add(bytes));
        if self.text.get() > MAX_TEXT { Err(too_much()) } else { Ok(()) }
    }

    fn make(&self, bytes: usize) -> Result<(), EvaluatorError> {
        self.made.set(self.made.get().saturating_add(bytes));
        if self.made.get() > MAX_MADE { Err(too_much()) } else { Ok(()) }
    }

    /// Notes a value that a pattern may be called on.
    fn note(&self, bytes: usize) -> Result<(), EvaluatorError> {
        self.largest.set(self.largest.get().max(bytes));
        self.check_search()
    }

    /// Notes a pattern that may be called as a function. The library refuses what is none.
    fn note_pattern(&self, value: &JValue) -> Result<(), EvaluatorError> {
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
        Err(too_costly())
    }

    fn check_search(&self) -> Result<(), EvaluatorError> {
        if self.largest.get().saturating_mul(self.pattern.get()) > MAX_SEARCH { Err(too_costly()) } else { Ok(()) }
    }

    /// How often a pattern is in a text, up to `most`; too often rather than too seldom where that is not known. Fails
    /// if finding that out takes too long, since the library then takes that long again, and can't be stopped.
    fn occurrences(&self, text: &JValue, pattern: &JValue, most: usize) -> Result<usize, EvaluatorError> {
        let Some(text) = text.as_str() else { return Ok(0) };
        match pattern {
            JValue::String(part) => Ok(text.matches(&**part).count()),
            JValue::Regex { pattern, flags } => {
                let pattern = match build(pattern, flags, MAX_PATTERN.min(MAX_SEARCH / text.len().max(1))) {
                    Ok(pattern) => pattern,
                    Err(regex::Error::CompiledTooBig(_)) => return Err(too_costly()),
                    // The library refuses it, too.
                    Err(_) => return Ok(text.len()),
                };
                let (begun, spent) = (Instant::now(), self.matching.get());
                let mut count = 0;
                let mut matches = pattern.find_iter(text).take(most);
                loop {
                    let found = matches.next();
                    if spent + begun.elapsed() > MAX_MATCHING {
                        return Err(too_costly());
                    }
                    if found.is_none() {
                        break;
                    }
                    count += 1;
                }
                self.matching.set(spent + begun.elapsed());
                Ok(count)
            }
            _ => Ok(text.len()),
        }
    }
}

/// Refuses a pattern where the text belongs: the library would take the context item for the text, unchecked.
fn check_text(value: &JValue) -> Result<(), EvaluatorError> {
    if let JValue::Regex { .. } = value { Err(too_costly()) } else { Ok(()) }
}

/// The regular expression as the library builds it, if it takes no more than `size` bytes.
fn build(pattern: &str, flags: &str, size: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .size_limit(size)
        .build()
}

/// Gives the evaluator the functions that guarded expressions call.
pub(in super::super) fn register(evaluator: &mut Evaluator) -> Result<(), EvaluatorError> {
    type Check = fn(&Used, &JValue) -> Result<(), EvaluatorError>;
    let scales: [(&str, Check); 13] = [
        (WEIGH, |used, value| used.note(weigh(value)?)),
        (KEEP, |used, value| used.make(shallow(value))),
        (MATCH_IN, |used, value| {
            check_text(value)?;
            used.spend(weigh(value)?)?;
            used.matched.borrow_mut().push(value.clone());
            Ok(())
        }),
        (MATCH_WITH, |used, value| {
            let text = used.matched.borrow_mut().pop();
            text.map_or(Ok(()), |text| used.occurrences(&text, value, usize::MAX).map(drop))
        }),
        (FIND, |used, value| {
            let text = used.matched.borrow_mut().pop();
            text.map_or(Ok(()), |text| used.occurrences(&text, value, 1).map(drop))
        }),
        (PATTERN, Used::note_pattern),
        (SPEND, |used, value| {
            let weight = weigh(value)?;
            used.note(weight)?;
            used.spend(weight)
        }),
        (WIDEN, |used, value| {
            let width = value.as_f64().map_or(0, |width| width.abs().min(1e18) as usize);
            used.note(width)?;
            used.spend(width)
        }),
        (SHORTEN, |_, value| match value.as_str() {
            Some(text) if text.len() > MAX_MATCHED => Err(too_much()),
            _ => Ok(()),
        }),
        (REPLACE_IN, |used, value| {
            check_text(value)?;
            used.spend(weigh(value)?)?;
            used.replacing.borrow_mut().push((value.clone(), 0));
            Ok(())
        }),
        (REPLACE_WHAT, |used, value| {
            if let Some((text, count)) = used.replacing.borrow_mut().last_mut() {
                *count = used.occurrences(text, value, usize::MAX)?;
            }
            Ok(())
        }),
        (REPLACE_WITH, |used, value| {
            let count = used.replacing.borrow_mut().pop().map_or(0, |(_, count)| count);
            let bytes = match value {
                JValue::String(text) => text.len(),
                // A function made elsewhere: what it gives is as heavy as a value may be.
                _ => MAX_WEIGHT,
            };
            used.spend(count.saturating_mul(bytes))
        }),
        (REPLACE_BY, |used, _| {
            used.replacing.borrow_mut().pop();
            Ok(())
        }),
    ];
    let used = Rc::new(Used::default());
    for (name, check) in scales {
        let used = Rc::clone(&used);
        evaluator.register_fn(name, move |arguments: &[JValue]| {
            let value = arguments.first().cloned().unwrap_or(JValue::Undefined);
            if let Some(JValue::Number(bytes)) = arguments.get(1) {
                used.make(*bytes as usize)?;
            }
            check(&used, &value).map(|()| value)
        })?;
    }
    Ok(())
}

/// What a value takes in memory without what is in it, in bytes.
fn shallow(value: &JValue) -> usize {
    match value {
        JValue::String(text) => 32 + text.len(),
        JValue::Array(items) => 64 + 32 * items.len(),
        JValue::Object(fields) => 128 + 128 * fields.len(),
        JValue::Lambda(_) => 1024,
        _ => 0,
    }
}

/// What a value weighs, if that is within bounds.
pub(in super::super) fn weigh(value: &JValue) -> Result<usize, EvaluatorError> {
    let mut weight = 0_usize;
    let mut pending = vec![(value, 0)];
    while let Some((value, depth)) = pending.pop() {
        weight += 8;
        match value {
            JValue::String(text) => weight += text.len(),
            JValue::Array(items) => pending.extend(items.iter().map(|item| (item, depth + 1))),
            JValue::Object(fields) => pending.extend(fields.iter().map(|(name, value)| {
                weight += name.len();
                (value, depth + 1)
            })),
            _ => {}
        }
        if weight + 8 * pending.len() > MAX_WEIGHT {
            return Err(too_much());
        }
        if depth > MAX_NESTING {
            return Err(EvaluatorError::EvaluationError(STACK.to_owned()));
        }
    }
    Ok(weight)
}

fn too_much() -> EvaluatorError {
    EvaluatorError::EvaluationError(MEMORY.to_owned())
}

fn too_costly() -> EvaluatorError {
    EvaluatorError::EvaluationError(SEARCH.to_owned())
}
