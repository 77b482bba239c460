//! Times on a page: short text, with the exact time in the tooltip.
//!
//! The server renders them in UK local time. With script, [`crate::islands`] keeps relative times current and converts
//! all times to the viewer's zone.

use leptos::prelude::*;
use time::{Date, OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::{
    domain::{in_uk, uk_clock},
    time_words, timestamp,
};

/// How a time is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeStyle {
    /// `in 2 h 10 min`
    Relative,
    /// `4 min 05 s`: the time since then
    Elapsed,
    /// `22 Nov 2026, 10:20 GMT`
    Minute,
    /// `22 Nov 2026, 10:20:30 GMT`
    Second,
    /// `10:20 GMT`
    Time,
    /// `10:20:30 GMT`
    TimeWithSeconds,
    /// `10:20:30.123 GMT`
    Clock,
}

impl TimeStyle {
    /// The value of `data-when`, which the client reads.
    fn key(self) -> &'static str {
        match self {
            Self::Relative => "relative",
            Self::Elapsed => "elapsed",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Time => "time",
            Self::TimeWithSeconds => "time-with-seconds",
            Self::Clock => "clock",
        }
    }
}

#[component]
pub fn When(at: OffsetDateTime, style: TimeStyle) -> impl IntoView {
    let text = match style {
        TimeStyle::Relative => time_words::relative(milliseconds(OffsetDateTime::now_utc()), milliseconds(at)),
        TimeStyle::Elapsed => time_words::elapsed(milliseconds(OffsetDateTime::now_utc()), milliseconds(at)),
        TimeStyle::Minute => minute(at),
        TimeStyle::Second => second(at),
        TimeStyle::Time => time_of_day(at),
        TimeStyle::TimeWithSeconds => time_with_seconds(at),
        TimeStyle::Clock => clock(at),
    };
    view! {
        <time datetime=timestamp::write(at) title=exact(at) data-when=style.key()>{text}</time>
    }
}

/// Milliseconds since the epoch, the unit of [`time_words`].
pub fn milliseconds(at: OffsetDateTime) -> i64 {
    // Cannot overflow: four-digit years fit into i64 milliseconds.
    (at.unix_timestamp_nanos() / 1_000_000) as i64
}

/// `22 November 2026, 10:20:30 GMT`
fn exact(at: OffsetDateTime) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute]:[second]");
    by_uk_clocks(at, format)
}

/// `22 Nov 2026, 10:20 GMT`
fn minute(at: OffsetDateTime) -> String {
    by_uk_clocks(at, format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute]"))
}

/// `22 Nov 2026, 10:20:30 GMT`
fn second(at: OffsetDateTime) -> String {
    by_uk_clocks(at, format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute]:[second]"))
}

/// `10:20 GMT`
fn time_of_day(at: OffsetDateTime) -> String {
    by_uk_clocks(at, format_description!("[hour]:[minute]"))
}

/// `10:20:30 GMT`
fn time_with_seconds(at: OffsetDateTime) -> String {
    by_uk_clocks(at, format_description!("[hour]:[minute]:[second]"))
}

/// `10:20:30.123 GMT`
fn clock(at: OffsetDateTime) -> String {
    by_uk_clocks(at, format_description!("[hour]:[minute]:[second].[subsecond digits:3]"))
}

/// `22 Nov`
pub fn day_and_month(date: Date) -> String {
    // Cannot fail: every Date has these components.
    date.format(format_description!("[day padding:none] [month repr:short]")).unwrap_or_default()
}

fn by_uk_clocks(at: OffsetDateTime, format: &[BorrowedFormatItem<'_>]) -> String {
    // Cannot fail: the formats above use only components that every OffsetDateTime has.
    format!("{} {}", in_uk(at).format(format).unwrap_or_default(), uk_clock(at))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_are_shown_in_uk_local_time_with_its_abbreviation() {
        let at = datetime!(2026-11-22 12:20:30.123456 +2);
        assert_eq!(timestamp::write(at), "2026-11-22T10:20:30.123Z");
        assert_eq!(exact(at), "22 November 2026, 10:20:30 GMT");
        assert_eq!(minute(at), "22 Nov 2026, 10:20 GMT");
        assert_eq!(second(at), "22 Nov 2026, 10:20:30 GMT");
        assert_eq!(time_of_day(at), "10:20 GMT");
        assert_eq!(time_with_seconds(at), "10:20:30 GMT");
        assert_eq!(clock(at), "10:20:30.123 GMT");
        let summer = datetime!(2026-06-30 23:20 UTC);
        assert_eq!(timestamp::write(summer), "2026-06-30T23:20:00.000Z");
        assert_eq!(minute(summer), "1 Jul 2026, 00:20 BST");
    }
}
