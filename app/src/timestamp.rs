//! Times as text: RFC 3339 in UTC with milliseconds, so that they sort as text.

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};

/// `2026-11-22T10:20:30.123Z`
pub fn write(at: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    // Only years after 9999 cannot be formatted.
    at.to_offset(UtcOffset::UTC).format(form).unwrap_or_else(|_| "9999-12-31T23:59:59.999Z".to_owned())
}

/// Parses an RFC 3339 time.
pub fn read(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(|at| at.to_offset(UtcOffset::UTC))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_are_written_with_milliseconds() {
        assert_eq!(write(datetime!(2026-11-22 10:20:30.1234 UTC)), "2026-11-22T10:20:30.123Z");
        assert_eq!(write(datetime!(2026-11-22 10:20:30 +1)), "2026-11-22T09:20:30.000Z");
    }

    #[test]
    fn a_written_time_can_be_read_back() {
        let at = datetime!(2026-11-22 10:20:30.123 UTC);
        assert_eq!(read(&write(at)), Some(at));
        assert_eq!(read("soon"), None);
    }
}
