//! Loan-to-value: the loan as a share of the property's value.

use super::{Money, money::with_commas};

/// The loan-to-value in per cent, rounded up to two decimals like the workflow does. Rounding up keeps a ratio above a
/// limit from appearing to be within it.
pub fn loan_to_value(loan: Money, value: Money) -> f64 {
    // Amounts in pence are below 2^53, so the conversion is exact.
    (loan.pence() as f64 * 10_000.0 / value.pence() as f64).ceil() / 100.0
}

/// `75.01%`, `10,000.00%`: always with two decimals, so that percentages align in a list.
pub fn percent_in_words(percent: f64) -> String {
    let hundredths = (percent * 100.0).round() as u64;
    format!("{}.{:02}%", with_commas(&(hundredths / 100).to_string()), hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pounds(pounds: u64) -> Money {
        Money::from_pence(pounds * 100).unwrap()
    }

    #[test]
    fn loan_to_value_is_rounded_up_and_stays_exact_if_it_can() {
        assert_eq!(loan_to_value(pounds(187_500), pounds(250_000)), 75.0);
        assert_eq!(loan_to_value(Money::from_pence(18_750_001).unwrap(), pounds(250_000)), 75.01);
        assert_eq!(loan_to_value(pounds(200_000), pounds(300_000)), 66.67);
    }

    #[test]
    fn a_percentage_has_two_decimals() {
        assert_eq!(percent_in_words(75.0), "75.00%");
        assert_eq!(percent_in_words(75.01), "75.01%");
        assert_eq!(percent_in_words(999.99), "999.99%");
        assert_eq!(percent_in_words(10_000.0), "10,000.00%");
    }
}
