//! JSONata: `{% $states.input.price * 2 %}`.

mod evaluate;
mod functions;
mod guard;
mod messages;
mod syntax;

use std::{collections::BTreeSet, sync::Arc};

use jsonata_core::ast::AstNode;
use serde_json::{Map, Value};

pub use syntax::Refusal;

use super::{Allowance, QueryError, Scope};

/// The error for a text that is not a JSONata expression, or not one that AWS supports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", kind.code())]
pub struct ExpressionError {
    pub kind: Refusal,
    /// The location of the expression within the field's value, for example `/result` or `[1]`.
    pub place: String,
    /// JSONata's message without its code (for example `S0207`), or AWS's own message.
    pub reason: String,
}

impl ExpressionError {
    fn within(self, outer: &str) -> Self {
        Self { place: format!("{outer}{}", self.place), ..self }
    }
}

/// The type that a field requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Array,
    Boolean,
    Number,
    Integer,
    String,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::String => "string",
        }
    }

    fn is_of(self, value: &Value) -> bool {
        match self {
            Self::Array => value.is_array(),
            Self::Boolean => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::String => value.is_string(),
        }
    }
}

/// AWS's name for the type of a value.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A JSONata expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    source: String,
    ast: Arc<AstNode>,
}

impl Expression {
    /// Whether a string is an expression: it begins with `{%` and ends with `%}`, without surrounding spaces.
    pub fn is_expression(text: &str) -> bool {
        text.len() >= 4 && text.starts_with("{%") && text.ends_with("%}")
    }

    /// Parses `{% … %}`.
    ///
    /// # Errors
    /// When the text is not an expression, does not parse, or refers to something that AWS does not offer.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if !Self::is_expression(text) {
            let reason = "An expression must be enclosed in {% and %}".to_owned();
            return Err(ExpressionError { kind: Refusal::Invalid, place: String::new(), reason });
        }
        let source = text[2..text.len() - 2].trim();
        let ast =
            syntax::parse(source).map_err(|(kind, reason)| ExpressionError { kind, place: String::new(), reason })?;
        Ok(Self { source: source.to_owned(), ast: Arc::new(guard::guarded(ast)) })
    }

    /// Whether the expression reads `$states.errorOutput`, which only Catchers can.
    pub fn reads_error_output(&self) -> bool {
        self.source.contains("errorOutput") && syntax::reads_of_states(&self.ast, "errorOutput")
    }

    /// The variables that the expression refers to, without those that it binds itself.
    pub fn variables(&self) -> BTreeSet<String> {
        syntax::variables(&self.ast)
    }

    /// The text between `{%` and `%}`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Evaluates the expression for the field at `location`, for example `Output`, `Assign/total` or
    /// `Arguments/Items[2]`.
    ///
    /// # Errors
    /// `States.QueryEvaluationError` if it fails, returns nothing or exceeds a limit.
    pub fn evaluate(&self, scope: &Scope, location: &str) -> Result<Value, QueryError> {
        evaluate::evaluate(&self.ast, &self.source, scope).map_err(|why| {
            let source = &self.source;
            QueryError::evaluation(
                location,
                format!("The JSONata expression '{source}' specified for the field '{location}' {why}"),
            )
        })
    }

    /// Evaluates the expression and checks the type of its value.
    ///
    /// # Errors
    /// As for [`Self::evaluate`], and "returned an unexpected result type".
    pub fn evaluate_as(&self, scope: &Scope, location: &str, expected: Kind) -> Result<Value, QueryError> {
        let value = self.evaluate(scope, location)?;
        if expected.is_of(&value) {
            return Ok(value);
        }
        let (source, expected, was) = (&self.source, expected.name(), kind_of(&value));
        Err(QueryError::evaluation(
            location,
            format!(
                "The JSONata expression '{source}' specified for the field '{location}' returned an unexpected result \
                 type. Expected '{expected}', but was '{was}' for value: {value}"
            ),
        ))
    }
}

/// A value that can contain expressions: Arguments, Output, Assign, Items or ItemSelector.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// A part without expressions.
    Constant(Value),
    Expression(Expression),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// When a string in `{%` and `%}` is not a valid expression, or the template is nested too deeply.
    pub fn parse(value: &Value) -> Result<Self, ExpressionError> {
        if super::deeper_than(value, super::MAX_DEPTH) {
            let reason = format!("The value is nested deeper than {} levels", super::MAX_DEPTH);
            return Err(ExpressionError { kind: Refusal::Invalid, place: String::new(), reason });
        }
        Self::parse_node(value)
    }

    fn parse_node(value: &Value) -> Result<Self, ExpressionError> {
        Ok(match value {
            Value::String(text) if Expression::is_expression(text) => Self::Expression(Expression::parse(text)?),
            Value::Array(items) => {
                let parse = |(at, item)| Self::parse_node(item).map_err(|error| error.within(&format!("[{at}]")));
                let items = items.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
                let constant = items.iter().all(|item| matches!(item, Self::Constant(_)));
                if constant { Self::Constant(value.clone()) } else { Self::Array(items) }
            }
            Value::Object(fields) => {
                let parse = |(name, value): (&String, &Value)| match Self::parse_node(value) {
                    Ok(node) => Ok((name.clone(), node)),
                    Err(error) => Err(error.within(&format!("/{name}"))),
                };
                let fields = fields.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
                let constant = fields.iter().all(|(_, field)| matches!(field, Self::Constant(_)));
                if constant { Self::Constant(value.clone()) } else { Self::Object(fields) }
            }
            other => Self::Constant(other.clone()),
        })
    }

    /// Evaluates the template. `field` is the name of the field. Errors append the location of the expression to it,
    /// for example `Output/result` or `Items[1]`.
    ///
    /// # Errors
    /// As for [`Expression::evaluate`].
    pub fn evaluate(&self, scope: &Scope, field: &str) -> Result<Value, QueryError> {
        let value = self.evaluate_at(scope, field, &Allowance::within(scope.budget))?;
        super::bounded(value).map_err(|error| QueryError {
            error: "States.QueryEvaluationError",
            location: Some(field.into()),
            ..error
        })
    }

    fn evaluate_at(&self, scope: &Scope, location: &str, allowance: &Allowance) -> Result<Value, QueryError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Expression(expression) => {
                let value = expression.evaluate(scope, location)?;
                allowance.copy(&value)?;
                Ok(value)
            }
            Self::Array(items) => {
                let items = items.iter().enumerate();
                items.map(|(at, item)| item.evaluate_at(scope, &format!("{location}[{at}]"), allowance)).collect()
            }
            Self::Object(fields) => {
                let mut object = Map::with_capacity(fields.len());
                for (name, field) in fields {
                    object.insert(name.clone(), field.evaluate_at(scope, &format!("{location}/{name}"), allowance)?);
                }
                Ok(Value::Object(object))
            }
        }
    }

    /// The location of the first expression for which `is_wanted` returns `true`, for example `/result` or `[1]`.
    pub fn place_of(&self, is_wanted: fn(&Expression) -> bool) -> Option<String> {
        match self {
            Self::Constant(_) => None,
            Self::Expression(expression) => is_wanted(expression).then(String::new),
            Self::Array(items) => items.iter().enumerate().find_map(|(at, item)| {
                let place = item.place_of(is_wanted)?;
                Some(format!("[{at}]{place}"))
            }),
            Self::Object(fields) => fields.iter().find_map(|(name, field)| {
                let place = field.place_of(is_wanted)?;
                Some(format!("/{name}{place}"))
            }),
        }
    }
}

#[cfg(test)]
mod tests;
