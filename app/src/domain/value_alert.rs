//! Which manual valuations are so unusual that the desk asks before it records them.

use std::{fmt, str::FromStr};

use super::{Money, money::with_commas};

/// The range of multiples of a known value within which a valuation is usual, both ends included. It is written
/// `0.5..2`, and kept in thousandths so that comparisons are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueAlert {
    from: u64,
    to: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueAlertError {
    #[error("write two multiples with at most three decimals, like 0.5..2")]
    NotARange,
    #[error("the lower multiple must be at most 1 and the upper one from 1 to 1000, like 0.5..2")]
    WithoutOne,
}

/// A value that a manual valuation is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownValue {
    pub value: Money,
    pub source: KnownSource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownSource {
    /// The applicant's estimate.
    Estimate,
    /// An answer of the valuation service that came too late.
    LateAnswer,
    /// A valuation of the same property for another application.
    EarlierValuation,
}

/// A value that is outside the usual range of at least one known value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusual {
    pub value: Money,
    first: KnownValue,
    others: Vec<KnownValue>,
}

impl ValueAlert {
    const UNIT: u64 = 1_000;
    const HIGHEST: u64 = 1_000 * Self::UNIT;

    /// Compares `value` with what is known. `None` means that it is usual.
    pub fn question(self, value: Money, known: impl IntoIterator<Item = KnownValue>) -> Option<Unusual> {
        let mut unusual = Vec::new();
        for known in known {
            if !self.is_usual(value, known.value) && !unusual.contains(&known) {
                unusual.push(known);
            }
        }
        let mut unusual = unusual.into_iter();
        unusual.next().map(|first| Unusual { value, first, others: unusual.collect() })
    }

    fn is_usual(self, value: Money, known: Money) -> bool {
        // Amounts are below 10^11 pence and multiples at most 10^6 thousandths, so the products fit.
        let (value, known) = (value.pence() * Self::UNIT, known.pence());
        (known * self.from..=known * self.to).contains(&value)
    }
}

impl FromStr for ValueAlert {
    type Err = ValueAlertError;

    fn from_str(text: &str) -> Result<Self, ValueAlertError> {
        let (from, to) = text.split_once("..").ok_or(ValueAlertError::NotARange)?;
        let (from, to) = (thousandths(from)?, thousandths(to)?);
        if from <= Self::UNIT && (Self::UNIT..=Self::HIGHEST).contains(&to) {
            Ok(Self { from, to })
        } else {
            Err(ValueAlertError::WithoutOne)
        }
    }
}

/// Reads a decimal such as `0.5`.
fn thousandths(text: &str) -> Result<u64, ValueAlertError> {
    let (whole, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || whole.len() > 4 || decimals.len() > 3 {
        return Err(ValueAlertError::NotARange);
    }
    format!("{whole}{decimals:0<3}").parse().map_err(|_| ValueAlertError::NotARange)
}

/// `0.5..2`
impl fmt::Display for ValueAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = |thousandths: u64| {
            let text = format!("{}.{:03}", thousandths / Self::UNIT, thousandths % Self::UNIT);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        write!(f, "{}..{}", decimal(self.from), decimal(self.to))
    }
}

impl KnownSource {
    pub const ALL: [Self; 3] = [Self::Estimate, Self::LateAnswer, Self::EarlierValuation];

    /// The name in a page's attributes, `late-answer`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Estimate => "estimate",
            Self::LateAnswer => "late-answer",
            Self::EarlierValuation => "earlier-valuation",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.key() == key)
    }
}

impl fmt::Display for KnownSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Estimate => "the estimate",
            Self::LateAnswer => "the late answer",
            Self::EarlierValuation => "the earlier valuation",
        })
    }
}

impl Unusual {
    /// What is unusual, with all figures: `£5,000,000 is ten times the estimate of £500,000`.
    pub fn sentence(&self) -> String {
        let compared = |known: &KnownValue| format!("{} of {}", multiple(self.value, known), known.value);
        let mut sentence = format!("{} is {}", self.value, compared(&self.first));
        for (i, known) in self.others.iter().enumerate() {
            sentence += if i + 1 == self.others.len() { " and " } else { ", " };
            sentence += &compared(known);
        }
        sentence
    }

    /// What recording the value does, for its button: `Record £5,000,000, ten times the estimate`.
    pub fn action(&self, verb: &str) -> String {
        format!("{verb} {}, {}", self.value, multiple(self.value, &self.first))
    }
}

/// The value as a multiple of a known one: `ten times the estimate`, `40% of the late answer`.
fn multiple(value: Money, known: &KnownValue) -> String {
    const NUMBERS: [&str; 9] = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let (value, of) = (value.pence(), known.value.pence());
    let source = known.source;
    if value < of {
        return match (value * 100 + of / 2) / of {
            0 => format!("less than 1% of {source}"),
            percent => format!("{percent}% of {source}"),
        };
    }
    let tenths = (value * 10 + of / 2) / of;
    match (tenths / 10, tenths % 10) {
        (whole @ 2..=10, 0) => format!("{} times {source}", NUMBERS[whole as usize - 2]),
        (whole, 0) => format!("{} times {source}", with_commas(&whole.to_string())),
        (whole, tenth) => format!("{}.{tenth} times {source}", with_commas(&whole.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pounds(pounds: u64) -> Money {
        Money::from_pence(pounds * 100).unwrap()
    }

    fn known(source: KnownSource, value: u64) -> KnownValue {
        KnownValue { value: pounds(value), source }
    }

    #[test]
    fn a_range_is_read_and_written() {
        for text in ["0.5..2", "0..1000", "1..1", "0.333..1.5"] {
            assert_eq!(text.parse::<ValueAlert>().unwrap().to_string(), text);
        }
        for wrong in ["", "2", "0.5", "0.5..", "..2", "-1..2", "0.5..2x", "0.1234..2", "a..b"] {
            assert_eq!(wrong.parse::<ValueAlert>(), Err(ValueAlertError::NotARange), "{wrong}");
        }
        for wrong in ["2..3", "0.1..0.9", "0.5..1001"] {
            assert_eq!(wrong.parse::<ValueAlert>(), Err(ValueAlertError::WithoutOne), "{wrong}");
        }
    }

    #[test]
    fn a_value_within_the_multiples_of_all_known_values_is_usual() {
        let alert: ValueAlert = "0.5..2".parse().unwrap();
        let estimate = [known(KnownSource::Estimate, 500_000)];
        for usual in [250_000, 500_000, 1_000_000] {
            assert_eq!(alert.question(pounds(usual), estimate), None, "{usual}");
        }
        assert!(alert.question(pounds(249_999), estimate).is_some());
        assert!(alert.question(pounds(1_000_001), estimate).is_some());
        assert_eq!(alert.question(pounds(1), []), None, "there is nothing to compare it with");
    }

    #[test]
    fn an_unusual_value_is_told_with_every_figure_that_it_contradicts() {
        let alert: ValueAlert = "0.5..2".parse().unwrap();
        let all = [
            known(KnownSource::Estimate, 500_000),
            known(KnownSource::LateAnswer, 666_000),
            known(KnownSource::EarlierValuation, 4_000_000),
            known(KnownSource::LateAnswer, 666_000),
        ];
        let unusual = alert.question(pounds(5_000_000), all).unwrap();
        assert_eq!(
            unusual.sentence(),
            "£5,000,000 is ten times the estimate of £500,000 and 7.5 times the late answer of £666,000"
        );
        assert_eq!(unusual.action("Record"), "Record £5,000,000, ten times the estimate");
        let unusual = alert.question(pounds(1), all).unwrap();
        assert_eq!(unusual.action("Record"), "Record £1, less than 1% of the estimate");
    }

    #[test]
    fn a_multiple_is_told_in_the_words_that_fit_it() {
        let estimate = known(KnownSource::Estimate, 100_000);
        let told = |value| multiple(pounds(value), &estimate);
        assert_eq!(told(200_000), "two times the estimate");
        assert_eq!(told(1_200_000), "12 times the estimate");
        assert_eq!(told(254_000), "2.5 times the estimate");
        assert_eq!(told(40_000), "40% of the estimate");
        assert_eq!(told(999_999_999), "10,000 times the estimate");
    }
}
