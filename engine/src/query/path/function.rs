//! Functions at the end of a path, for example `$.items.length()` or `$..price.sum()`.

use serde_json::{Number, Value};

use super::syntax::{PathError, Reader};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Function {
    name: Name,
    /// The JSON values passed to the function.
    parameters: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Length,
    Sum,
    Average,
    Min,
    Max,
    StandardDeviation,
    Concat,
    Append,
    Keys,
    First,
    Last,
    Index,
}

impl Function {
    /// Reads the parameters and the closing parenthesis of a call.
    pub fn read(reader: &mut Reader, name: &str) -> Result<Self, PathError> {
        let name = match name {
            "length" | "size" => Name::Length,
            "sum" => Name::Sum,
            "avg" => Name::Average,
            "min" => Name::Min,
            "max" => Name::Max,
            "stddev" => Name::StandardDeviation,
            "concat" => Name::Concat,
            "append" => Name::Append,
            "keys" => Name::Keys,
            "first" => Name::First,
            "last" => Name::Last,
            "index" => Name::Index,
            _ => return Err(reader.error(format_args!("Function with name: {name} does not exist."))),
        };
        let mut parameters = Vec::new();
        loop {
            reader.skip_spaces();
            match reader.peek() {
                Some(')') => {
                    reader.next();
                    return Ok(Self { name, parameters });
                }
                Some(',') if !parameters.is_empty() => {
                    reader.next();
                }
                Some('\'' | '"') => parameters.push(Value::String(reader.quoted()?)),
                Some(_) => {
                    let literal = reader.take_while(|c| !matches!(c, ',' | ')')).trim();
                    let value = serde_json::from_str(literal);
                    parameters.push(value.map_err(|_| reader.error(format_args!("'{literal}' is not JSON")))?);
                }
                None => return Err(reader.error("the call does not end")),
            }
        }
    }

    /// Applies the function to the value of the path before it, which is an array if that path is indefinite.
    pub fn apply(&self, value: &Value) -> Result<Value, String> {
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let item = |at: Option<usize>| at.and_then(|at| items.get(at)).cloned();
        let beyond = || "Array index out of bounds".to_owned();
        match self.name {
            Name::Length => Ok(match value {
                Value::Array(items) => items.len().into(),
                Value::Object(fields) => fields.len().into(),
                Value::String(text) => text.chars().count().into(),
                _ => Value::Null,
            }),
            Name::Keys => Ok(match value {
                Value::Object(fields) => fields.keys().cloned().collect(),
                _ => Value::Null,
            }),
            Name::First => item(Some(0)).ok_or_else(beyond),
            Name::Last => item(items.len().checked_sub(1)).ok_or_else(beyond),
            Name::Index => {
                let index = self.parameters.first().and_then(Value::as_i64).unwrap_or(0);
                let index = if index < 0 { index + items.len() as i64 } else { index };
                item(usize::try_from(index).ok()).ok_or_else(beyond)
            }
            Name::Concat => {
                let texts = items.iter().chain(&self.parameters).filter_map(Value::as_str);
                Ok(Value::String(texts.collect()))
            }
            Name::Append => Ok(items.iter().chain(&self.parameters).cloned().collect()),
            Name::Sum | Name::Average | Name::Min | Name::Max | Name::StandardDeviation => {
                let numbers: Vec<f64> = items.iter().chain(&self.parameters).filter_map(Value::as_f64).collect();
                if numbers.is_empty() {
                    return Err("Aggregation function attempted to calculate value using empty array".into());
                }
                let count = numbers.len() as f64;
                let sum: f64 = numbers.iter().sum();
                let result = match self.name {
                    Name::Sum => sum,
                    Name::Average => sum / count,
                    Name::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
                    Name::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    _ => {
                        let squares: f64 = numbers.iter().map(|n| n * n).sum();
                        (squares / count - sum * sum / count / count).sqrt()
                    }
                };
                // Jayway always returns a floating-point number: the sum of 1 and 2 is 3.0.
                Ok(Number::from_f64(result).map_or(Value::Null, Value::Number))
            }
        }
    }
}
