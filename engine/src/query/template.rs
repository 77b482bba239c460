//! Payload templates: Parameters, ResultSelector, ItemSelector and Assign of JSONPath states.

use serde_json::{Map, Value};

use super::intrinsic::{Call, CallError};
use super::path::{Miss, Path, PathError};
use super::{Allowance, QueryError, Scope, bounded};

/// A query for a single value: a path or a call of an intrinsic function.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    Path(Path),
    Call(Call),
}

/// The error for a text that is neither a path nor a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryTextError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Query {
    /// Parses `$.a`, `$$.a`, `$variable` or `States.…(…)`.
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn parse(text: &str) -> Result<Self, QueryTextError> {
        if Call::looks_like(text) { Ok(Self::Call(Call::parse(text)?)) } else { Ok(Self::Path(Path::parse(text)?)) }
    }

    /// The text that the query was parsed from.
    pub fn source(&self) -> &str {
        match self {
            Self::Path(path) => path.source(),
            Self::Call(call) => call.source(),
        }
    }

    /// Evaluates the query.
    ///
    /// # Errors
    /// As for [`Path::get`] and [`Call::evaluate`].
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, QueryError> {
        match self {
            Self::Path(path) => path.get(scope),
            Self::Call(call) => call.evaluate(scope),
        }
    }

    /// Evaluates the query for the field `name`: a template's key with its `.$`, or a field such as CausePath.
    ///
    /// # Errors
    /// "The JSONPath '…' specified for the field '…' could not be found" if a path has no match. Otherwise as for
    /// [`Call::evaluate`].
    pub fn evaluate_for(&self, scope: &Scope, name: &str) -> Result<Value, QueryError> {
        self.evaluate_within(scope, name, &Allowance::within(scope.budget))
    }

    fn evaluate_within(&self, scope: &Scope, name: &str, allowance: &Allowance) -> Result<Value, QueryError> {
        match self {
            Self::Path(path) => path.find(scope, allowance).or_else(|miss| match miss {
                Miss::TooMuch(error) => Err(error),
                Miss::NoItem(_) => Ok(Value::Null),
                Miss::NotFound(_) => Err(QueryError::runtime(format!(
                    "The JSONPath '{}' specified for the field '{name}' could not be found in the input '{}'",
                    path.source(),
                    scope.input
                ))),
            }),
            Self::Call(call) => call.evaluate_within(scope, allowance),
        }
    }
}

/// The error for a value that is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// AWS's message in CreateStateMachine. `field` is the key with its `.$`.
    #[error("The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call")]
    NotAQuery {
        field: String,
        /// What is wrong with the query. `None` if the value is not a string.
        reason: Option<QueryTextError>,
    },
    #[error("The template is nested deeper than {} levels", super::MAX_DEPTH)]
    TooDeep,
}

/// A payload template, with its queries parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// A part without queries.
    Constant(Value),
    Object(Vec<(String, Field)>),
    Array(Vec<Node>),
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    /// The value of a key that ends in `.$`. The key without `.$` is the name of the field.
    Query(Query),
    Node(Node),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// When the value of a key that ends in `.$` is not a query.
    pub fn parse(value: &Value) -> Result<Self, TemplateError> {
        if super::deeper_than(value, super::MAX_DEPTH) {
            return Err(TemplateError::TooDeep);
        }
        Node::parse(value).map(Self)
    }

    /// Evaluates the template.
    ///
    /// # Errors
    /// `States.Runtime` if a path has no match. Otherwise as for [`Call::evaluate`].
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, QueryError> {
        self.0.evaluate(scope, &Allowance::within(scope.budget)).and_then(bounded)
    }
}

impl Node {
    fn parse(value: &Value) -> Result<Self, TemplateError> {
        match value {
            Value::Object(fields) => {
                let mut parsed = Vec::with_capacity(fields.len());
                for (key, value) in fields {
                    parsed.push(match key.strip_suffix(".$") {
                        Some(name) => (name.to_owned(), Field::Query(query(key, value)?)),
                        None => (key.clone(), Field::Node(Self::parse(value)?)),
                    });
                }
                let constant = |(_, field): &(String, Field)| matches!(field, Field::Node(Self::Constant(_)));
                Ok(if parsed.iter().all(constant) { Self::Constant(value.clone()) } else { Self::Object(parsed) })
            }
            Value::Array(items) => {
                let items = items.iter().map(Self::parse).collect::<Result<Vec<_>, _>>()?;
                let constant = items.iter().all(|item| matches!(item, Self::Constant(_)));
                Ok(if constant { Self::Constant(value.clone()) } else { Self::Array(items) })
            }
            other => Ok(Self::Constant(other.clone())),
        }
    }

    fn evaluate(&self, scope: &Scope, allowance: &Allowance) -> Result<Value, QueryError> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Array(items) => {
                Value::Array(items.iter().map(|item| item.evaluate(scope, allowance)).collect::<Result<Vec<_>, _>>()?)
            }
            Self::Object(fields) => {
                let mut object = Map::with_capacity(fields.len());
                for (name, field) in fields {
                    let value = match field {
                        Field::Query(query) => query.evaluate_within(scope, &format!("{name}.$"), allowance)?,
                        Field::Node(node) => node.evaluate(scope, allowance)?,
                    };
                    object.insert(name.clone(), value);
                }
                Value::Object(object)
            }
        })
    }
}

fn query(key: &str, value: &Value) -> Result<Query, TemplateError> {
    let error = |reason| TemplateError::NotAQuery { field: key.to_owned(), reason };
    let text = value.as_str().ok_or_else(|| error(None))?;
    Query::parse(text).map_err(|reason| error(Some(reason)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::OwnedScope;
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_that_end_in_a_dollar_are_evaluated_at_any_depth() {
        let template = json!({
            "constant": "$.a",
            "path.$": "$.a",
            "list": [{"context.$": "$$.Execution.Name"}, 1],
            "deep": {"call.$": "States.Format('<{}>', $.a)", "variable.$": "$v.x"}
        });
        let world = OwnedScope::of(json!({"a": "b"})).with("v", json!({"x": null}));
        let value = Template::parse(&template).unwrap().evaluate(&world.scope()).unwrap();
        let expected = json!({
            "constant": "$.a",
            "path": "b",
            "list": [{"context": "run"}, 1],
            "deep": {"call": "<b>", "variable": null}
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_path_without_a_match_is_reported_with_its_field() {
        let template = Template::parse(&json!({"deep": {"value.$": "$$.no"}})).unwrap();
        let error = template.evaluate(&OwnedScope::of(json!({"int-literal": 0})).scope()).unwrap_err();
        assert_eq!(error.error, "States.Runtime");
        assert_eq!(
            error.cause,
            "The JSONPath '$$.no' specified for the field 'value.$' could not be found in the input \
             '{\"int-literal\":0}'"
        );
    }

    /// Measured on AWS: floci-io/floci pull request 3167. Jackson gives null there, which Jayway takes for a value.
    #[test]
    fn an_index_past_the_end_of_an_array_is_null() {
        let world = OwnedScope::of(json!({"n": [1, 2]}));
        let value = |path: &str| Template::parse(&json!({ "x.$": path })).unwrap().evaluate(&world.scope());
        assert_eq!(value("$.n[2]"), Ok(json!({"x": null})));
        for path in ["$.n[2].a", "$.m[0]", "$.n.a", "$.n[2].length()"] {
            assert!(value(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_value_that_is_not_a_query_is_reported_with_its_field() {
        for value in [json!("a"), json!(1), json!("States.Nope()"), json!("$."), json!({"b.$": "$"})] {
            let error = Template::parse(&json!({"a.$": value})).unwrap_err().to_string();
            assert_eq!(
                error,
                "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call"
            );
        }
    }

    #[test]
    fn a_value_cannot_be_nested_deeper_than_can_be_read_again() {
        let template = Template::parse(&json!({"a.$": "$"})).unwrap();
        let mut value = json!(1);
        for _ in 0..super::super::MAX_DEPTH {
            value = template.evaluate(&OwnedScope::of(value).scope()).unwrap();
        }
        assert!(template.evaluate(&OwnedScope::of(value).scope()).is_err());
    }

    #[test]
    fn the_copies_made_by_a_template_are_limited() {
        let fields: Map<String, Value> = (0..1000).map(|n| (format!("{n}.$"), json!("$"))).collect();
        let world = OwnedScope::of(json!("x".repeat(100_000)));
        let error = Template::parse(&Value::Object(fields)).unwrap().evaluate(&world.scope()).unwrap_err();
        assert_eq!(error.error, "States.DataLimitExceeded");
    }
}
