//! Lists of applications: by age, by status, by what is written on them, and by what changed.

use app::{
    desk::{Column, Direction},
    domain::ApplicationStatus,
};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use time::OffsetDateTime;

use super::{Applications, Cursor, KIND, Record, TABLE, order, record};
use crate::{
    aws::AwsError,
    figures::Lifespan,
    item::{Item, Read, text, time},
    timestamp,
};

/// Rows of a page.
pub const PAGE: usize = 50;

/// How many applications one look into the index goes through when most of them may be left out.
const LOOK: i32 = 1000;

/// How many looks one page may take. A search through more than this is continued on the next page.
const LOOKS: usize = 20;

/// Words of a search that count; the rest is ignored.
const WORDS: usize = 8;

/// A page of applications, newest first.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub records: Vec<Record>,
    /// `None` on the last page. A page may be short of [`PAGE`] and still have a next one.
    pub next: Option<Cursor>,
    /// There was more to look through than [`LOOKS`] allow: only the newest so many were sorted.
    pub sorted_only: Option<usize>,
}

impl Applications {
    /// Newest first; every word of `search` must be found on the application.
    pub async fn list(
        &self,
        search: &str,
        status: Option<ApplicationStatus>,
        after: Option<Cursor>,
    ) -> Result<Page, AwsError> {
        let words = words(search);
        // One more than a page, to know whether there is a next one.
        let (looks, limit) = if words.is_empty() { (1, PAGE as i32 + 1) } else { (LOOKS, LOOK) };
        let (mut records, mut next) = self.gather(&words, status, after, (looks, limit), PAGE).await?;
        if records.len() > PAGE {
            records.truncate(PAGE);
            next = records.last().map(Cursor::after);
        }
        Ok(Page { records, next, sorted_only: None })
    }

    /// Sorted by a column; `after` is the last application of the page before.
    pub async fn sorted(
        &self,
        search: &str,
        status: Option<ApplicationStatus>,
        (column, direction): (Column, Direction),
        after: Option<Cursor>,
    ) -> Result<Page, AwsError> {
        let (records, from) = self.gather(&words(search), status, None, (LOOKS, LOOK), usize::MAX).await?;
        let sorted_only = from.map(|_| records.len());
        let records = order::sort(records, column, direction);
        let is_last = |record: &Record| {
            after.as_ref().is_some_and(|last| record.application.application_reference.as_str() == last.reference)
        };
        let begin = records.iter().position(is_last).map_or(0, |last| last + 1);
        let has_next = records.len() > begin + PAGE;
        let records: Vec<Record> = records.into_iter().skip(begin).take(PAGE).collect();
        let next = records.last().filter(|_| has_next).map(Cursor::after);
        Ok(Page { records, next, sorted_only })
    }

    /// Looks into the index, so many times and through so many applications each, until it has more than `enough` or has
    /// come to the end; and where to go on, if it has not.
    async fn gather(
        &self,
        words: &[String],
        status: Option<ApplicationStatus>,
        after: Option<Cursor>,
        (looks, limit): (usize, i32),
        enough: usize,
    ) -> Result<(Vec<Record>, Option<Cursor>), AwsError> {
        let (mut records, mut from) = (Vec::new(), after);
        for _ in 0..looks {
            let found = self.look(words, status, from.as_ref(), limit).send().await?;
            for item in found.items() {
                records.push(record::read(item)?);
            }
            from = found.last_evaluated_key().map(Cursor::of_key).transpose()?;
            if from.is_none() || records.len() > enough {
                break;
            }
        }
        Ok((records, from))
    }

    fn look(
        &self,
        words: &[String],
        status: Option<ApplicationStatus>,
        after: Option<&Cursor>,
        limit: i32,
    ) -> QueryFluentBuilder {
        let (index, partition) = match status {
            None => (&TABLE.indexes[0], KIND),
            Some(status) => (&TABLE.indexes[1], status.key()),
        };
        let mut query = self
            .aws
            .dynamodb
            .query()
            .table_name(TABLE.name)
            .index_name(index.name)
            .key_condition_expression("#partition = :partition")
            .expression_attribute_names("#partition", index.partition)
            .expression_attribute_values(":partition", text(partition))
            .scan_index_forward(false)
            .limit(limit);
        if !words.is_empty() {
            let conditions: Vec<String> = (0..words.len()).map(|i| format!("contains(searchText, :word{i})")).collect();
            query = query.filter_expression(conditions.join(" AND "));
            for (i, word) in words.iter().enumerate() {
                query = query.expression_attribute_values(format!(":word{i}"), text(word));
            }
        }
        if let Some(after) = after {
            query = query
                .exclusive_start_key(index.partition, text(partition))
                .exclusive_start_key(index.sort, text(&after.submitted_at))
                .exclusive_start_key(TABLE.key, text(&after.reference));
        }
        query
    }

    /// All that stand at `status` and were submitted before `until`, oldest first, up to `limit`.
    pub async fn at(
        &self,
        status: ApplicationStatus,
        until: OffsetDateTime,
        limit: i32,
        after: Option<&Cursor>,
    ) -> Result<Vec<Record>, AwsError> {
        let index = &TABLE.indexes[1];
        let mut query = self
            .aws
            .dynamodb
            .query()
            .table_name(TABLE.name)
            .index_name(index.name)
            .key_condition_expression("#status = :status AND submittedAt < :until")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status.key()))
            .expression_attribute_values(":until", time(until))
            .limit(limit);
        if let Some(after) = after {
            query = query
                .exclusive_start_key(index.partition, text(status.key()))
                .exclusive_start_key(index.sort, text(&after.submitted_at))
                .exclusive_start_key(TABLE.key, text(&after.reference));
        }
        query.send().await?.items().iter().map(record::read).collect()
    }

    /// From when until when each application was the desk's that was submitted at or after `since`.
    pub async fn lifespans(&self, since: OffsetDateTime) -> Result<Vec<Lifespan>, AwsError> {
        let mut items = self
            .aws
            .dynamodb
            .query()
            .table_name(TABLE.name)
            .index_name(TABLE.indexes[0].name)
            .key_condition_expression("kind = :kind AND submittedAt >= :since")
            .projection_expression("submittedAt, updatedAt, decidedAt, #status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":kind", text(KIND))
            .expression_attribute_values(":since", time(since))
            .into_paginator()
            .items()
            .send();
        let mut lives = Vec::new();
        while let Some(item) = items.next().await {
            lives.push(record::lifespan(&item?)?);
        }
        Ok(lives)
    }

    /// References and times of the applications that changed at or after `since`, oldest change first.
    pub async fn changed_since(&self, since: OffsetDateTime) -> Result<Vec<(String, String)>, AwsError> {
        let mut items = self
            .aws
            .dynamodb
            .query()
            .table_name(TABLE.name)
            .index_name(TABLE.indexes[2].name)
            .key_condition_expression("kind = :kind AND updatedAt >= :since")
            .expression_attribute_values(":kind", text(KIND))
            .expression_attribute_values(":since", time(since))
            .into_paginator()
            .items()
            .send();
        let mut changed = Vec::new();
        while let Some(item) = items.next().await {
            let item = item?;
            changed.push((item.require(TABLE.key)?.to_owned(), item.require("updatedAt")?.to_owned()));
        }
        Ok(changed)
    }
}

/// The words of a search.
fn words(search: &str) -> Vec<String> {
    search.split_whitespace().take(WORDS).map(str::to_lowercase).collect()
}

impl Cursor {
    /// Where a list goes on after this application.
    pub fn after(record: &Record) -> Self {
        Self {
            submitted_at: timestamp::write(record.submitted_at),
            reference: record.application.application_reference.to_string(),
        }
    }

    fn of_key(key: &Item) -> Result<Self, AwsError> {
        Ok(Self { submitted_at: key.require("submittedAt")?.to_owned(), reference: key.require(TABLE.key)?.to_owned() })
    }
}
