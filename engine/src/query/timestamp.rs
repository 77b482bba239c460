//! Timestamps as AWS reads them: Java's "ISO-8601 extended offset date-time", a profile of RFC 3339 with `T` and `Z` in
//! upper case.

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// Parses a timestamp such as `2016-03-14T01:59:00Z`: the date, `T`, hours and minutes, optionally seconds with up to
/// nine decimals, and `Z` or an offset such as `+01:00`.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let rest = rest.strip_prefix('T')?;
    let zone = rest.find(['Z', '+', '-'])?;
    let (time, offset) = rest.split_at(zone);
    Some(date.with_time(clock(time)?).assume_offset(zone_offset(offset)?))
}

/// `12:30`, `12:30:15` or `12:30:15.123456789`.
fn clock(text: &str) -> Option<Time> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if whole.len() == 8 => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let [hour, minute, second] = match whole.len() {
        5 => {
            let [hour, minute] = numbers(whole, ':', [2, 2])?;
            [hour, minute, 0]
        }
        _ => numbers(whole, ':', [2, 2, 2])?,
    };
    if fraction.len() > 9 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    let [hour, minute, second] = [hour, minute, second].map(|part| u8::try_from(part).unwrap_or(u8::MAX));
    Time::from_hms_nano(hour, minute, second, nanoseconds).ok()
}

/// `Z`, `+01:00` or `-05:30:15`.
fn zone_offset(text: &str) -> Option<UtcOffset> {
    if text == "Z" {
        return Some(UtcOffset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let text = text.get(1..)?;
    let [hours, minutes, seconds] = match text.len() {
        5 => {
            let [hours, minutes] = numbers(text, ':', [2, 2])?;
            [hours, minutes, 0]
        }
        _ => numbers(text, ':', [2, 2, 2])?,
    };
    if hours > 18 || minutes > 59 || seconds > 59 {
        return None;
    }
    UtcOffset::from_whole_seconds(sign * (hours * 3600 + minutes * 60 + seconds) as i32).ok()
}

/// Numbers with exactly these numbers of digits, between separators.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u32; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn accepts_the_timestamps_that_aws_accepts() {
        assert_eq!(parse("2016-03-14T01:59:00Z"), Some(datetime!(2016-03-14 01:59 UTC)));
        assert_eq!(parse("2016-03-05T21:29:29.243167252Z"), Some(datetime!(2016-03-05 21:29:29.243167252 UTC)));
        assert_eq!(parse("2016-03-05T21:29:29.2+01:00"), Some(datetime!(2016-03-05 21:29:29.2 +1)));
        assert_eq!(parse("2016-03-05T21:29Z"), Some(datetime!(2016-03-05 21:29 UTC)));
        assert_eq!(parse("2016-02-29T00:00:00-05:30"), Some(datetime!(2016-02-29 00:00 -5:30)));
    }

    #[test]
    fn refuses_the_timestamps_that_aws_refuses() {
        for text in [
            "",
            "2016-12-05",
            "2016-12-05 21:29:29Z",
            "2016-12-05T21:29:29",
            "2016-12-05t21:29:29Z",
            "2016-12-05T21:29:29z",
            "2016-13-05T21:29:29Z",
            "2016-12-05T25:29:29Z",
            "2016-12-05T21:29:60Z",
            "05-12-2016T21:29:29Z",
            "2015-02-29T00:00:00Z",
            "2016-12-05T21:29:29.1234567890Z",
            "2016-12-05T2:29:29Z",
            "2016-12-05T21:29:29+1:00",
            "2016-12-05T21:29:29+19:00",
            "ü016-12-05T21:29:29Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
