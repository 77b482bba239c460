//! What the desk did lately, in figures: a pure count over when applications came and when they ended.

use app::desk::{DayFigures, Figures};
use time::{Date, Duration, OffsetDateTime};

/// From when until when an application was the desk's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifespan {
    pub submitted_at: OffsetDateTime,
    pub end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub at: OffsetDateTime,
    /// It came to a decision or a valuation; others failed or were stopped.
    pub is_decision: bool,
}

/// The first moment that the figures of `now` tell of.
pub fn begin(now: OffsetDateTime) -> OffsetDateTime {
    first_day(now).midnight().assume_utc()
}

fn first_day(now: OffsetDateTime) -> Date {
    now.date() - Duration::days(Figures::DAYS as i64 - 1)
}

/// Counts what happened in the last [`Figures::DAYS`] days, the last of which is not over. Days are those of UTC.
pub fn count(now: OffsetDateTime, lives: &[Lifespan]) -> Figures {
    let days = (0..Figures::DAYS).map(|i| first_day(now) + Duration::days(i as i64));
    let days = days.map(|day| day_figures(day, lives)).collect();
    let first = begin(now);
    let all = decisions(lives).filter(|(at, _)| *at >= first).map(|(_, took)| took).collect();
    Figures { days, median_to_decision: median(all) }
}

fn day_figures(day: Date, lives: &[Lifespan]) -> DayFigures {
    let is_over = (day + Duration::DAY).midnight().assume_utc();
    let waits = |life: &&Lifespan| life.submitted_at < is_over && life.end.is_none_or(|end| end.at >= is_over);
    let took: Vec<Duration> = decisions(lives).filter(|(at, _)| at.date() == day).map(|(_, took)| took).collect();
    DayFigures {
        day,
        submitted: lives.iter().filter(|life| life.submitted_at.date() == day).count(),
        waiting: lives.iter().filter(waits).count(),
        decided: took.len(),
        median_to_decision: median(took),
    }
}

/// When each decision was made, and how long it took.
fn decisions(lives: &[Lifespan]) -> impl Iterator<Item = (OffsetDateTime, Duration)> {
    lives.iter().filter_map(|life| {
        let end = life.end.filter(|end| end.is_decision)?;
        Some((end.at, end.at - life.submitted_at))
    })
}

fn median(mut lengths: Vec<Duration>) -> Option<Duration> {
    lengths.sort_unstable();
    let upper = *lengths.get(lengths.len() / 2)?;
    let lower = lengths[(lengths.len() - 1) / 2];
    Some((lower + upper) / 2)
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 14:30 UTC);

    fn life(submitted_at: OffsetDateTime, end: Option<(OffsetDateTime, bool)>) -> Lifespan {
        Lifespan { submitted_at, end: end.map(|(at, is_decision)| End { at, is_decision }) }
    }

    #[test]
    fn the_figures_end_today_and_begin_thirteen_days_before() {
        let figures = count(NOW, &[]);
        assert_eq!(figures.days.len(), 14);
        assert_eq!(figures.days[0].day, date!(2026 - 11 - 09));
        assert_eq!(figures.days[13].day, date!(2026 - 11 - 22));
        assert_eq!(begin(NOW), datetime!(2026-11-09 0:00 UTC));
    }

    #[test]
    fn an_application_waits_at_the_end_of_each_day_until_it_ends() {
        let figures = count(
            NOW,
            &[
                life(datetime!(2026-11-20 23:59 UTC), Some((datetime!(2026-11-22 9:00 UTC), true))),
                life(datetime!(2026-11-21 0:00 UTC), Some((datetime!(2026-11-21 8:00 UTC), false))),
                life(datetime!(2026-10-01 0:00 UTC), None),
            ],
        );
        let last: Vec<_> = figures.days[10..].iter().map(|day| (day.submitted, day.waiting, day.decided)).collect();
        assert_eq!(last, [(0, 1, 0), (1, 2, 0), (1, 2, 0), (0, 1, 1)]);
        assert_eq!(figures.days[0].waiting, 1, "what was submitted long ago and still waits");
    }

    #[test]
    fn the_median_is_in_the_middle_and_failures_are_no_decisions() {
        let at = |hours: i64| datetime!(2026-11-21 0:00 UTC) + Duration::hours(hours);
        let decided = |hours| life(at(0), Some((at(hours), true)));
        let lives = [decided(1), decided(3), decided(20), life(at(0), Some((at(23), false)))];
        let figures = count(NOW, &lives);
        assert_eq!(figures.days[12].median_to_decision, Some(Duration::hours(3)));
        assert_eq!(figures.days[12].decided, 3);
        assert_eq!(figures.median_to_decision, Some(Duration::hours(3)));
        assert_eq!(count(NOW, &lives[..2]).median_to_decision, Some(Duration::hours(2)));
        assert_eq!(count(NOW, &[]).median_to_decision, None);
    }

    #[test]
    fn what_was_decided_before_these_days_is_not_counted() {
        let long_ago = datetime!(2026-11-08 23:59 UTC);
        let figures = count(NOW, &[life(long_ago - Duration::HOUR, Some((long_ago, true)))]);
        assert_eq!(figures.median_to_decision, None);
        assert!(figures.days.iter().all(|day| day.decided == 0 && day.waiting == 0));
    }
}
