//! UK local time, which determines the calendar day at the desk: GMT, or BST (UTC+1) from 01:00 UTC on the last Sunday
//! of March until 01:00 UTC on the last Sunday of October.

use time::{
    Date, Month, OffsetDateTime, Time, UtcOffset, Weekday,
    macros::{format_description, offset},
};

const GMT: UtcOffset = UtcOffset::UTC;
const BST: UtcOffset = offset!(+1);

/// The same instant in UK local time.
pub fn in_uk(at: OffsetDateTime) -> OffsetDateTime {
    at.to_offset(if is_summer(at) { BST } else { GMT })
}

/// The date in the UK.
pub fn uk_day(at: OffsetDateTime) -> Date {
    in_uk(at).date()
}

pub fn uk_today() -> Date {
    uk_day(OffsetDateTime::now_utc())
}

/// `22 November 2026`
pub fn day_in_words(day: Date) -> String {
    // Every date has these components.
    day.format(format_description!("[day padding:none] [month repr:long] [year]")).unwrap_or_default()
}

/// `2026-11-22`, the format of a browser's date field.
pub fn iso_day(day: Date) -> String {
    // Every date has these components.
    day.format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}

/// Reads what [`iso_day`] writes.
pub fn read_iso_day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

/// The start of a day in the UK.
pub fn uk_midnight(day: Date) -> OffsetDateTime {
    // The clocks change at 01:00 or 02:00, never at midnight.
    let midnight = day.midnight();
    if is_summer(midnight.assume_offset(BST)) { midnight.assume_offset(BST) } else { midnight.assume_offset(GMT) }
}

/// The abbreviation of UK local time at an instant: `GMT` or `BST`.
pub fn uk_clock(at: OffsetDateTime) -> &'static str {
    if is_summer(at) { "BST" } else { "GMT" }
}

fn is_summer(at: OffsetDateTime) -> bool {
    let at = at.to_offset(UtcOffset::UTC);
    let change = |month| last_sunday(at.year(), month).with_time(Time::MIDNIGHT).assume_utc() + time::Duration::HOUR;
    (change(Month::March)..change(Month::October)).contains(&at)
}

/// The last Sunday of a month with 31 days.
fn last_sunday(year: i32, month: Month) -> Date {
    // Cannot fail: the month has 31 days and the year comes from a valid date.
    let last = Date::from_calendar_date(year, month, 31).unwrap_or(Date::MAX);
    if last.weekday() == Weekday::Sunday { last } else { last.prev_occurrence(Weekday::Sunday) }
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    #[test]
    fn the_clocks_change_at_1_utc_on_the_last_sundays_of_march_and_october() {
        for (before, after) in [
            (datetime!(2026-03-29 0:59:59 UTC), datetime!(2026-03-29 1:00 UTC)),
            (datetime!(2024-03-31 0:59:59 UTC), datetime!(2024-03-31 1:00 UTC)),
        ] {
            assert_eq!((uk_clock(before), uk_clock(after)), ("GMT", "BST"), "{after}");
        }
        for (before, after) in [
            (datetime!(2026-10-25 0:59:59 UTC), datetime!(2026-10-25 1:00 UTC)),
            (datetime!(2027-10-31 0:59:59 UTC), datetime!(2027-10-31 1:00 UTC)),
        ] {
            assert_eq!((uk_clock(before), uk_clock(after)), ("BST", "GMT"), "{after}");
        }
    }

    #[test]
    fn a_day_is_written_in_words_and_in_digits() {
        assert_eq!(day_in_words(date!(2026 - 11 - 02)), "2 November 2026");
        assert_eq!(iso_day(date!(2026 - 11 - 02)), "2026-11-02");
    }

    #[test]
    fn a_summer_day_starts_an_hour_earlier_than_in_utc() {
        assert_eq!(uk_day(datetime!(2026-06-30 23:30 UTC)), date!(2026 - 07 - 01));
        assert_eq!(uk_day(datetime!(2026-11-22 23:30 UTC)), date!(2026 - 11 - 22));
        assert_eq!(uk_midnight(date!(2026 - 07 - 01)), datetime!(2026-06-30 23:00 UTC));
        assert_eq!(uk_midnight(date!(2026 - 11 - 22)), datetime!(2026-11-22 0:00 UTC));
    }

    #[test]
    fn a_day_on_which_the_clocks_change_starts_with_the_previous_offset() {
        for (day, begins) in [
            (date!(2026 - 03 - 29), datetime!(2026-03-29 0:00 UTC)),
            (date!(2026 - 03 - 30), datetime!(2026-03-29 23:00 UTC)),
            (date!(2026 - 10 - 25), datetime!(2026-10-24 23:00 UTC)),
            (date!(2026 - 10 - 26), datetime!(2026-10-26 0:00 UTC)),
        ] {
            assert_eq!(uk_midnight(day), begins);
            assert_eq!(uk_day(begins), day);
        }
    }
}
