//! Figures of the last days. A day is a day in the United Kingdom.
//!
//! Triggers count what was submitted and ended on each day. A median takes two steps: the counts of decisions by bucket of
//! duration say which bucket it is in, and only the durations in that bucket are read.

use app::{
    desk::{DayFigures, Figures},
    domain::{ApplicationStatus, uk_day},
};
use rusqlite::Connection;
use time::{Date, Duration, OffsetDateTime};

use super::{counts, entry, item_column};
use crate::applications::{self, Record};

/// The figures of the last [`Figures::DAYS`] days, today included.
pub fn read(connection: &Connection, now: OffsetDateTime) -> rusqlite::Result<Figures> {
    let today = uk_day(now);
    let first = today - Duration::days(Figures::DAYS as i64 - 1);
    let mut waiting = open(connection)?;
    let mut days = Vec::with_capacity(Figures::DAYS);
    // Go back from the number that is open now. Another desk's clock may be ahead, so start after today.
    let after = counted(connection, i64::MAX, entry::day_number(today) + 1)?;
    waiting = waiting + after.ended - after.submitted;
    for ago in 0..Figures::DAYS {
        let day = today - Duration::days(ago as i64);
        let number = entry::day_number(day);
        let count = counted(connection, number, number)?;
        days.push(DayFigures {
            day,
            submitted: size(count.submitted),
            waiting: size(waiting),
            decided: size(count.decided),
            median_to_decision: median(connection, day, day, None)?,
        });
        waiting = waiting + count.ended - count.submitted;
    }
    days.reverse();
    let median_automatic = median(connection, first, today, Some(false))?;
    let median_manual = median(connection, first, today, Some(true))?;
    Ok(Figures { days, median_automatic, median_manual })
}

fn size(count: i64) -> usize {
    usize::try_from(count).unwrap_or_default()
}

fn open(connection: &Connection) -> rusqlite::Result<i64> {
    let mut open = 0;
    for status in ApplicationStatus::ALL.into_iter().filter(|status| status.is_open()) {
        open += counts::at_status(connection, status)? as i64;
    }
    Ok(open)
}

struct Count {
    submitted: i64,
    ended: i64,
    decided: i64,
}

/// The counts from one day to another, both included.
fn counted(connection: &Connection, to: i64, from: i64) -> rusqlite::Result<Count> {
    connection
        .prepare_cached(
            "SELECT COALESCE(sum(submitted), 0), COALESCE(sum(ended), 0), COALESCE(sum(decided), 0) FROM days \
             WHERE day BETWEEN ?1 AND ?2",
        )?
        .query_row([from, to], |row| Ok(Count { submitted: row.get(0)?, ended: row.get(1)?, decided: row.get(2)? }))
}

/// The median duration of the decisions of these days: with or without a manual valuation, or all.
fn median(
    connection: &Connection,
    first: Date,
    last: Date,
    is_manual: Option<bool>,
) -> rusqlite::Result<Option<Duration>> {
    let decisions = Decisions { days: [entry::day_number(first), entry::day_number(last)], is_manual };
    let mut statement = connection.prepare_cached(
        "SELECT bucket, sum(count) FROM took_counts WHERE day BETWEEN ?1 AND ?2 AND (?3 IS NULL OR is_manual = ?3) \
         GROUP BY bucket ORDER BY bucket",
    )?;
    let [from, to] = decisions.days;
    let buckets = statement.query_map((from, to, is_manual), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let buckets: Vec<(i64, i64)> = buckets.collect::<Result<_, _>>()?;
    let count: i64 = buckets.iter().map(|(_, count)| count).sum();
    if count == 0 {
        return Ok(None);
    }
    let upper = decisions.nth(connection, &buckets, count / 2)?;
    let lower = if count % 2 == 0 { decisions.nth(connection, &buckets, count / 2 - 1)? } else { upper };
    Ok(lower.zip(upper).map(|(lower, upper)| (Duration::milliseconds(lower) + Duration::milliseconds(upper)) / 2))
}

struct Decisions {
    days: [i64; 2],
    is_manual: Option<bool>,
}

impl Decisions {
    /// The duration at position `rank` when all of these decisions are sorted.
    fn nth(&self, connection: &Connection, buckets: &[(i64, i64)], rank: i64) -> rusqlite::Result<Option<i64>> {
        let mut before = 0;
        for (bucket, count) in buckets {
            if rank < before + count {
                let mut lengths = self.in_bucket(connection, *bucket)?;
                let place = usize::try_from(rank - before).unwrap_or_default();
                if place >= lengths.len() {
                    return Ok(None);
                }
                return Ok(Some(*lengths.select_nth_unstable(place).1));
            }
            before += count;
        }
        Ok(None)
    }

    fn in_bucket(&self, connection: &Connection, bucket: i64) -> rusqlite::Result<Vec<i64>> {
        let mut statement = connection.prepare_cached(
            "SELECT took FROM applications INDEXED BY applications_took \
             WHERE is_decided AND ended_day = ?1 AND is_manual = ?2 AND took_bucket = ?3",
        )?;
        let kinds: &[bool] = match self.is_manual {
            None => &[false, true],
            Some(false) => &[false],
            Some(true) => &[true],
        };
        let mut lengths: Vec<i64> = Vec::new();
        for day in self.days[0]..=self.days[1] {
            for is_manual in kinds {
                for length in statement.query_map((day, is_manual, bucket), |row| row.get(0))? {
                    lengths.push(length?);
                }
            }
        }
        Ok(lengths)
    }
}

/// Applications for a property that have been valued, newest first.
pub fn valued(connection: &Connection, address: &str, at_most: usize) -> rusqlite::Result<Vec<Record>> {
    let mut statement = connection.prepare_cached(
        "SELECT item FROM applications INDEXED BY applications_address \
         WHERE address = ?1 AND is_valued ORDER BY id DESC LIMIT ?2",
    )?;
    statement.query_map((address, at_most), |row| item_column(row, 0, applications::read))?.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;
    use time::macros::{date, datetime};

    use super::{
        super::{database::Database, entry::Application},
        *,
    };
    use crate::{
        applications::{End, Lifespan},
        item::{text, time as time_text},
    };

    const NOW: OffsetDateTime = datetime!(2026-11-22 14:30 UTC);

    fn life(submitted_at: OffsetDateTime, end: Option<(OffsetDateTime, bool)>) -> Lifespan {
        Lifespan { submitted_at, end: end.map(|(at, is_decision)| End { at, is_decision }) }
    }

    /// The figures of a read model that holds these applications.
    fn count(now: OffsetDateTime, lives: &[Lifespan]) -> Figures {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("read-model.sqlite"), "test").unwrap();
        let enter = |database: &Database, lives: &[Lifespan]| {
            database
                .write(|transaction| {
                    for (number, life) in lives.iter().enumerate() {
                        application(number, life).enter(transaction)?;
                    }
                    Ok(())
                })
                .unwrap();
        };
        // Each is entered while it is open first, so that the counts have to follow its end.
        let begun: Vec<Lifespan> = lives.iter().map(|life| Lifespan { end: None, ..*life }).collect();
        enter(&database, &begun);
        enter(&database, lives);
        database.read(|connection| read(connection, now)).unwrap()
    }

    fn application(number: usize, life: &Lifespan) -> Application {
        let property = json!({ "nameOrNumber": "999", "postcode": "PO1 1CE" });
        let reference = format!("LN-{number}");
        let application = json!({ "applicationReference": reference, "property": property });
        let status = match life.end {
            None => "waiting_for_valuation",
            Some(End { is_decision: true, .. }) => "approved",
            Some(End { is_decision: false, .. }) => "stopped",
        };
        let at = life.end.map_or(life.submitted_at, |end| end.at);
        let mut item = HashMap::from([
            ("applicationReference".to_owned(), text(reference)),
            ("application".to_owned(), text(application.to_string())),
            ("status".to_owned(), text(status)),
            ("submittedAt".to_owned(), time_text(life.submitted_at)),
            ("updatedAt".to_owned(), time_text(at)),
            ("executionArn".to_owned(), text("arn")),
        ]);
        if let Some(end) = life.end {
            item.insert("decidedAt".to_owned(), time_text(end.at));
        }
        Application::read(&item).unwrap()
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
        assert_eq!((figures.median_automatic, figures.median_manual), (Some(Duration::hours(3)), None));
        assert_eq!(count(NOW, &lives[..2]).median_automatic, Some(Duration::hours(2)));
        assert_eq!(count(NOW, &[]).median_automatic, None);
    }

    #[test]
    fn what_was_decided_before_these_days_is_not_counted() {
        let long_ago = datetime!(2026-11-08 23:59 UTC);
        let figures = count(NOW, &[life(long_ago - Duration::HOUR, Some((long_ago, true)))]);
        assert_eq!(figures.median_automatic, None);
        assert!(figures.days.iter().all(|day| day.decided == 0 && day.waiting == 0));
    }

    /// The same figures, computed in the plainest way.
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
            median_automatic: middle(took(&|date| date >= first)),
            median_manual: None,
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
