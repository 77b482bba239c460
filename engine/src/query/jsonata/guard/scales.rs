//! The host functions that weigh what passes through them. Each gives its argument back as it is, or fails.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use regex::RegexBuilder;

use super::super::messages::{MEMORY, STACK};

/// How much one value may weigh, in bytes, its shared parts counted each time. AWS's limit lies near 7 MB.
const MAX_WEIGHT: usize = 7_000_000;

/// How deep one value may nest.
const MAX_NESTING: usize = 200;

/// How many bytes of text an expression may make in all.
const MAX_TEXT: usize = 256_000_000;

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

pub(super) const SCALES: [&str; 8] = [WEIGH, SPEND, WIDEN, SHORTEN, REPLACE_IN, REPLACE_WHAT, REPLACE_WITH, REPLACE_BY];

/// What one evaluation has used.
#[derive(Default)]
struct Used {
    text: Cell<usize>,
    /// Text and number of replacements of the `$replace` calls whose arguments are being evaluated.
    replacing: RefCell<Vec<(JValue, usize)>>,
}

impl Used {
    fn spend(&self, bytes: usize) -> Result<(), EvaluatorError> {
        self.text.set(self.text.get().saturating_add(bytes));
        if self.text.get() > MAX_TEXT { Err(too_much()) } else { Ok(()) }
    }
}

/// Gives the evaluator the functions that guarded expressions call.
pub(in super::super) fn register(evaluator: &mut Evaluator) -> Result<(), EvaluatorError> {
    type Check = fn(&Used, &JValue) -> Result<(), EvaluatorError>;
    let scales: [(&str, Check); 8] = [
        (WEIGH, |_, value| weigh(value).map(|_| ())),
        (SPEND, |used, value| used.spend(weigh(value)?)),
        (WIDEN, |used, value| used.spend(value.as_f64().map_or(0, |width| width.abs().min(1e18) as usize))),
        (SHORTEN, |_, value| match value.as_str() {
            Some(text) if text.len() > MAX_MATCHED => Err(too_much()),
            _ => Ok(()),
        }),
        (REPLACE_IN, |used, value| {
            used.spend(weigh(value)?)?;
            used.replacing.borrow_mut().push((value.clone(), 0));
            Ok(())
        }),
        (REPLACE_WHAT, |used, value| {
            if let Some((text, count)) = used.replacing.borrow_mut().last_mut() {
                *count = occurrences(text, value);
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
            check(&used, &value).map(|()| value)
        })?;
    }
    Ok(())
}

/// How often a pattern is in a text; too often rather than too seldom where that is not known.
fn occurrences(text: &JValue, pattern: &JValue) -> usize {
    let Some(text) = text.as_str() else { return 0 };
    match pattern {
        JValue::String(part) => text.matches(&**part).count(),
        JValue::Regex { pattern, flags } => {
            let mut builder = RegexBuilder::new(pattern);
            builder.case_insensitive(flags.contains('i')).multi_line(flags.contains('m'));
            builder.build().map_or(text.len(), |pattern| pattern.find_iter(text).count())
        }
        _ => text.len(),
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
