//! The rules of a Choice state.

mod comparison;

use serde_json::Value;

use super::jsonata::{Expression, ExpressionError};
use super::path::PathError;
use super::{QueryError, Scope};
use comparison::Comparison;

/// The maximum nesting of And, Or and Not.
const MAX_NESTING: usize = 32;

/// A rule of a Choice state.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Comparison(Comparison),
    /// Condition of a JSONata state, and the location of the field.
    Condition(Expression, String),
}

/// The error for a value that is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("a rule must be an object")]
    NotAnObject,
    #[error("{0} must hold a list of at least one rule")]
    NoRules(&'static str),
    #[error("rules are nested deeper than {MAX_NESTING} levels")]
    TooDeep,
    #[error("a rule must have a Variable, And, Or or Not")]
    NoVariable,
    #[error("a rule must have one comparison operator")]
    NoOperator,
    #[error("a rule must have one comparison operator, not both {0} and {1}")]
    TwoOperators(String, String),
    /// `field` is Variable, or an operator that ends in Path.
    #[error("{field}: {reason}")]
    Path { field: String, reason: PathError },
    #[error("{operator} must be compared with {expected}")]
    Operand { operator: String, expected: &'static str },
    #[error("{0}")]
    Condition(#[from] ExpressionError),
}

impl Rule {
    /// Parses a rule of a JSONPath Choice state. Ignores Next, Assign and the other fields that are not part of the
    /// condition.
    ///
    /// # Errors
    /// When the operator is unknown or its operand has the wrong type.
    pub fn parse(rule: &Value) -> Result<Self, RuleError> {
        Node::parse(rule, 0).map(Self)
    }

    /// Parses Condition of a rule of a JSONata Choice state. `index` is the rule's index.
    ///
    /// # Errors
    /// When the value is neither a boolean nor a JSONata expression.
    pub fn parse_condition(condition: &Value, index: usize) -> Result<Self, RuleError> {
        let wrong = || RuleError::Operand { operator: "Condition".into(), expected: "a JSONata expression" };
        let expression = match condition {
            Value::Bool(constant) => Expression::parse(&format!("{{% {constant} %}}"))?,
            Value::String(text) if Expression::is_expression(text) => Expression::parse(text)?,
            _ => return Err(wrong()),
        };
        Ok(Self(Node::Condition(expression, format!("Choices[{index}]/Condition"))))
    }

    /// The expression, if the rule is a Condition.
    pub fn condition(&self) -> Option<&Expression> {
        match &self.0 {
            Node::Condition(expression, _) => Some(expression),
            _ => None,
        }
    }

    /// Whether the rule matches.
    ///
    /// # Errors
    /// `States.Runtime` if a path has no match, `States.QueryEvaluationError` if a Condition fails.
    pub fn matches(&self, scope: &Scope) -> Result<bool, QueryError> {
        self.0.matches(scope)
    }
}

impl Node {
    fn parse(rule: &Value, nesting: usize) -> Result<Self, RuleError> {
        let fields = rule.as_object().ok_or(RuleError::NotAnObject)?;
        if nesting == MAX_NESTING {
            return Err(RuleError::TooDeep);
        }
        let list = |name: &'static str| {
            let rules = fields.get(name)?.as_array().filter(|rules| !rules.is_empty());
            let rules = rules.ok_or(RuleError::NoRules(name));
            Some(rules.and_then(|rules| rules.iter().map(|rule| Self::parse(rule, nesting + 1)).collect()))
        };
        if let Some(rules) = list("And") {
            return rules.map(Self::And);
        }
        if let Some(rules) = list("Or") {
            return rules.map(Self::Or);
        }
        if let Some(rule) = fields.get("Not") {
            return Ok(Self::Not(Box::new(Self::parse(rule, nesting + 1)?)));
        }
        Comparison::parse(fields).map(Self::Comparison)
    }

    fn matches(&self, scope: &Scope) -> Result<bool, QueryError> {
        match self {
            Self::And(rules) => {
                for rule in rules {
                    if !rule.matches(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(rules) => {
                for rule in rules {
                    if rule.matches(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(rule) => rule.matches(scope).map(|matches| !matches),
            Self::Comparison(comparison) => comparison.matches(scope),
            Self::Condition(expression, field) => {
                match expression.evaluate_as(scope, field, super::jsonata::Kind::Boolean)? {
                    Value::Bool(matches) => Ok(matches),
                    _ => Ok(false),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
