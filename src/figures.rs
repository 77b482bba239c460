//! What the desk did lately, in figures: a pure count over when applications came and when they ended.

use app::{
    desk::{DayFigures, Figures},
    domain::{uk_day, uk_midnight},
};
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

fn first_day(now: OffsetDateTime) -> Date {
    uk_day(now) - Duration::days(Figures::DAYS as i64 - 1)
}

/// Counts what happened in the last [`Figures::DAYS`] days, the last of which is not over. Days are the UK's.
pub fn count(now: OffsetDateTime, lives: &[Lifespan]) -> Figures {
    let first = first_day(now);
    let beginnings = beginnings(first);
    let mut counts: [Count; Figures::DAYS] = Default::default();
    for life in lives {
        let begun = day_at(&beginnings, life.submitted_at);
        let ended = life.end.map(|end| day_at(&beginnings, end.at));
        if let Some(count) = day_of(&mut counts, begun) {
            count.submitted += 1;
        }
        if let Some(end) = life.end.filter(|end| end.is_decision)
            && let Some(count) = ended.and_then(|ended| day_of(&mut counts, ended))
        {
            count.took.push(end.at - life.submitted_at);
        }
        // It waits from the end of the day on which it came, until the end of the one before that on which it ended.
        for count in counts.iter_mut().take(days(ended)).skip(days(Some(begun))) {
            count.waiting += 1;
        }
    }
    let mut all: Vec<Duration> = counts.iter().flat_map(|count| &count.took).copied().collect();
    let days = counts.iter_mut().enumerate().map(|(i, count)| DayFigures {
        day: first + Duration::days(i as i64),
        submitted: count.submitted,
        waiting: count.waiting,
        decided: count.took.len(),
        median_to_decision: median(&mut count.took),
    });
    Figures { days: days.collect(), median_to_decision: median(&mut all) }
}

/// What happened on one day.
#[derive(Default)]
struct Count {
    submitted: usize,
    waiting: usize,
    /// How long each decision took.
    took: Vec<Duration>,
}

/// When each of the days begins, and the one after them.
fn beginnings(first: Date) -> [OffsetDateTime; Figures::DAYS + 1] {
    std::array::from_fn(|i| uk_midnight(first + Duration::days(i as i64)))
}

/// Which of the days it was; -1 before them.
fn day_at(beginnings: &[OffsetDateTime], at: OffsetDateTime) -> i64 {
    beginnings.partition_point(|begin| *begin <= at) as i64 - 1
}

fn day_of(counts: &mut [Count], day: i64) -> Option<&mut Count> {
    counts.get_mut(usize::try_from(day).ok()?)
}

/// How many of the days are before that day; all of them when it has not come.
fn days(before: Option<i64>) -> usize {
    before.map_or(Figures::DAYS, |day| usize::try_from(day.max(0)).unwrap_or(Figures::DAYS))
}

fn median(lengths: &mut [Duration]) -> Option<Duration> {
    let middle = lengths.len() / 2;
    if lengths.is_empty() {
        return None;
    }
    let is_even = lengths.len().is_multiple_of(2);
    let (lower, upper, _) = lengths.select_nth_unstable(middle);
    let upper = *upper;
    let lower = if is_even { *lower.iter().max()? } else { upper };
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
    }

    #[test]
    fn days_begin_and_end_by_the_uks_clocks() {
        let now = datetime!(2026-06-30 23:30 UTC);
        let lives = [life(datetime!(2026-06-30 23:10 UTC), Some((datetime!(2026-06-30 23:20 UTC), true)))];
        let figures = count(now, &lives);
        let today = figures.days[13];
        assert_eq!((today.day, today.submitted, today.decided), (date!(2026 - 07 - 01), 1, 1));
        assert_eq!(figures.days[12].waiting, 0);
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

    /// What the figures mean, one after the other.
    fn plain_count(now: OffsetDateTime, lives: &[Lifespan]) -> Figures {
        let middle = |mut all: Vec<Duration>| {
            all.sort();
            let upper = *all.get(all.len() / 2)?;
            Some((all[(all.len() - 1) / 2] + upper) / 2)
        };
        let first = uk_day(now) - Duration::days(13);
        let decisions = || lives.iter().filter_map(|life| Some((life, life.end.filter(|end| end.is_decision)?)));
        let took = |is_meant: &dyn Fn(Date) -> bool| {
            let meant = decisions().filter(|(_, end)| is_meant(uk_day(end.at)));
            meant.map(|(life, end)| end.at - life.submitted_at).collect::<Vec<_>>()
        };
        let day = |day: Date| DayFigures {
            day,
            submitted: lives.iter().filter(|life| uk_day(life.submitted_at) == day).count(),
            waiting: lives
                .iter()
                .filter(|life| uk_day(life.submitted_at) <= day && life.end.is_none_or(|end| uk_day(end.at) > day))
                .count(),
            decided: took(&|date| date == day).len(),
            median_to_decision: middle(took(&|date| date == day)),
        };
        Figures {
            days: (0..14).map(|i| day(first + Duration::days(i))).collect(),
            median_to_decision: middle(took(&|date| date >= first)),
        }
    }

    #[test]
    fn the_figures_of_many_applications_are_what_a_plain_count_gives() {
        let mut seed = 42_u64;
        let mut random = |below: i64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from(seed >> 33).unwrap() % below
        };
        let day = 86_400_000;
        for how_many in [1, 2, 3, 10, 1000] {
            let lives: Vec<Lifespan> = (0..how_many)
                .map(|_| {
                    let submitted_at = NOW - Duration::milliseconds(random(20 * day));
                    // Some end on the day they come, some at midnight sharp, some never.
                    let at = match random(4) {
                        0 => submitted_at + Duration::milliseconds(random(day)),
                        1 => (submitted_at + Duration::days(random(9) + 1)).replace_time(time::Time::MIDNIGHT),
                        _ => submitted_at + Duration::milliseconds(random(9 * day)),
                    };
                    life(submitted_at, (random(5) > 0 && at <= NOW).then_some((at, random(3) > 0)))
                })
                .collect();
            assert_eq!(count(NOW, &lives), plain_count(NOW, &lives));
        }
    }
}
