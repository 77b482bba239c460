//! Fields that are evaluated when a state runs, in either query language.

use std::fmt;

use serde_json::Value;

use super::fields::Fields;
use crate::{
    payload::Payload,
    query::{
        QueryError, Scope,
        jsonata::{self, Expression},
        path::{MAX_VARIABLE_NAME, Path, ReferencePath},
        template,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryLanguage {
    JsonPath,
    Jsonata,
}

impl fmt::Display for QueryLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonPath => "JSONPath",
            Self::Jsonata => "JSONata",
        })
    }
}

impl QueryLanguage {
    /// The other language, if this field of a state or of a nested object belongs only to it.
    pub(super) fn of_other(self, field: &str) -> Option<Self> {
        let of_path = field.ends_with("Path")
            || matches!(field, "Parameters" | "Result" | "ResultSelector" | "Variable" | "And" | "Or" | "Not");
        let of_jsonata = matches!(field, "Arguments" | "Output" | "Items" | "Condition");
        match self {
            Self::JsonPath => of_jsonata.then_some(Self::Jsonata),
            Self::Jsonata => of_path.then_some(Self::JsonPath),
        }
    }
}

/// A template that is evaluated, such as Parameters, Arguments, Assign, Output or ItemSelector.
#[derive(Debug)]
pub enum Template {
    JsonPath(template::Template),
    Jsonata(jsonata::Template),
}

impl Template {
    /// `field` is the field's name in errors.
    ///
    /// # Errors
    /// When a query in the template fails.
    pub fn evaluate(&self, scope: &Scope<'_>, field: &str) -> Result<Value, QueryError> {
        match self {
            Self::JsonPath(template) => template.evaluate(scope),
            Self::Jsonata(template) => template.evaluate(scope, field),
        }
    }

    /// Reads Assign, an object of variables.
    pub(super) fn parse_assign(fields: &mut Fields<'_>, language: QueryLanguage) -> Option<Self> {
        const FIELD: &str = "Assign";
        let Value::Object(variables) = fields.get(FIELD)? else {
            fields.wrong(FIELD, "Expected value of type Object");
            return None;
        };
        for key in variables.keys() {
            let name = match language {
                QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
                QueryLanguage::Jsonata => key,
            };
            if !is_variable(name) {
                let message = format!(
                    "'{name}' is not a valid variable name: use up to {MAX_VARIABLE_NAME} letters, digits and underscores, not \
                     beginning with a digit, and not 'states', which is reserved"
                );
                fields.wrong(FIELD, message);
            }
        }
        Self::parse(fields, FIELD, language)
    }

    pub(super) fn parse(fields: &mut Fields<'_>, field: &'static str, language: QueryLanguage) -> Option<Self> {
        let value = fields.get(field)?;
        match language {
            QueryLanguage::JsonPath => {
                let parsed =
                    template::Template::parse(value).map_err(|reason| fields.unreadable(field, reason.to_string()));
                parsed.map(Self::JsonPath).ok()
            }
            QueryLanguage::Jsonata => {
                let parsed = jsonata::Template::parse(value).map_err(|error| fields.wrong_expression(field, &error));
                let template = parsed.ok()?;
                if let Some(place) = template.place_of(Expression::reads_error_output) {
                    fields.refuse_error_output(field, &place);
                }
                Some(Self::Jsonata(template))
            }
        }
    }
}

/// InputPath and OutputPath.
#[derive(Debug)]
pub enum Selection {
    /// `$`, or not set.
    Whole,
    /// `null`: an empty object.
    Nothing,
    Path(Path),
}

impl Selection {
    /// The path as it is written in the definition.
    #[must_use]
    pub fn source(&self) -> &str {
        match self {
            Self::Whole => "$",
            Self::Nothing => "null",
            Self::Path(path) => path.source(),
        }
    }

    /// Selects a part of `whole`.
    ///
    /// # Errors
    /// When the path has no match.
    pub fn apply(&self, whole: Payload, scope: &Scope<'_>) -> Result<Payload, QueryError> {
        match self {
            Self::Whole => Ok(whole),
            Self::Nothing => Ok(Payload::from_text("{}")),
            Self::Path(path) => path.get(scope).map(Payload::from),
        }
    }

    /// Like [`Self::apply`], but for ItemsPath, which is a reference path.
    ///
    /// # Errors
    /// When the path has no match.
    pub fn apply_reference(&self, whole: Payload, scope: &Scope<'_>) -> Result<Payload, QueryError> {
        match self {
            Self::Path(path) => path.get_by_reference(scope).map(Payload::from),
            _ => self.apply(whole, scope),
        }
    }

    pub(super) fn parse(fields: &mut Fields<'_>, field: &'static str) -> Self {
        match fields.get(field) {
            None => Self::Whole,
            Some(Value::Null) => Self::Nothing,
            Some(_) => match fields.text(field) {
                None | Some("$") => Self::Whole,
                Some(text) => path(fields, field, text).map_or(Self::Whole, Self::Path),
            },
        }
    }
}

/// ResultPath: where the result is inserted into the state's input.
#[derive(Debug)]
pub enum ResultPlace {
    /// `$`, or not set: the result becomes the output.
    Whole,
    /// `null`: the result is discarded.
    Discard,
    At(ReferencePath),
}

impl ResultPlace {
    /// Inserts the result into the state's raw input.
    ///
    /// # Errors
    /// When the input can't have a value at the path.
    pub fn apply(&self, input: &Payload, result: Payload) -> Result<Payload, QueryError> {
        match self {
            Self::Whole => Ok(result),
            Self::Discard => Ok(input.clone()),
            Self::At(path) => path.put(input.value().clone(), result.value().clone()).map(Payload::from),
        }
    }

    pub(super) fn parse(fields: &mut Fields<'_>, field: &'static str) -> Self {
        match fields.get(field) {
            None => Self::Whole,
            Some(Value::Null) => Self::Discard,
            Some(_) => match fields.text(field) {
                None | Some("$") => Self::Whole,
                Some(text) => match ReferencePath::parse(text) {
                    Ok(path) if path.path().variable().is_none() && !path.path().is_context() => Self::At(path),
                    _ => {
                        fields.unreadable(
                            field,
                            format!("The value for the field '{field}' must be a valid JSONPath Reference Path"),
                        );
                        Self::Whole
                    }
                },
            },
        }
    }
}

/// A number that may be computed, for example `TimeoutSeconds`, `TimeoutSecondsPath` or an expression.
#[derive(Debug)]
pub enum Number {
    Literal(f64),
    Path(Path),
    Jsonata(Expression),
}

/// The range of a number that is literal in the definition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bounds {
    Integer(i64, i64),
    Percentage,
}

impl Number {
    pub(super) fn parse(
        fields: &mut Fields<'_>,
        field: &'static str,
        path_field: &'static str,
        bounds: Bounds,
        language: QueryLanguage,
    ) -> Option<Self> {
        if language == QueryLanguage::JsonPath {
            fields.exclusive(field, path_field);
            if fields.has(path_field) {
                let text = fields.text(path_field)?;
                return path(fields, path_field, text).map(Self::Path);
            }
        }
        match fields.get(field)? {
            Value::String(text) if language == QueryLanguage::Jsonata => {
                expression(fields, field, text).map(Self::Jsonata)
            }
            _ => match bounds {
                Bounds::Integer(least, most) => {
                    #[expect(clippy::cast_precision_loss, reason = "the bounds are far below 2^52")]
                    let number = fields.integer(field, least, most)? as f64;
                    Some(Self::Literal(number))
                }
                Bounds::Percentage => {
                    let number = fields.number(field)?;
                    if !(0.0..=100.0).contains(&number) {
                        fields.wrong(field, "Expected value to be between 0 and 100");
                    }
                    Some(Self::Literal(number))
                }
            },
        }
    }
}

/// A string that may be computed, for example `Error`, `ErrorPath` or an expression.
#[derive(Debug)]
pub enum Text {
    Literal(String),
    /// A path or an intrinsic function, which AWS allows in ErrorPath and CausePath.
    Query(template::Query),
    Jsonata(Expression),
}

impl Text {
    pub(super) fn parse(
        fields: &mut Fields<'_>,
        field: &'static str,
        path_field: &'static str,
        language: QueryLanguage,
    ) -> Option<Self> {
        if language == QueryLanguage::JsonPath {
            fields.exclusive(field, path_field);
            if fields.has(path_field) {
                let text = fields.text(path_field)?;
                return template::Query::parse(text)
                    .map_err(|_| fields.unreadable(path_field, not_a_path(path_field)))
                    .map(Self::Query)
                    .ok();
            }
        }
        let text = fields.text(field)?;
        if language == QueryLanguage::Jsonata && Expression::is_expression(text) {
            return expression(fields, field, text).map(Self::Jsonata);
        }
        Some(Self::Literal(text.to_owned()))
    }
}

pub(super) fn expression(fields: &Fields<'_>, field: &str, text: &str) -> Option<Expression> {
    let expression = Expression::parse(text).map_err(|error| fields.wrong_expression(field, &error)).ok()?;
    if expression.reads_error_output() {
        fields.refuse_error_output(field, "");
    }
    Some(expression)
}

pub(super) fn path(fields: &Fields<'_>, field: &str, text: &str) -> Option<Path> {
    Path::parse(text).map_err(|_| fields.unreadable(field, not_a_path(field))).ok()
}

fn not_a_path(field: &str) -> String {
    format!("The value for the field '{field}' must be a valid JSONPath")
}

fn is_variable(name: &str) -> bool {
    name != "states"
        && name.chars().count() <= MAX_VARIABLE_NAME
        && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
