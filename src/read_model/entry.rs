//! Enters items of the tables as rows of the read model.

use std::hash::{DefaultHasher, Hash, Hasher};

use app::domain::{ApplicationStatus, Property, uk_day};
use rusqlite::{OptionalExtension, Transaction, params};
use time::{Date, OffsetDateTime};

use super::{bucket::bucket, ended, searchable, stored, text};
use crate::{
    applications::{self, Record},
    aws::AwsError,
    item::{Item, Read},
    tasks::{self, PausedTask, State},
};

/// Bits of an id that distinguish applications of the same millisecond.
const TIE_BITS: u32 = 20;

pub fn milliseconds(at: OffsetDateTime) -> i64 {
    // A year of four digits is in range.
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

pub fn day_number(day: Date) -> i64 {
    i64::from(day.to_julian_day())
}

/// When an application came to its stage: when its task was asked for, when it was submitted, or when it ended.
fn stage_since(record: &Record) -> OffsetDateTime {
    match (record.waiting(), record.status) {
        (Some(item), _) => item.since,
        (None, ApplicationStatus::Submitted) => record.submitted_at,
        (None, _) => record.decided_at.unwrap_or(record.updated_at),
    }
}

/// The id for an application that was submitted then, unless it is taken. Its upper bits are the time of submission.
fn first_id(submitted_at: OffsetDateTime, reference: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    reference.hash(&mut hasher);
    let tie = i64::try_from(hasher.finish() >> (u64::BITS - TIE_BITS)).unwrap_or_default();
    first_id_of(submitted_at) | tie
}

/// The lowest id of applications that were submitted then or later.
pub fn first_id_of(submitted_at: OffsetDateTime) -> i64 {
    milliseconds(submitted_at).max(0) << TIE_BITS
}

/// The address in one spelling: `PO1 1CE/rose cottage`.
pub fn address(property: &Property) -> String {
    let name: Vec<&str> = property.name_or_number.as_str().split_whitespace().collect();
    format!("{}/{}", property.postcode, name.join(" ").to_lowercase())
}

/// An item of the applications table that has been read.
pub struct Application {
    version: String,
    item: String,
    submission: i64,
    record: Record,
}

impl Application {
    pub fn read(item: &Item) -> Result<Self, AwsError> {
        let record = applications::read(item)?;
        let mut submission = DefaultHasher::new();
        (item.require("application")?, record.submitted_at).hash(&mut submission);
        Ok(Self {
            version: item.require("updatedAt")?.to_owned(),
            item: stored::write(item),
            submission: submission.finish().cast_signed(),
            record,
        })
    }

    pub fn reference(&self) -> &str {
        self.record.application.application_reference.as_str()
    }

    /// Enters it, and returns whether that changed anything.
    pub fn enter(&self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        let known: Option<(i64, String, i64)> = transaction
            .prepare_cached("SELECT id, item, submission FROM applications WHERE reference = ?1")?
            .query_row([self.reference()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        match known {
            Some((_, item, _)) if item == self.item => return Ok(false),
            // The columns that follow from the submission stay as they are.
            Some((id, _, submission)) if submission == self.submission => {
                self.update(transaction, id)?;
                searchable::enter(transaction, id, &self.record)?;
            }
            Some(_) => {
                delete_application(transaction, self.reference())?;
                self.insert(transaction)?;
            }
            None => self.insert(transaction)?,
        }
        Ok(true)
    }

    fn insert(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let (record, application) = (&self.record, &self.record.application);
        let mut id = first_id(record.submitted_at, self.reference());
        let mut taken = transaction.prepare_cached("SELECT 1 FROM applications WHERE id = ?1")?;
        while taken.exists([id])? {
            id += 1;
        }
        transaction
            .prepare_cached(
                "INSERT INTO applications (id, reference, version, item, submission, status, submitted_day, \
                     updated_at, stage_since, is_decided, is_manual, address, is_valued, reference_key, \
                     applicant_key, property_key, amount, search_text) \
                 VALUES (?1, ?2, '', '', ?3, ?4, ?5, 0, 0, 0, 0, ?6, 0, ?7, ?8, ?9, ?10, '')",
            )?
            .execute(params![
                id,
                self.reference(),
                self.submission,
                record.status.key(),
                day_number(uk_day(record.submitted_at)),
                address(&application.property),
                text::fold(self.reference()),
                application.applicant.as_ref().map(|name| text::fold(name.as_str())),
                text::fold(application.property.name_or_number.as_str()),
                application.loan_amount.and_then(|amount| i64::try_from(amount.pence()).ok()),
            ])?;
        self.update(transaction, id)?;
        searchable::enter(transaction, id, record)
    }

    /// Writes the columns that change after the submission.
    fn update(&self, transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
        let record = &self.record;
        let lifespan = record.lifespan();
        let took = lifespan.end.map(|end| milliseconds(end.at) - milliseconds(lifespan.submitted_at));
        transaction
            .prepare_cached(
                "UPDATE applications SET version = ?2, item = ?3, status = ?4, updated_at = ?5, deadline = ?6, \
                     loan_to_value = ?7, ended_at = ?8, ended_day = ?9, is_decided = ?10, took = ?11, \
                     took_bucket = ?12, is_valued = ?13, waiting_id = ?14, stage_since = ?15, is_manual = ?16 \
                 WHERE id = ?1",
            )?
            .execute(params![
                id,
                self.version,
                self.item,
                record.status.key(),
                milliseconds(record.updated_at),
                record.waiting().map(|item| milliseconds(item.deadline)),
                // It has at most two decimals.
                record.loan_to_value.map(|percent| (percent * 100.0).round() as i64),
                lifespan.end.map(|end| milliseconds(end.at)),
                lifespan.end.map(|end| day_number(uk_day(end.at))),
                lifespan.end.is_some_and(|end| end.is_decision),
                took,
                took.map(bucket),
                record.valuation.is_some(),
                record.waiting().map(|item| item.id),
                milliseconds(stage_since(record)),
                record.is_valued_manually(),
            ])?;
        Ok(())
    }
}

/// Deletes an application and returns whether there was one. Its tasks stay until they are deleted from the tasks table.
pub fn delete_application(transaction: &Transaction<'_>, reference: &str) -> rusqlite::Result<bool> {
    let mut delete = transaction.prepare_cached("DELETE FROM applications WHERE reference = ?1 RETURNING id")?;
    let Some(id) = delete.query_row([reference], |row| row.get::<_, i64>(0)).optional()? else { return Ok(false) };
    searchable::forget(transaction, id)?;
    Ok(true)
}

/// An item of the tasks table that has been read.
pub struct Task {
    version: String,
    item: String,
    task: PausedTask,
}

impl Task {
    pub fn read(item: &Item) -> Result<Self, AwsError> {
        // Tasks that an earlier version stored have no `updatedAt`.
        let version = item.text("updatedAt").unwrap_or_default().to_owned();
        Ok(Self { version, item: stored::write(item), task: tasks::read(item)? })
    }

    pub fn application_reference(&self) -> &str {
        self.task.application_reference.as_str()
    }

    /// Enters it, unless it is known as it is. Gives whether it was news.
    pub fn enter(&self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        let task = &self.task;
        let known: Option<String> = transaction
            .prepare_cached("SELECT item FROM tasks WHERE id = ?1")?
            .query_row([task.id.as_str()], |row| row.get(0))
            .optional()?;
        if known.as_ref() == Some(&self.item) {
            return Ok(false);
        }
        let ended = ended::ended(task);
        transaction
            .prepare_cached(
                "INSERT INTO tasks (id, version, item, reference, waits_on, is_open, deadline, valuation_reference, \
                     ended_day, ended_as, tenths) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
                 ON CONFLICT DO UPDATE SET version = ?2, item = ?3, is_open = ?6, deadline = ?7, \
                     valuation_reference = ?8, ended_day = ?9, ended_as = ?10, tenths = ?11",
            )?
            .execute(params![
                task.id.as_str(),
                self.version,
                self.item,
                self.application_reference(),
                task.kind.waits_on().key(),
                task.state == State::Open,
                milliseconds(task.deadline),
                task.valuation_reference,
                ended.map(|ended| day_number(ended.day)),
                ended.map(|ended| ended.way.key()),
                ended.map(|ended| ended.tenths),
            ])?;
        if let Some(reference) = &task.valuation_reference {
            searchable::enter_reference(transaction, self.application_reference(), reference)?;
        }
        Ok(true)
    }
}

pub fn delete_task(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<bool> {
    Ok(transaction.prepare_cached("DELETE FROM tasks WHERE id = ?1")?.execute([id])? > 0)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_address_is_the_same_in_every_spelling() {
        let property = |name: &str, postcode: &str| Property {
            name_or_number: name.parse().unwrap(),
            postcode: postcode.parse().unwrap(),
        };
        assert_eq!(address(&property("Rose Cottage", "PO1 1CE")), "PO1 1CE/rose cottage");
        assert_eq!(address(&property(" ROSE  cottage ", "po11ce")), "PO1 1CE/rose cottage");
        assert_ne!(address(&property("12", "PO1 1CE")), address(&property("1", "PO1 1CE")));
    }

    #[test]
    fn a_later_submission_has_a_higher_id() {
        let times = [datetime!(1970-01-01 0:00 UTC), datetime!(2026-11-22 10:00:00.001 UTC)];
        let ids = times.map(|at| first_id(at, "any"));
        assert!(ids.is_sorted() && ids.iter().all(|id| *id >= 0), "{ids:?}");
    }
}
