//! JSONata: `{% $states.input.price * 2 %}`.

mod evaluate;
mod functions;
mod guard;
mod messages;
mod syntax;

use std::sync::Arc;

use jsonata_core::ast::AstNode;
use serde_json::{Map, Value};

pub use syntax::Refusal;

use super::{Allowance, QueryError, Scope};

/// Why a text is no JSONata expression that AWS takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", kind.code())]
pub struct ExpressionError {
    pub kind: Refusal,
    /// The way to the expression within the field's value, such as `/result` or `[1]`.
    pub place: String,
    /// JSONata's message, without its code (`S0207`), or AWS's own.
    pub reason: String,
}

impl ExpressionError {
    fn within(self, outer: &str) -> Self {
        Self { place: format!("{outer}{}", self.place), ..self }
    }
}

/// What a field wants a value to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Array,
    Boolean,
    Number,
    Integer,
    String,
    Object,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::String => "string",
            Self::Object => "object",
        }
    }

    fn is_of(self, value: &Value) -> bool {
        match self {
            Self::Array => value.is_array(),
            Self::Boolean => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::String => value.is_string(),
            Self::Object => value.is_object(),
        }
    }
}

/// What AWS calls a value's type.
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

/// One expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    source: String,
    ast: Arc<AstNode>,
}

impl Expression {
    /// Whether a string is an expression: between `{%` and `%}`, without a space before or behind.
    pub fn is_expression(text: &str) -> bool {
        text.len() >= 4 && text.starts_with("{%") && text.ends_with("%}")
    }

    /// Parses `{% … %}`.
    ///
    /// # Errors
    /// Where the text is not one, what stands in it is no JSONata, or it refers to what is not there.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if !Self::is_expression(text) {
            let reason = "An expression must stand between {% and %}".to_owned();
            return Err(ExpressionError { kind: Refusal::Invalid, place: String::new(), reason });
        }
        let source = text[2..text.len() - 2].trim();
        let ast =
            syntax::parse(source).map_err(|(kind, reason)| ExpressionError { kind, place: String::new(), reason })?;
        Ok(Self { source: source.to_owned(), ast: Arc::new(guard::guarded(ast)) })
    }

    /// Whether it reads `$states.errorOutput`, which only a Catcher has.
    pub fn reads_error_output(&self) -> bool {
        self.source.contains("errorOutput") && syntax::reads_of_states(&self.ast, "errorOutput")
    }

    /// What stands between `{%` and `%}`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its value, for the field at `location`: `Output`, `Assign/total`, `Arguments/Items[2]`.
    ///
    /// # Errors
    /// `States.QueryEvaluationError` where it fails, gives nothing, or takes too long.
    pub fn evaluate(&self, scope: &Scope, location: &str) -> Result<Value, QueryError> {
        evaluate::evaluate(&self.ast, &self.source, scope).map_err(|why| {
            let source = &self.source;
            QueryError::evaluation(
                location,
                format!("The JSONata expression '{source}' specified for the field '{location}' {why}"),
            )
        })
    }

    /// Its value, which has to be of a kind.
    ///
    /// # Errors
    /// Those of [`Self::evaluate`], and "returned an unexpected result type".
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

/// A value with expressions anywhere in it: Arguments, Output, Assign, Items, ItemSelector.
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
    /// Where a string between `{%` and `%}` is no JSONata, or the template nests too deep.
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

    /// The value it describes; `field` is the name of the field that holds it, to which the way to a failing
    /// expression is added (`Output/result`, `Items[1]`).
    ///
    /// # Errors
    /// Those of [`Expression::evaluate`].
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

    /// The way to the first of its expressions that is as wanted: `/result` or `[1]`.
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
