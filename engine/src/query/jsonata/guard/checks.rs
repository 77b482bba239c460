//! The host functions that guarded expressions call. Each returns its argument unchanged, or fails.
//!
//! No expression can contain their names, because these have a space.

use std::rc::Rc;

use jsonata_core::{
    ast::AstNode,
    evaluator::{Evaluator, EvaluatorError},
    value::JValue,
};

use super::usage::{Usage, check_length, shallow_size_of, size_of};

/// Checks the size of the value.
pub(super) const CHECK_SIZE: &str = "check size";
/// Checks the length of a text that `$match` searches.
pub(super) const CHECK_LENGTH: &str = "check length";
/// Charges the size of the value as text.
pub(super) const CHARGE_TEXT: &str = "charge text";
/// Charges this many characters of text.
pub(super) const CHARGE_WIDTH: &str = "charge width";
/// Charges for a new value, and for the number of bytes in the second argument.
pub(super) const CHARGE_VALUE: &str = "charge value";

/// The text of `$match`, `$split` and `$contains`, which is followed by one of the next two.
pub(super) const SEARCH_TEXT: &str = "search text";
/// The pattern of `$match` and `$split`.
pub(super) const SEARCH_ALL: &str = "search all";
/// The pattern of `$contains`, which is searched once.
pub(super) const SEARCH_ONCE: &str = "search once";

/// The text of `$replace`, which is followed by the next two.
pub(super) const REPLACE_TEXT: &str = "replace text";
/// The pattern of `$replace`.
pub(super) const REPLACE_PATTERN: &str = "replace pattern";
/// The replacement of `$replace`.
pub(super) const REPLACE_WITH: &str = "replace with";
/// The replacement of `$replace` if it is a function that charges for its own results.
pub(super) const REPLACE_BY_FUNCTION: &str = "replace by function";

/// A pattern that may be called as a function, on any text.
pub(super) const PATTERN_VALUE: &str = "pattern value";

pub(super) const CHECKS: [&str; 13] = [
    CHECK_SIZE,
    CHECK_LENGTH,
    CHARGE_TEXT,
    CHARGE_WIDTH,
    CHARGE_VALUE,
    SEARCH_TEXT,
    SEARCH_ALL,
    SEARCH_ONCE,
    REPLACE_TEXT,
    REPLACE_PATTERN,
    REPLACE_WITH,
    REPLACE_BY_FUNCTION,
    PATTERN_VALUE,
];

/// A call of a check.
pub(super) fn call(check: &str, argument: AstNode) -> AstNode {
    AstNode::Function { name: check.to_owned(), args: vec![argument], is_builtin: false }
}

/// Registers the checks with the evaluator.
pub(in super::super) fn register(evaluator: &mut Evaluator, is_part: bool) -> Result<(), EvaluatorError> {
    type Check = fn(&Usage, &JValue) -> Result<(), EvaluatorError>;
    let checks: [(&str, Check); 13] = [
        (CHECK_SIZE, |usage, value| usage.note_size(size_of(value)?)),
        (CHECK_LENGTH, |_, value| check_length(value)),
        (CHARGE_TEXT, |usage, value| {
            let size = size_of(value)?;
            usage.note_size(size)?;
            usage.charge_text(size)
        }),
        (CHARGE_WIDTH, |usage, value| {
            let width = value.as_f64().map_or(0, |width| width.abs().min(1e18) as usize);
            usage.note_size(width)?;
            usage.charge_text(width)
        }),
        (CHARGE_VALUE, |usage, value| usage.charge_value(shallow_size_of(value))),
        (SEARCH_TEXT, Usage::begin_search),
        (SEARCH_ALL, |usage, pattern| usage.search(pattern, usize::MAX)),
        (SEARCH_ONCE, |usage, pattern| usage.search(pattern, 1)),
        (REPLACE_TEXT, Usage::begin_replace),
        (REPLACE_PATTERN, Usage::count_replacements),
        (REPLACE_WITH, |usage, replacement| usage.charge_replacements(usage.end_replace(), replacement)),
        (REPLACE_BY_FUNCTION, |usage, _| {
            usage.end_replace();
            Ok(())
        }),
        (PATTERN_VALUE, Usage::note_pattern),
    ];
    let usage = Rc::new(Usage::new(is_part));
    for (name, check) in checks {
        let usage = Rc::clone(&usage);
        evaluator.register_fn(name, move |arguments: &[JValue]| {
            let value = arguments.first().cloned().unwrap_or(JValue::Undefined);
            if let Some(JValue::Number(bytes)) = arguments.get(1) {
                usage.charge_value(*bytes as usize)?;
            }
            check(&usage, &value).map(|()| value)
        })?;
    }
    Ok(())
}
