//! The functions.

use std::ops::RangeInclusive;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::Digest;

use super::arguments::Arguments;

/// The maximum length of an array that `States.ArrayRange` returns.
pub(in super::super) const MAX_RANGE: usize = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Array,
    ArrayPartition,
    ArrayContains,
    ArrayRange,
    ArrayGetItem,
    ArrayLength,
    ArrayUnique,
    Base64Encode,
    Base64Decode,
    Hash,
    JsonMerge,
    StringToJson,
    JsonToString,
    MathRandom,
    MathAdd,
    StringSplit,
    Uuid,
    Format,
}

impl Function {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("States.")? {
            "Array" => Self::Array,
            "ArrayPartition" => Self::ArrayPartition,
            "ArrayContains" => Self::ArrayContains,
            "ArrayRange" => Self::ArrayRange,
            "ArrayGetItem" => Self::ArrayGetItem,
            "ArrayLength" => Self::ArrayLength,
            "ArrayUnique" => Self::ArrayUnique,
            "Base64Encode" => Self::Base64Encode,
            "Base64Decode" => Self::Base64Decode,
            "Hash" => Self::Hash,
            "JsonMerge" => Self::JsonMerge,
            "StringToJson" => Self::StringToJson,
            "JsonToString" => Self::JsonToString,
            "MathRandom" => Self::MathRandom,
            "MathAdd" => Self::MathAdd,
            "StringSplit" => Self::StringSplit,
            "UUID" => Self::Uuid,
            "Format" => Self::Format,
            _ => return None,
        })
    }

    /// The number of arguments.
    pub fn arity(self) -> RangeInclusive<usize> {
        match self {
            Self::Array => 0..=usize::MAX,
            Self::Format => 1..=usize::MAX,
            Self::Uuid => 0..=0,
            Self::ArrayLength
            | Self::ArrayUnique
            | Self::Base64Encode
            | Self::Base64Decode
            | Self::StringToJson
            | Self::JsonToString => 1..=1,
            Self::ArrayPartition
            | Self::ArrayContains
            | Self::ArrayGetItem
            | Self::Hash
            | Self::MathAdd
            | Self::StringSplit => 2..=2,
            Self::MathRandom => 2..=3,
            Self::ArrayRange | Self::JsonMerge => 3..=3,
        }
    }

    /// Calls the function. The error is a sentence that says why it failed.
    pub fn apply(self, mut arguments: Arguments) -> Result<Value, String> {
        Ok(match self {
            Self::Array => arguments.rest().collect(),
            Self::ArrayPartition => {
                let items = arguments.array()?;
                partition(items, arguments.integer()?)?
            }
            Self::ArrayContains => {
                let items = arguments.array()?;
                items.contains(&arguments.value()).into()
            }
            Self::ArrayRange => range(arguments.integer()?, arguments.integer()?, arguments.integer()?)?,
            Self::ArrayGetItem => {
                let mut items = arguments.array()?;
                let index = arguments.integer()?;
                match usize::try_from(index).ok().filter(|&index| index < items.len()) {
                    Some(index) => items.swap_remove(index),
                    None => return Err(format!("Index {index} is out of range for an array of {}", items.len())),
                }
            }
            Self::ArrayLength => arguments.array()?.len().into(),
            Self::ArrayUnique => {
                let mut seen = std::collections::HashSet::new();
                // AWS compares items by their JSON text, so 1 and 1.0 differ.
                arguments.array()?.into_iter().filter(|item| seen.insert(item.to_string())).collect()
            }
            Self::Base64Encode => BASE64_STANDARD.encode(arguments.short_text()?).into(),
            Self::Base64Decode => {
                let bytes = BASE64_STANDARD.decode(arguments.short_text()?);
                let text = bytes.ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                text.ok_or("The input is not a valid Base64 string")?.into()
            }
            Self::Hash => {
                let data = match arguments.value() {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                if data.chars().count() > super::arguments::MAX_TEXT {
                    return Err(format!("The length of the data is over {} characters", super::arguments::MAX_TEXT));
                }
                let algorithm = arguments.text()?;
                hash(&data, &algorithm).ok_or_else(|| format!("Unsupported hash algorithm: {algorithm}"))?.into()
            }
            Self::JsonMerge => {
                let mut into = arguments.object()?;
                let from = arguments.object()?;
                if arguments.boolean()? {
                    return Err("Deep merge is not supported: the third argument must be false".into());
                }
                into.extend(from);
                Value::Object(into)
            }
            Self::StringToJson => {
                let text = arguments.text()?;
                let value = serde_json::from_str(&text).map_err(|error| format!("Invalid JSON: {error}"))?;
                without_negative_zero(value)
            }
            Self::JsonToString => arguments.value().to_string().into(),
            Self::MathRandom => {
                let (start, end) = (arguments.integer()?, arguments.integer()?);
                let seed = if arguments.is_empty() { None } else { Some(arguments.integer()?) };
                random(start, end, seed)?
            }
            Self::MathAdd => {
                let sum = integer32(arguments.integer()?)? + integer32(arguments.integer()?)?;
                sum.into()
            }
            Self::StringSplit => {
                let (text, separators) = (arguments.text()?, arguments.text()?);
                // Each character of the second argument is a separator. Adjacent separators don't produce empty
                // strings.
                let parts = text.split(|c| separators.contains(c)).filter(|part| !part.is_empty());
                parts.map(Value::from).collect()
            }
            Self::Uuid => uuid::Uuid::new_v4().to_string().into(),
            Self::Format => format(arguments)?.into(),
        })
    }
}

/// Converts -0.0 to 0, as AWS's JSON reader does. The recursion is bounded by the nesting limit of the reader.
fn without_negative_zero(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_f64().is_some_and(|n| n == 0.0 && n.is_sign_negative()) => 0.into(),
        Value::Array(items) => items.into_iter().map(without_negative_zero).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, without_negative_zero(value))).collect(),
        other => other,
    }
}

fn integer32(integer: i64) -> Result<i64, String> {
    match i32::try_from(integer) {
        Ok(integer) => Ok(integer.into()),
        Err(_) => Err(format!("{integer} is out of the range -2147483648 to 2147483647")),
    }
}

/// Splits `items` into chunks of `size`. The last chunk can be shorter.
fn partition(items: Vec<Value>, size: i64) -> Result<Value, String> {
    let size =
        usize::try_from(size).ok().filter(|&size| size > 0).ok_or("The chunk size must be a positive integer")?;
    Ok(items.chunks(size).map(|chunk| Value::Array(chunk.to_vec())).collect())
}

/// The integers from `first` to `last` inclusive, in steps of `step`.
pub(in super::super) fn range(first: i64, last: i64, step: i64) -> Result<Value, String> {
    if step == 0 {
        return Err("The step must not be 0".into());
    }
    let mut items = Vec::new();
    let mut at = first;
    while if step > 0 { at <= last } else { at >= last } {
        if items.len() == MAX_RANGE {
            return Err(format!("The range has more than {MAX_RANGE} items"));
        }
        items.push(Value::from(at));
        match at.checked_add(step) {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(Value::Array(items))
}

/// The hash of `data` in hexadecimal, or `None` if AWS does not have the algorithm.
pub(in super::super) fn hash(data: &str, algorithm: &str) -> Option<String> {
    let digest = match algorithm {
        "MD5" => md5::Md5::digest(data).to_vec(),
        "SHA-1" => sha1::Sha1::digest(data).to_vec(),
        "SHA-256" => sha2::Sha256::digest(data).to_vec(),
        "SHA-384" => sha2::Sha384::digest(data).to_vec(),
        "SHA-512" => sha2::Sha512::digest(data).to_vec(),
        _ => return None,
    };
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A random number from `start` (inclusive) to `end` (exclusive). The same seed always returns the same number.
fn random(start: i64, end: i64, seed: Option<i64>) -> Result<Value, String> {
    if start >= end {
        return Err("The end number must be greater than the start number".into());
    }
    let seed = match seed {
        Some(seed) => seed,
        None => getrandom::u64().map_err(|_| "The system has no randomness")? as i64,
    };
    let span = end.saturating_sub(start);
    let offset = match i32::try_from(span) {
        Ok(span) => JavaRandom::seeded(seed).below(span).into(),
        Err(_) => (JavaRandom::seeded(seed).fraction() * span as f64) as i64,
    };
    Ok((start + offset).into())
}

/// Java's random number generator, which AWS's functions use. The same seed produces the same numbers as on AWS.
pub(in super::super) struct JavaRandom(u64);

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    pub fn seeded(seed: i64) -> Self {
        Self((seed as u64 ^ Self::MULTIPLIER) & Self::MASK)
    }

    fn bits(&mut self, count: u32) -> i32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        (self.0 >> (48 - count)) as i32
    }

    /// A number in [0, 1), like `nextDouble`.
    pub fn fraction(&mut self) -> f64 {
        let bits = ((self.bits(26) as u64) << 27) + self.bits(27) as u64;
        bits as f64 / (1_u64 << 53) as f64
    }

    /// A number from 0 to a positive `bound` (exclusive), like `nextInt(bound)`.
    fn below(&mut self, bound: i32) -> i32 {
        let mut bits = self.bits(31);
        if bound & bound.wrapping_neg() == bound {
            return ((i64::from(bound) * i64::from(bits)) >> 31) as i32;
        }
        // Reject numbers from the last, incomplete range, which would make some results more likely than others.
        while bits.wrapping_sub(bits % bound).wrapping_add(bound - 1) < 0 {
            bits = self.bits(31);
        }
        bits % bound
    }
}

/// Replaces each `{}` in the first argument with the next argument.
fn format(mut arguments: Arguments) -> Result<String, String> {
    let template = arguments.text()?;
    let mut values = arguments.rest();
    let mut text = String::with_capacity(template.len());
    let mut characters = template.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => text.extend(characters.next()),
            '{' if characters.peek() == Some(&'}') => {
                characters.next();
                match values.next() {
                    Some(Value::String(value)) => text += &value,
                    Some(value) => text += &value.to_string(),
                    None => return Err("The number of arguments do not match the occurrences of {}".into()),
                }
            }
            other => text.push(other),
        }
    }
    if values.next().is_some() {
        return Err("The number of arguments do not match the occurrences of {}".into());
    }
    Ok(text)
}
