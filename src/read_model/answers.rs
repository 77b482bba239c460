//! How tasks ended: in time or not, and after which part of the time that they had.

use app::{
    desk::{Overview, TimeToAnswer, ValuerDay},
    domain::{WaitingOn, uk_day},
};
use rusqlite::Connection;
use time::{Date, Duration, OffsetDateTime};

use super::entry;
use crate::tasks::{PausedTask, Says, State};

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub day: Date,
    pub way: EndedAs,
    /// How many tenths of the time until the deadline had passed: 10 if all of it had.
    pub tenths: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedAs {
    Value,
    /// The answer was that there is no value.
    Failure,
    /// The answer came after the deadline.
    Late,
    Unanswered,
    /// The valuation service did not take the request.
    NotTaken,
}

impl EndedAs {
    const ALL: [Self; 5] = [Self::Value, Self::Failure, Self::Late, Self::Unanswered, Self::NotTaken];

    pub fn key(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Failure => "failure",
            Self::Late => "late",
            Self::Unanswered => "unanswered",
            Self::NotTaken => "not_taken",
        }
    }

    fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.key() == key)
    }
}

/// How a task ended. `None` while it is open, and for one that nobody waited for any more.
pub fn ended(task: &PausedTask) -> Option<Ended> {
    let at_deadline = |way| Some(Ended { day: uk_day(task.deadline), way, tenths: 10 });
    match &task.state {
        State::Answered(answer) => {
            let (passed, limit) = (answer.at - task.since, task.deadline - task.since);
            let tenths = (passed.as_seconds_f64() / limit.as_seconds_f64().max(0.001) * 10.0).clamp(0.0, 9.0);
            let way = match answer.says {
                Says::Success { .. } => EndedAs::Value,
                Says::Failure { .. } => EndedAs::Failure,
            };
            Some(Ended { day: uk_day(answer.at), way, tenths: tenths as i64 })
        }
        State::TooLate(answer) if answer.at < task.deadline => None,
        State::TooLate(_) => at_deadline(EndedAs::Late),
        State::Lapsed => at_deadline(EndedAs::Unanswered),
        State::Failed => Some(Ended { day: uk_day(task.since), way: EndedAs::NotTaken, tenths: 0 }),
        State::Requesting | State::Open | State::Answering(_) | State::Abandoned => None,
    }
}

/// Of the last [`Overview::DAYS`] days: how long answers took, and the record of the valuation service by day, without the
/// callbacks that matched nothing.
pub fn read(connection: &Connection, now: OffsetDateTime) -> rusqlite::Result<([TimeToAnswer; 2], Vec<ValuerDay>)> {
    let today = uk_day(now);
    let first = today - Duration::days(Overview::DAYS as i64 - 1);
    let mut times = WaitingOn::ALL.map(TimeToAnswer::none);
    let mut days: Vec<ValuerDay> =
        (0..Overview::DAYS).map(|ago| ValuerDay::none(first + Duration::days(ago as i64))).collect();
    let mut statement = connection.prepare_cached(
        "SELECT day, waits_on, ended_as, tenths, count FROM answer_counts WHERE day BETWEEN ?1 AND ?2 AND count > 0",
    )?;
    let mut rows = statement.query([entry::day_number(first), entry::day_number(today)])?;
    while let Some(row) = rows.next()? {
        let (day, on, way): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (tenths, count): (usize, usize) = (row.get(3)?, row.get(4)?);
        // Only these are stored.
        let Some(way) = EndedAs::from_key(&way) else { continue };
        let Some(time) = times.iter_mut().find(|time| time.waits_on.key() == on) else { continue };
        match way {
            EndedAs::NotTaken => {}
            EndedAs::Late | EndedAs::Unanswered => time.not_in_time += count,
            EndedAs::Value | EndedAs::Failure => {
                if let Some(tenth) = time.in_time.get_mut(tenths) {
                    *tenth += count;
                }
            }
        }
        if time.waits_on != WaitingOn::ValuationService {
            continue;
        }
        let place = usize::try_from(day - entry::day_number(first)).unwrap_or(usize::MAX);
        let Some(day) = days.get_mut(place) else { continue };
        match way {
            EndedAs::Value => day.on_time += count,
            EndedAs::Failure | EndedAs::NotTaken => day.failed += count,
            EndedAs::Late => day.late += count,
            EndedAs::Unanswered => day.unanswered += count,
        }
    }
    Ok((times, days))
}
