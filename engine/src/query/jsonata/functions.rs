//! The functions that AWS adds to JSONata, and the one that it removes.

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use serde_json::Value;

use super::super::intrinsic;

type Outcome = Result<JValue, EvaluatorError>;

/// Adds `$partition`, `$range`, `$hash`, `$random`, `$uuid` and `$parse`, and disables `$eval`.
pub(super) fn register(evaluator: &mut Evaluator) -> Result<(), EvaluatorError> {
    evaluator.register_fn("partition", partition)?;
    evaluator.register_fn("range", range)?;
    evaluator.register_fn("hash", hash)?;
    evaluator.register_fn_override("random", random)?;
    evaluator.register_fn("uuid", |_: &[JValue]| Ok(JValue::string(uuid::Uuid::new_v4().to_string())))?;
    evaluator.register_fn("parse", parse)?;
    // The same error as for an unknown function.
    evaluator.register_fn_override("eval", |_: &[JValue]| Err(error("T1006: Attempted to invoke a non-function")))
}

fn error(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

fn signature(at: usize, function: &str) -> EvaluatorError {
    error(format!("T0410: Argument {at} of function \"{function}\" does not match function signature"))
}

fn integer(arguments: &[JValue], at: usize, function: &str) -> Result<i64, EvaluatorError> {
    let value = arguments.get(at - 1).and_then(JValue::as_f64).ok_or_else(|| signature(at, function))?;
    Ok((value + 0.5).floor() as i64)
}

/// `$partition([1,2,3], 2)` returns `[[1,2],[3]]`.
fn partition(arguments: &[JValue]) -> Outcome {
    let items = match arguments.first() {
        Some(JValue::Array(items)) => items.to_vec(),
        None | Some(JValue::Undefined) => return Ok(JValue::Undefined),
        Some(one) => vec![one.clone()],
    };
    let size = integer(arguments, 2, "partition")?;
    let size = usize::try_from(size).ok().filter(|&size| size > 0);
    let size = size.ok_or_else(|| error("The chunk size must be a positive integer"))?;
    Ok(JValue::array(items.chunks(size).map(|chunk| JValue::array(chunk.to_vec())).collect()))
}

/// `$range(0, 9, 3)` returns `[0,3,6,9]`. A single item is returned without its array, as in JSONata's sequences.
fn range(arguments: &[JValue]) -> Outcome {
    let bound = |at| integer(arguments, at, "range");
    let items = intrinsic::range(bound(1)?, bound(2)?, bound(3)?).map_err(error)?;
    match JValue::from(items) {
        JValue::Array(mut items) => {
            items.sequence = true;
            Ok(JValue::Array(items))
        }
        other => Ok(other),
    }
}

/// Hashes a string: `$hash("text", "SHA-256")`.
fn hash(arguments: &[JValue]) -> Outcome {
    let text = |at: usize| arguments.get(at - 1).and_then(JValue::as_str).ok_or_else(|| signature(at, "hash"));
    let (data, algorithm) = (text(1)?, text(2)?);
    let hash = intrinsic::hash(data, algorithm);
    hash.map(JValue::string).ok_or_else(|| error(format!("Unsupported hash algorithm: {algorithm}")))
}

/// `$random()` returns a number in [0, 1). `$random(seed)` always returns the same number for a seed, which is that of
/// AWS.
fn random(arguments: &[JValue]) -> Outcome {
    let seed = match arguments.first() {
        Some(JValue::Number(seed)) => *seed as i64,
        _ => getrandom::u64().map_err(|_| error("The system has no randomness"))? as i64,
    };
    Ok(JValue::Number(intrinsic::JavaRandom::seeded(seed).fraction()))
}

/// Parses JSON text: `$parse("[1]")`.
fn parse(arguments: &[JValue]) -> Outcome {
    match arguments.first() {
        Some(JValue::String(text)) => match serde_json::from_str::<Value>(text) {
            Ok(value) => Ok(JValue::from(value)),
            Err(reason) => Err(error(format!("Invalid JSON: {reason}"))),
        },
        None | Some(JValue::Undefined) => Ok(JValue::Undefined),
        Some(_) => Err(signature(1, "parse")),
    }
}
