//! Payload templates: Parameters, ResultSelector, ItemSelector and Assign of JSONPath states.

use serde_json::{Map, Value};

use super::intrinsic::{Call, CallError};
use super::path::{Miss, Path, PathError};
use super::{Allowance, QueryError, Scope, bounded};

/// What may stand where one value is asked for: a path or a call of an intrinsic function.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    Path(Path),
    Call(Call),
}

/// Why a text is neither path nor call.
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
    /// Where the text is none of them.
    pub fn parse(text: &str) -> Result<Self, QueryTextError> {
        if Call::looks_like(text) { Ok(Self::Call(Call::parse(text)?)) } else { Ok(Self::Path(Path::parse(text)?)) }
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        match self {
            Self::Path(path) => path.source(),
            Self::Call(call) => call.source(),
        }
    }

    /// Its value.
    ///
    /// # Errors
    /// Those of [`Path::get`] and [`Call::evaluate`].
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, QueryError> {
        match self {
            Self::Path(path) => path.get(scope),
            Self::Call(call) => call.evaluate(scope),
        }
    }

    /// Its value, for the field `name`: a template's key with its `.$`, or a field such as CausePath.
    ///
    /// # Errors
    /// "The JSONPath '…' specified for the field '…' could not be found" where a path finds nothing; those of
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

/// Why a value is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// AWS's words at CreateStateMachine; `field` is the key with its `.$`.
    #[error("The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call")]
    NotAQuery {
        field: String,
        /// What is wrong with it; none where the value is no text.
        reason: Option<QueryTextError>,
    },
    #[error("The template is nested deeper than {} levels", super::MAX_DEPTH)]
    TooDeep,
}

/// A payload template, its queries parsed.
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
    /// What a key that ends in `.$` stands for; the key without it names the field.
    Query(Query),
    Node(Node),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Where a key that ends in `.$` has a value that is no query.
    pub fn parse(value: &Value) -> Result<Self, TemplateError> {
        if super::deeper_than(value, super::MAX_DEPTH) {
            return Err(TemplateError::TooDeep);
        }
        Node::parse(value).map(Self)
    }

    /// The value that the template describes.
    ///
    /// # Errors
    /// `States.Runtime` where a path finds nothing; those of [`Call::evaluate`].
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, QueryError> {
        self.0.evaluate(scope, &Allowance::within(scope.budget)).and_then(bounded)
    }

    /// Every query in it, to check what it refers to.
    pub fn queries(&self) -> Vec<&Query> {
        let mut queries = Vec::new();
        self.0.collect(&mut queries);
        queries
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

    fn collect<'a>(&'a self, queries: &mut Vec<&'a Query>) {
        match self {
            Self::Constant(_) => {}
            Self::Array(items) => items.iter().for_each(|item| item.collect(queries)),
            Self::Object(fields) => {
                for (_, field) in fields {
                    match field {
                        Field::Query(query) => queries.push(query),
                        Field::Node(node) => node.collect(queries),
                    }
                }
            }
        }
    }
}

fn query(key: &str, value: &Value) -> Result<Query, TemplateError> {
    let error = |reason| TemplateError::NotAQuery { field: key.to_owned(), reason };
    let text = value.as_str().ok_or_else(|| error(None))?;
    Query::parse(text).map_err(|reason| error(Some(reason)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_that_end_in_a_dollar_take_their_value_from_elsewhere_at_any_depth() {
        let template = json!({
            "constant": "$.a",
            "path.$": "$.a",
            "list": [{"context.$": "$$.Execution.Name"}, 1],
            "deep": {"call.$": "States.Format('<{}>', $.a)", "variable.$": "$v.x"}
        });
        let world = World::of(json!({"a": "b"})).with("v", json!({"x": null}));
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
    fn a_path_that_finds_nothing_is_named_with_its_field() {
        let template = Template::parse(&json!({"deep": {"value.$": "$$.no"}})).unwrap();
        let error = template.evaluate(&World::of(json!({"int-literal": 0})).scope()).unwrap_err();
        assert_eq!(error.error, "States.Runtime");
        assert_eq!(
            error.cause,
            "The JSONPath '$$.no' specified for the field 'value.$' could not be found in the input \
             '{\"int-literal\":0}'"
        );
    }

    /// Measured on AWS: floci-io/floci pull request 3167. Jackson gives null there, which Jayway takes for a value.
    #[test]
    fn an_index_past_the_end_of_a_list_is_null() {
        let world = World::of(json!({"n": [1, 2]}));
        let value = |path: &str| Template::parse(&json!({ "x.$": path })).unwrap().evaluate(&world.scope());
        assert_eq!(value("$.n[2]"), Ok(json!({"x": null})));
        for path in ["$.n[2].a", "$.m[0]", "$.n.a", "$.n[2].length()"] {
            assert!(value(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_value_that_is_no_query_is_refused_by_the_name_of_its_field() {
        for value in [json!("a"), json!(1), json!("States.Nope()"), json!("$."), json!({"b.$": "$"})] {
            let error = Template::parse(&json!({"a.$": value})).unwrap_err().to_string();
            assert_eq!(
                error,
                "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call"
            );
        }
    }

    #[test]
    fn a_value_does_not_grow_deeper_than_can_be_read_again() {
        let template = Template::parse(&json!({"a.$": "$"})).unwrap();
        let mut value = json!(1);
        for _ in 0..super::super::MAX_DEPTH {
            value = template.evaluate(&World::of(value).scope()).unwrap();
        }
        assert!(template.evaluate(&World::of(value).scope()).is_err());
    }

    #[test]
    fn what_a_template_copies_is_bounded() {
        let fields: Map<String, Value> = (0..1000).map(|n| (format!("{n}.$"), json!("$"))).collect();
        let world = World::of(json!("x".repeat(100_000)));
        let error = Template::parse(&Value::Object(fields)).unwrap().evaluate(&world.scope()).unwrap_err();
        assert_eq!(error.error, "States.DataLimitExceeded");
    }
}
