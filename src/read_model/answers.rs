//! How long answers took, and the record of the valuation service.

use app::{
    desk::{Overview, TimeToAnswer, ValuerDay},
    domain::{WaitingOn, uk_day},
};
use rusqlite::Connection;
use time::{Duration, OffsetDateTime};

use super::{ended::EndedAs, entry};

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
