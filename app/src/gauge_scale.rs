//! The scale of the loan-to-value gauge. It is the same on every page, so that gauges can be compared. The server draws
//! the gauge, and the browser moves its marker while a value is typed.

/// The highest loan-to-value on the scale, in per cent.
pub const HIGHEST: f64 = 120.0;

/// Where the scale starts and ends, in the units of the drawing. The labels of the ends are beside it.
pub const START: f64 = 28.0;
pub const END: f64 = 284.0;

/// The position of a percentage, rounded to a tenth. What is above [`HIGHEST`] is at the end.
pub fn x(percent: f64) -> f64 {
    let x = START + percent.clamp(0.0, HIGHEST) / HIGHEST * (END - START);
    (x * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_percentage_has_the_same_place_on_every_gauge() {
        assert_eq!((x(0.0), x(60.0), x(120.0)), (START, 156.0, END));
        assert_eq!(x(75.0), 188.0);
    }

    #[test]
    fn an_extreme_value_stays_on_the_gauge() {
        assert_eq!(x(4_000.0), END);
    }
}
