//! Times in words. The server and the browser, which keeps the words current, both compile this module, so it works in
//! milliseconds and needs no calendar library.

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `in 2 h 10 min`, `5 min ago`, `just now`: at most two units for the future, one for the past. Both times are in
/// milliseconds since the epoch.
pub fn relative(now: i64, then: i64) -> String {
    let ahead = then - now;
    if ahead >= SECOND {
        format!("in {}", span(ahead))
    } else if ahead <= -SECOND {
        format!("{} ago", whole_units(-ahead))
    } else {
        "just now".to_owned()
    }
}

/// The time from `since` until now in two units, so that people can see it grow: `25 s`, `4 min 05 s`, `2 h 10 min`.
pub fn elapsed(now: i64, since: i64) -> String {
    let length = (now - since).max(0);
    if (MINUTE..HOUR).contains(&length) {
        format!("{} min {:02} s", length / MINUTE, length % MINUTE / SECOND)
    } else {
        span(length)
    }
}

/// A duration in its largest unit, rounded down.
fn whole_units(milliseconds: i64) -> String {
    let unit = [DAY, HOUR, MINUTE, SECOND].into_iter().find(|unit| milliseconds >= *unit).unwrap_or(SECOND);
    span(milliseconds - milliseconds % unit)
}

/// A duration in at most two units, rounded down: `25 s`, `4 min`, `2 h 10 min`, `4 days 23 h`, `20 days`.
pub fn span(milliseconds: i64) -> String {
    let (days, hours, minutes, seconds) =
        (milliseconds / DAY, milliseconds % DAY / HOUR, milliseconds % HOUR / MINUTE, milliseconds % MINUTE / SECOND);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (1, 0, _) => "1 day".to_owned(),
        (1, _, _) => format!("1 day {hours} h"),
        (2..7, 1.., _) => format!("{days} days {hours} h"),
        _ => format!("{days} days"),
    }
}

/// A duration in full words, for use in a sentence, in its two largest units: `30 seconds`, `5 days`, `1 hour 30 minutes`.
#[cfg(feature = "ssr")]
pub fn spelled_out(length: std::time::Duration) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let mut rest = length.as_secs();
    let mut words = Vec::new();
    for (seconds, name) in units {
        let count = rest / seconds;
        rest %= seconds;
        if count > 0 {
            words.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    words.truncate(2);
    if words.is_empty() { "less than a second".to_owned() } else { words.join(" ") }
}

/// A duration with the precision that engineers need: `12 ms`, `6.012 s`, `2 min 05 s`, `3 h 02 min`, `4 d 03 h`.
#[cfg(feature = "ssr")]
pub fn precise(milliseconds: i64) -> String {
    match milliseconds {
        ..SECOND => format!("{milliseconds} ms"),
        SECOND..MINUTE => format!("{}.{:03} s", milliseconds / SECOND, milliseconds % SECOND),
        MINUTE..HOUR => format!("{} min {:02} s", milliseconds / MINUTE, milliseconds % MINUTE / SECOND),
        HOUR..DAY => format!("{} h {:02} min", milliseconds / HOUR, milliseconds % HOUR / MINUTE),
        _ => format!("{} d {:02} h", milliseconds / DAY, milliseconds % DAY / HOUR),
    }
}

/// The share of the time between `from` and `until` that has passed at `now`, in per cent, from 0 to 100.
pub fn share_passed(now: i64, from: i64, until: i64) -> i64 {
    if until <= from { 100 } else { ((now - from) * 100 / (until - from)).clamp(0, 100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_times_say_in_for_the_future_and_ago_for_the_past() {
        assert_eq!(relative(0, 2 * HOUR + 10 * MINUTE + 59 * SECOND), "in 2 h 10 min");
        assert_eq!(relative(5 * MINUTE, 0), "5 min ago");
        assert_eq!(relative(26 * HOUR, 0), "1 day ago");
        assert_eq!(relative(0, 25 * SECOND), "in 25 s");
        assert_eq!(relative(0, 999), "just now");
        assert_eq!(relative(999, 0), "just now");
    }

    #[test]
    fn elapsed_time_grows_by_seconds_in_its_first_hour() {
        assert_eq!(elapsed(25 * SECOND, 0), "25 s");
        assert_eq!(elapsed(4 * MINUTE + 5 * SECOND, 0), "4 min 05 s");
        assert_eq!(elapsed(2 * HOUR + 10 * MINUTE + SECOND, 0), "2 h 10 min");
        assert_eq!(elapsed(0, SECOND), "0 s", "the clocks of the browser and the server differ");
    }

    #[test]
    fn a_span_has_at_most_two_units() {
        let spoken = [
            (59 * SECOND, "59 s"),
            (60 * SECOND, "1 min"),
            (3 * HOUR, "3 h"),
            (DAY, "1 day"),
            (DAY + 3 * HOUR, "1 day 3 h"),
            (5 * DAY - 1, "4 days 23 h"),
            (5 * DAY, "5 days"),
            (20 * DAY + HOUR, "20 days"),
        ];
        for (milliseconds, words) in spoken {
            assert_eq!(span(milliseconds), words);
        }
    }

    #[test]
    fn a_span_in_a_sentence_is_spelled_out() {
        for (seconds, words) in [
            (0, "less than a second"),
            (1, "1 second"),
            (30, "30 seconds"),
            (3_900, "1 hour 5 minutes"),
            (5_401, "1 hour 30 minutes"),
            (90_061, "1 day 1 hour"),
            (432_000, "5 days"),
        ] {
            assert_eq!(spelled_out(std::time::Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn precise_durations_keep_milliseconds_below_a_minute() {
        let spoken = [
            (12, "12 ms"),
            (6_012, "6.012 s"),
            (125_000, "2 min 05 s"),
            (3 * HOUR + 2 * MINUTE, "3 h 02 min"),
            (4 * DAY + 3 * HOUR, "4 d 03 h"),
        ];
        for (milliseconds, words) in spoken {
            assert_eq!(precise(milliseconds), words);
        }
    }

    #[test]
    fn the_share_that_has_passed_stays_between_0_and_100() {
        assert_eq!(share_passed(15, 10, 20), 50);
        assert_eq!(share_passed(5, 10, 20), 0);
        assert_eq!(share_passed(25, 10, 20), 100);
        assert_eq!(share_passed(5, 10, 10), 100);
    }
}
