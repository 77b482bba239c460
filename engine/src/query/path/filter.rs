//! Filters: `[?(@.price < 10 && @.category in ['fiction'])]`.

use std::{borrow::Cow, cmp::Ordering};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::super::limits::{self, Allowance};
use super::evaluate::evaluate;
use super::syntax::{PathError, Reader, Steps};

/// The maximum length of a regular expression, in bytes.
const MAX_PATTERN: usize = 1_000;
/// The maximum size of a compiled regular expression, in bytes. Its cache can take as much again.
const MAX_COMPILED: usize = 1 << 18;

#[derive(Debug, Clone)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// A path without an operator: whether it has a match, whatever the value.
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    Literal(Value),
    /// `@…`.
    Current(Steps),
    /// `$…`.
    Document(Steps),
    Pattern(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    /// `===`, which also compares types.
    Identical,
    NotEqual,
    NotIdentical,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    AllOf,
    Contains,
    Size,
    Empty,
}

/// Longest first, so that `<=` is not parsed as `<`.
const OPERATORS: [(&str, Operator); 20] = [
    ("===", Operator::Identical),
    ("!==", Operator::NotIdentical),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<>", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=~", Operator::Matches),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("subsetof", Operator::SubsetOf),
    ("contains", Operator::Contains),
    ("noneof", Operator::NoneOf),
    ("anyof", Operator::AnyOf),
    ("empty", Operator::Empty),
    ("size", Operator::Size),
    ("all", Operator::AllOf),
    ("nin", Operator::NotIn),
    ("in", Operator::In),
    ("IN", Operator::In),
];

impl Filter {
    pub fn read(reader: &mut Reader) -> Result<Self, PathError> {
        Self::read_chain(reader, "||", Self::read_and, Self::Or)
    }

    fn read_and(reader: &mut Reader) -> Result<Self, PathError> {
        Self::read_chain(reader, "&&", Self::read_one, Self::And)
    }

    /// Reads one term, or several with an operator between them.
    fn read_chain(
        reader: &mut Reader,
        operator: &str,
        term: fn(&mut Reader) -> Result<Self, PathError>,
        chain: fn(Vec<Self>) -> Self,
    ) -> Result<Self, PathError> {
        let first = term(reader)?;
        if !reader.looking_at(operator) {
            return Ok(first);
        }
        let mut terms = vec![first];
        while reader.take(operator) {
            terms.push(term(reader)?);
        }
        Ok(chain(terms))
    }

    fn read_one(reader: &mut Reader) -> Result<Self, PathError> {
        reader.count_term()?;
        reader.skip_spaces();
        if reader.take("!") {
            return reader.nested(Self::read_one).map(|filter| Self::Not(Box::new(filter)));
        }
        if reader.take("(") {
            let filter = reader.nested(Self::read)?;
            reader.expect(")")?;
            reader.skip_spaces();
            return Ok(filter);
        }
        let left = Operand::read(reader)?;
        reader.skip_spaces();
        let operator = OPERATORS.iter().find(|(sign, _)| reader.take(sign)).map(|(_, operator)| *operator);
        let Some(operator) = operator else {
            return match left {
                Operand::Current(_) | Operand::Document(_) => Ok(Self::Exists(left)),
                _ => Err(reader.error("expected an operator")),
            };
        };
        reader.skip_spaces();
        let right = Operand::read(reader)?;
        reader.skip_spaces();
        Ok(Self::Compare(left, operator, right))
    }

    /// Whether the filter accepts `item`.
    pub fn accepts(&self, item: &Value, document: &Value, allowance: &Allowance) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.accepts(item, document, allowance)),
            Self::Or(terms) => terms.iter().any(|term| term.accepts(item, document, allowance)),
            Self::Not(filter) => !filter.accepts(item, document, allowance),
            Self::Exists(operand) => match operand.value(item, document, allowance) {
                // An indefinite path exists if it finds anything.
                Some(found) if !operand.is_definite() => found.as_array().is_none_or(|found| !found.is_empty()),
                found => found.is_some(),
            },
            Self::Compare(left, operator, right) => {
                if let Operator::Matches = operator {
                    return match (left, right) {
                        (left, Operand::Pattern(pattern)) | (Operand::Pattern(pattern), left) => {
                            let value = left.value(item, document, allowance);
                            value.is_some_and(|value| matches(pattern, &value, allowance))
                        }
                        _ => false,
                    };
                }
                let values = (left.value(item, document, allowance), right.value(item, document, allowance));
                compare(values, *operator, allowance)
            }
        }
    }
}

impl Operand {
    fn read(reader: &mut Reader) -> Result<Self, PathError> {
        match reader.peek() {
            Some('@') => {
                reader.next();
                reader.steps(true).map(Self::Current)
            }
            Some('$') => {
                reader.next();
                reader.steps(true).map(Self::Document)
            }
            Some('\'' | '"') => reader.quoted().map(|text| Self::Literal(Value::String(text))),
            Some('/') => Self::read_pattern(reader),
            Some('[' | '{') => Self::read_json(reader),
            _ => {
                let word = reader.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
                match serde_json::from_str(word) {
                    Ok(value) => Ok(Self::Literal(value)),
                    Err(_) => Err(reader.error("expected a path, a string, a number, true, false, null or a list")),
                }
            }
        }
    }

    /// `/regex/i`.
    fn read_pattern(reader: &mut Reader) -> Result<Self, PathError> {
        reader.next();
        let mut pattern = String::new();
        loop {
            match reader.next() {
                None => return Err(reader.error("the regular expression does not end")),
                Some('\\') if reader.take("/") => pattern.push('/'),
                Some('\\') => {
                    pattern.push('\\');
                    pattern.extend(reader.next());
                }
                Some('/') => break,
                Some(c) => pattern.push(c),
            }
        }
        if pattern.len() > MAX_PATTERN {
            return Err(reader.error(format_args!("the regular expression is longer than {MAX_PATTERN} bytes")));
        }
        if !limits::count_pattern() {
            return Err(
                reader.error(format_args!("the definition has more than {} regular expressions", limits::MAX_PATTERNS))
            );
        }
        let flags = reader.take_while(|c| c.is_ascii_alphabetic());
        // The whole text must match, as with Java's `matches`.
        let built = RegexBuilder::new(&format!("^(?:{pattern})$"))
            .case_insensitive(flags.contains('i'))
            .multi_line(false)
            .dot_matches_new_line(flags.contains('s'))
            .ignore_whitespace(flags.contains('x'))
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_COMPILED)
            .build();
        built.map(Self::Pattern).map_err(|_| reader.error("the regular expression is invalid"))
    }

    /// Reads an array or an object. Strings in it can be in single quotes.
    fn read_json(reader: &mut Reader) -> Result<Self, PathError> {
        let mut text = String::new();
        let mut depth = 0_usize;
        loop {
            match reader.peek() {
                None => return Err(reader.error("the list does not end")),
                Some('\'' | '"') => {
                    text += &Value::String(reader.quoted()?).to_string();
                    continue;
                }
                Some('[' | '{') => depth += 1,
                Some(']' | '}') => depth -= 1,
                Some(_) => {}
            }
            text.extend(reader.next());
            if depth == 0 {
                break;
            }
        }
        let value = serde_json::from_str(&text);
        value.map(Self::Literal).map_err(|_| reader.error("the list is not JSON"))
    }

    /// The value of the operand, if it has one.
    fn value(&self, item: &Value, document: &Value, allowance: &Allowance) -> Option<Cow<'_, Value>> {
        match self {
            Self::Literal(value) => Some(Cow::Borrowed(value)),
            Self::Current(path) => evaluate(path, item, document, None, allowance).ok().map(Cow::Owned),
            Self::Document(path) => evaluate(path, document, document, None, allowance).ok().map(Cow::Owned),
            Self::Pattern(_) => None,
        }
    }

    fn is_definite(&self) -> bool {
        match self {
            Self::Current(path) | Self::Document(path) => path.is_definite(),
            Self::Literal(_) | Self::Pattern(_) => true,
        }
    }
}

fn matches(pattern: &Regex, value: &Value, allowance: &Allowance) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| matches(pattern, item, allowance)),
        Value::String(text) => allowance.match_text(text.len(), || pattern.is_match(text)),
        Value::Number(_) | Value::Bool(_) => allowance.match_text(1, || pattern.is_match(&value.to_string())),
        _ => false,
    }
}

type Operands<'v> = (Option<Cow<'v, Value>>, Option<Cow<'v, Value>>);

fn compare(operands: Operands<'_>, operator: Operator, allowance: &Allowance) -> bool {
    let (Some(left), Some(right)) = operands else {
        // A missing value equals nothing and is in no list.
        return matches!(operator, Operator::NotEqual | Operator::NotIdentical | Operator::NotIn | Operator::NoneOf);
    };
    let (left, right) = (&*left, &*right);
    let items = |value: &Value| value.as_array().map_or(1, Vec::len);
    let pairs = match operator {
        Operator::SubsetOf | Operator::AllOf | Operator::AnyOf | Operator::NoneOf => {
            items(left).saturating_mul(items(right))
        }
        _ => items(left).max(items(right)),
    };
    if !allowance.compare(pairs) {
        return false;
    }
    let same_type = || std::mem::discriminant(left) == std::mem::discriminant(right);
    match operator {
        Operator::Equal => equal(left, right),
        Operator::NotEqual => !equal(left, right),
        Operator::Identical => same_type() && equal(left, right),
        Operator::NotIdentical => !(same_type() && equal(left, right)),
        Operator::Less => order(left, right).is_some_and(Ordering::is_lt),
        Operator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Operator::Greater => order(left, right).is_some_and(Ordering::is_gt),
        Operator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        Operator::In => right.as_array().is_some_and(|list| list.iter().any(|item| equal(left, item))),
        Operator::NotIn => !right.as_array().is_some_and(|list| list.iter().any(|item| equal(left, item))),
        Operator::SubsetOf => within(left, right),
        Operator::AllOf => within(right, left),
        Operator::AnyOf => overlap(left, right),
        Operator::NoneOf => !overlap(left, right),
        Operator::Contains => match (left, right) {
            (Value::Array(list), item) => list.iter().any(|one| equal(one, item)),
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            _ => false,
        },
        Operator::Size => length(left).is_some_and(|length| right.as_u64() == Some(length as u64)),
        Operator::Empty => length(left).is_some_and(|length| right.as_bool() == Some(length == 0)),
        Operator::Matches => false,
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        Value::String(text) => Some(text.chars().count()),
        _ => None,
    }
}

fn within(part: &Value, whole: &Value) -> bool {
    let (Some(part), Some(whole)) = (part.as_array(), whole.as_array()) else { return false };
    part.iter().all(|item| whole.iter().any(|other| equal(item, other)))
}

fn overlap(left: &Value, right: &Value) -> bool {
    let (Some(left), Some(right)) = (left.as_array(), right.as_array()) else { return false };
    left.iter().any(|item| right.iter().any(|other| equal(item, other)))
}

/// Jayway's equality: a number equals its text.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Number(number), Value::String(text)) => number.as_f64() == text.parse().ok(),
        (Value::String(text), Value::Number(number)) => *text == number.to_string(),
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

impl PartialEq for Filter {
    /// Compares filters by their text, because compiled patterns can't be compared.
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}
