//! A comparison: a variable, an operator and an operand.

use std::cmp::Ordering;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::super::path::Path;
use super::super::{Allowance, QueryError, Scope, timestamp};
use super::RuleError;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    variable: Path,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    IsPresent(bool),
    Is(Type, bool),
    /// `StringMatches`: `*` matches any text.
    Like(Vec<Pattern>),
    Order(Type, Relation, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Null,
    Boolean,
    Numeric,
    String,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Literal(Value),
    /// The operand of an operator that ends in Path.
    Path(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern {
    Character(char),
    Any,
}

/// The fields of a rule that are not operators.
const OTHER_FIELDS: [&str; 6] = ["Variable", "Next", "Comment", "Assign", "Output", "Condition"];

impl Comparison {
    pub fn parse(fields: &Map<String, Value>) -> Result<Self, RuleError> {
        let variable = fields.get("Variable").and_then(Value::as_str).ok_or(RuleError::NoVariable)?;
        let variable = path("Variable", variable)?;
        let mut operators = fields.iter().filter(|(name, _)| !OTHER_FIELDS.contains(&name.as_str()));
        let (name, operand) = operators.next().ok_or(RuleError::NoOperator)?;
        if let Some((second, _)) = operators.next() {
            return Err(RuleError::TwoOperators(name.clone(), second.clone()));
        }
        Ok(Self { variable, test: Test::parse(name, operand)? })
    }

    pub fn matches(&self, scope: &Scope) -> Result<bool, QueryError> {
        if let Test::IsPresent(present) = self.test {
            return Ok(self.variable.is_found(scope)? == present);
        }
        let value = value_of(&self.variable, scope)?;
        Ok(match &self.test {
            Test::IsPresent(_) => false,
            Test::Is(kind, is) => kind.is_of(&value) == *is,
            Test::Like(pattern) => match value.as_str() {
                Some(text) => like(pattern, text, &Allowance::within(scope.budget))?,
                None => false,
            },
            Test::Order(kind, relation, operand) => {
                let operand = match operand {
                    Operand::Literal(value) => value.clone(),
                    Operand::Path(path) => value_of(path, scope)?,
                };
                kind.compare(&value, &operand).is_some_and(|ordering| relation.holds(ordering))
            }
        })
    }
}

impl Test {
    fn parse(name: &str, operand: &Value) -> Result<Self, RuleError> {
        let wrong = |expected| RuleError::Operand { operator: name.to_owned(), expected };
        let boolean = || operand.as_bool().ok_or_else(|| wrong("a boolean"));
        match name {
            "IsPresent" => return Ok(Self::IsPresent(boolean()?)),
            "IsNull" => return Ok(Self::Is(Type::Null, boolean()?)),
            "IsBoolean" => return Ok(Self::Is(Type::Boolean, boolean()?)),
            "IsNumeric" => return Ok(Self::Is(Type::Numeric, boolean()?)),
            "IsString" => return Ok(Self::Is(Type::String, boolean()?)),
            "IsTimestamp" => return Ok(Self::Is(Type::Timestamp, boolean()?)),
            "StringMatches" => {
                let pattern = operand.as_str().ok_or_else(|| wrong("a string"))?;
                return Ok(Self::Like(Pattern::parse(pattern)));
            }
            _ => {}
        }
        let (operator, is_path) = match name.strip_suffix("Path") {
            Some(operator) => (operator, true),
            None => (name, false),
        };
        let kinds = [
            ("Boolean", Type::Boolean, "a boolean"),
            ("Numeric", Type::Numeric, "a number"),
            ("String", Type::String, "a string"),
            ("Timestamp", Type::Timestamp, "a timestamp in RFC 3339, such as 2016-03-14T01:59:00Z"),
        ];
        let found = kinds.into_iter().find_map(|(prefix, kind, expected)| {
            let relation = Relation::named(operator.strip_prefix(prefix)?)?;
            // Booleans have no order.
            (kind != Type::Boolean || relation == Relation::Equals).then_some((kind, relation, expected))
        });
        let (kind, relation, expected) = found.ok_or(RuleError::NoOperator)?;
        let operand = if is_path {
            Operand::Path(path(name, operand.as_str().ok_or_else(|| wrong("a path"))?)?)
        } else if kind.is_of(operand) {
            Operand::Literal(operand.clone())
        } else {
            return Err(wrong(expected));
        };
        Ok(Self::Order(kind, relation, operand))
    }
}

impl Type {
    fn is_of(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            Self::Numeric => value.is_number(),
            Self::String => value.is_string(),
            Self::Timestamp => instant(value).is_some(),
        }
    }

    /// Compares two values of this type. Returns `None` if one of them has another type, which matches no rule.
    fn compare(self, left: &Value, right: &Value) -> Option<Ordering> {
        match self {
            Self::Null => None,
            Self::Boolean => Some(left.as_bool()?.cmp(&right.as_bool()?)),
            Self::Numeric => match (left.as_i64(), right.as_i64()) {
                (Some(left), Some(right)) => Some(left.cmp(&right)),
                _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
            },
            // Java orders strings by their UTF-16 code units.
            Self::String => Some(left.as_str()?.encode_utf16().cmp(right.as_str()?.encode_utf16())),
            Self::Timestamp => Some(instant(left)?.cmp(&instant(right)?)),
        }
    }
}

impl Relation {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Equals" => Self::Equals,
            "LessThan" => Self::LessThan,
            "LessThanEquals" => Self::LessThanEquals,
            "GreaterThan" => Self::GreaterThan,
            "GreaterThanEquals" => Self::GreaterThanEquals,
            _ => return None,
        })
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equals => ordering.is_eq(),
            Self::LessThan => ordering.is_lt(),
            Self::LessThanEquals => ordering.is_le(),
            Self::GreaterThan => ordering.is_gt(),
            Self::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

impl Pattern {
    /// Parses a pattern. `\*` is a literal star and `\\` a backslash.
    fn parse(text: &str) -> Vec<Self> {
        let mut pattern = Vec::new();
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            pattern.push(match c {
                '*' => Self::Any,
                '\\' => match characters.next_if(|&next| matches!(next, '*' | '\\')) {
                    Some(escaped) => Self::Character(escaped),
                    None => Self::Character('\\'),
                },
                other => Self::Character(other),
            });
        }
        pattern
    }
}

/// Whether the pattern matches the whole text. Only backtracks to the last star, so the time is bounded by the product
/// of both lengths.
fn like(pattern: &[Pattern], text: &str, allowance: &Allowance) -> Result<bool, QueryError> {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if !allowance.compare(1) {
            break;
        }
        match pattern.get(p) {
            Some(Pattern::Any) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Pattern::Character(c)) if *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return Ok(false),
            },
        }
    }
    allowance.check()?;
    Ok(pattern[p..].iter().all(|rest| *rest == Pattern::Any))
}

fn instant(value: &Value) -> Option<OffsetDateTime> {
    value.as_str().and_then(timestamp::parse)
}

fn path(field: &str, text: &str) -> Result<Path, RuleError> {
    Path::parse(text).map_err(|reason| RuleError::Path { field: field.to_owned(), reason })
}

fn value_of(path: &Path, scope: &Scope) -> Result<Value, QueryError> {
    path.get(scope).map_err(|_| {
        let source = path.source();
        QueryError::runtime(format!(
            "Invalid path '{source}': The choice state's condition path references an invalid value."
        ))
    })
}
