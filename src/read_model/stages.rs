//! How many applications are in each stage, and for how long.

use app::{
    desk::{Age, Stage, StageCount},
    domain::{TaskKind, WaitingOn},
};
use rusqlite::Connection;
use time::OffsetDateTime;

use super::{
    counts, entry,
    filter::{self, Filter},
};

pub fn read(connection: &Connection, now: OffsetDateTime) -> rusqlite::Result<Vec<StageCount>> {
    let mut stages = Vec::with_capacity(Stage::ALL.len());
    for stage in Stage::ALL {
        let mut by_age = [0; Age::ALL.len()];
        for (age, count) in Age::ALL.into_iter().zip(&mut by_age) {
            let in_stage_since = Some(filter::since(age, now));
            let filter = Filter { statuses: stage.statuses().to_vec(), in_stage_since, ..Filter::default() };
            *count = counts::in_stage(connection, &filter)?;
        }
        stages.push(StageCount { stage, by_age, overdue: overdue(connection, stage, now)? });
    }
    Ok(stages)
}

/// The number of open tasks of a stage whose deadline has passed.
fn overdue(connection: &Connection, stage: Stage, now: OffsetDateTime) -> rusqlite::Result<usize> {
    let kinds = stage.statuses().iter().filter_map(|status| TaskKind::of_status(*status));
    let mut waits_on: Vec<WaitingOn> = kinds.map(TaskKind::waits_on).collect();
    waits_on.dedup();
    let mut overdue = 0;
    for on in waits_on {
        overdue += connection
            .prepare_cached(
                "SELECT count(*) FROM tasks INDEXED BY tasks_open_on WHERE is_open AND waits_on = ?1 AND deadline < ?2",
            )?
            .query_row((on.key(), entry::milliseconds(now)), |row| row.get::<_, usize>(0))?;
    }
    Ok(overdue)
}
