//! Times as text: RFC 3339 in UTC with three digits of milliseconds, so that they sort as text.

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};

/// Now, in whole milliseconds: what is kept and what is shown are the same.
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now)
}

/// `2026-11-22T10:20:30.123Z`
pub fn write(at: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    // Years beyond 9999 are the only ones that cannot be written.
    at.to_offset(UtcOffset::UTC).format(form).unwrap_or_else(|_| "9999-12-31T23:59:59.999Z".to_owned())
}

/// Any RFC 3339 time.
pub fn read(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(|at| at.to_offset(UtcOffset::UTC))
}

/// `14:32 UTC`
pub fn clock(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(format_description!("[hour]:[minute] UTC")).unwrap_or_default()
}

/// `22 November 2026, 14:32 UTC`
pub fn day_and_clock(at: OffsetDateTime) -> String {
    let form = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    at.to_offset(UtcOffset::UTC).format(form).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_are_written_with_three_digits_of_milliseconds() {
        assert_eq!(write(datetime!(2026-11-22 10:20:30.1234 UTC)), "2026-11-22T10:20:30.123Z");
        assert_eq!(write(datetime!(2026-11-22 10:20:30 +1)), "2026-11-22T09:20:30.000Z");
    }

    #[test]
    fn what_was_written_reads_back() {
        let at = now();
        assert_eq!(read(&write(at)), Some(at));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn people_read_the_minute() {
        let at = datetime!(2026-11-02 04:05:30 UTC);
        assert_eq!(clock(at), "04:05 UTC");
        assert_eq!(day_and_clock(at), "2 November 2026, 04:05 UTC");
    }
}
