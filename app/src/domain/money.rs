//! Amounts of pounds sterling.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An amount of pounds sterling above £0 and below £1,000,000,000, stored as whole pence to avoid rounding.
///
/// JSON amounts are in pounds: serialized as a decimal string (`"250000.00"`), and deserialized from such a string or
/// from a number (`250000`, `250000.5`). An amount with more than two decimals is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    pence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("enter an amount in pounds, like 250000 or 250,000.00")]
    NotAnAmount,
    #[error("enter pounds and pence with at most two digits after the point, like 250000.50")]
    TooManyDecimals,
    #[error("put a comma before every three digits, or none, like 250,000 or 250000")]
    Commas,
    #[error("enter an amount above £0")]
    Zero,
    #[error("enter an amount below £1,000,000,000")]
    TooLarge,
}

impl Money {
    /// One penny below £1,000,000,000: more than any mortgage, and well within the integers that an `f64` holds
    /// exactly.
    const LIMIT_PENCE: u64 = 99_999_999_999;

    pub fn from_pence(pence: u64) -> Result<Self, MoneyError> {
        match pence {
            0 => Err(MoneyError::Zero),
            pence if pence > Self::LIMIT_PENCE => Err(MoneyError::TooLarge),
            pence => Ok(Self { pence }),
        }
    }

    pub fn pence(self) -> u64 {
        self.pence
    }

    /// Parses a plain decimal such as `250000` or `250000.00`, as programs write it: no currency sign, commas or
    /// spaces.
    pub fn from_decimal(text: &str) -> Result<Self, MoneyError> {
        let (pounds, pence) = text.split_once('.').map_or((text, None), |(pounds, pence)| (pounds, Some(pence)));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(pounds) || pence.is_some_and(|pence| !digits(pence)) || pounds.len() > 1 && pounds.starts_with('0') {
            return Err(MoneyError::NotAnAmount);
        }
        let pence = pence.unwrap_or_default();
        if pence.len() > 2 {
            return Err(MoneyError::TooManyDecimals);
        }
        let pounds: u64 = pounds.parse().map_err(|_| MoneyError::TooLarge)?;
        let pence: u64 = format!("{pence:0<2}").parse().map_err(|_| MoneyError::NotAnAmount)?;
        pounds
            .checked_mul(100)
            .and_then(|p| p.checked_add(pence))
            .ok_or(MoneyError::TooLarge)
            .and_then(Self::from_pence)
    }

    /// Pounds as a plain decimal, `250000.00`, for programs to read.
    pub fn decimal(self) -> String {
        format!("{}.{:02}", self.pence / 100, self.pence % 100)
    }
}

/// `£250,000`, or `£250,000.50` if there are pence.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "£{}", with_commas(&(self.pence / 100).to_string()))?;
        match self.pence % 100 {
            0 => Ok(()),
            pence => write!(f, ".{pence:02}"),
        }
    }
}

/// A count with its digits grouped by thousands: `1,000,000`.
#[cfg(feature = "ssr")]
pub fn grouped(count: usize) -> String {
    with_commas(&count.to_string())
}

/// Groups digits by thousands: `1,000,000`.
pub(super) fn with_commas(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Parses what people type: `250000`, `£250,000`, `250 000.50`.
impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let text = text.trim();
        let text = text.strip_prefix('£').unwrap_or(text);
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = without_commas(&text)?;
        let text = text.strip_suffix('.').unwrap_or(&text);
        let significant = text.trim_start_matches('0');
        match significant.chars().next() {
            // Keep one zero of `0`, `00` and `00.50`.
            None | Some('.') if text.starts_with('0') => Self::from_decimal(&format!("0{significant}")),
            _ => Self::from_decimal(significant),
        }
    }
}

/// Removes thousands separators. Refuses commas elsewhere, because `12,34` may mean `12.34`.
fn without_commas(text: &str) -> Result<String, MoneyError> {
    let (pounds, pence) = text.split_once('.').map_or((text, ""), |(pounds, pence)| (pounds, pence));
    let mut groups = pounds.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped = pounds.contains(',');
    if pence.contains(',') || is_grouped && (!(1..=3).contains(&first.len()) || groups.any(|group| group.len() != 3)) {
        return Err(MoneyError::Commas);
    }
    Ok(text.replace(',', ""))
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.decimal())
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Money;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an amount of pounds, as a number like 250000 or a decimal string like \"250000.00\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Money, E> {
                Money::from_decimal(text).map_err(|error| match error {
                    MoneyError::NotAnAmount => E::invalid_value(serde::de::Unexpected::Str(text), &self),
                    error => E::custom(error),
                })
            }

            fn visit_u64<E: serde::de::Error>(self, pounds: u64) -> Result<Money, E> {
                let pence = pounds.checked_mul(100).ok_or(MoneyError::TooLarge);
                pence.and_then(Money::from_pence).map_err(E::custom)
            }

            fn visit_f64<E: serde::de::Error>(self, pounds: f64) -> Result<Money, E> {
                // A float is formatted with the fewest digits that parse back to it. For amounts below the limit these
                // are the digits that were written.
                Money::from_decimal(&pounds.to_string()).map_err(|error| match error {
                    MoneyError::NotAnAmount => E::invalid_value(serde::de::Unexpected::Float(pounds), &self),
                    error => E::custom(error),
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_parsed_as_people_type_them() {
        for (typed, pence) in [
            ("250000", 25_000_000),
            ("£250,000", 25_000_000),
            ("£ 1,250,000", 125_000_000),
            ("250 000.5", 25_000_050),
            (" 0.01 ", 1),
            ("007", 700),
            ("5.", 500),
        ] {
            assert_eq!(typed.parse::<Money>().map(Money::pence), Ok(pence), "{typed}");
        }
        for (typed, error) in [
            ("", MoneyError::NotAnAmount),
            ("00", MoneyError::Zero),
            ("£0.00", MoneyError::Zero),
            ("-5", MoneyError::NotAnAmount),
            ("12,34", MoneyError::Commas),
            ("1,00,000", MoneyError::Commas),
            (",500", MoneyError::Commas),
            ("1000,000", MoneyError::Commas),
            ("1.5,0", MoneyError::Commas),
            ("a lot", MoneyError::NotAnAmount),
            ("1.234", MoneyError::TooManyDecimals),
            ("1000000000", MoneyError::TooLarge),
            ("99999999999999999999", MoneyError::TooLarge),
        ] {
            assert_eq!(typed.parse::<Money>(), Err(error), "{typed}");
        }
    }

    #[test]
    fn amounts_are_displayed_with_commas_and_with_pence_only_if_there_are_any() {
        let shown = |pence| Money::from_pence(pence).unwrap().to_string();
        assert_eq!(shown(66_600_000), "£666,000");
        assert_eq!(shown(99_950), "£999.50");
        assert_eq!(shown(100_000_000), "£1,000,000");
    }

    #[test]
    fn json_numbers_and_decimal_strings_are_pounds() {
        let pence = |json: &str| serde_json::from_str::<Money>(json).map(Money::pence).map_err(|e| e.to_string());
        for (json, written) in [
            ("250000", "\"250000.00\""),
            ("\"250000\"", "\"250000.00\""),
            ("250000.5", "\"250000.50\""),
            ("250000.50", "\"250000.50\""),
            ("\"250000.50\"", "\"250000.50\""),
            ("2.5e5", "\"250000.00\""),
            ("0.01", "\"0.01\""),
            // The largest amount, where a float is least precise.
            ("999999999.99", "\"999999999.99\""),
        ] {
            let amount: Money = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&amount).unwrap(), written, "{json}");
        }
        for (json, wrong) in [
            ("250000.505", "at most two digits after the point"),
            ("1e30", "below £1,000,000,000"),
            ("1000000000", "below £1,000,000,000"),
            ("0", "above £0"),
            ("0.00", "above £0"),
            ("\"0\"", "above £0"),
            ("-1", "expected an amount of pounds"),
            ("-0.5", "expected an amount of pounds"),
            ("true", "expected an amount of pounds"),
            ("null", "expected an amount of pounds"),
            ("\"a lot\"", "expected an amount of pounds"),
        ] {
            let error = pence(json).unwrap_err();
            assert!(error.contains(wrong), "{json}: {error}");
        }
    }

    #[test]
    fn a_json_string_must_be_a_plain_decimal() {
        // The workflow calculates with the string, and JSONata's $number refuses these as well.
        for typed in ["£250,000", "250,000", "250 000", "007", "5.", ".5", "1e5", ""] {
            assert!(serde_json::from_value::<Money>(typed.into()).is_err(), "{typed}");
        }
    }
}
