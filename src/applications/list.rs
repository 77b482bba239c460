//! Lists of applications: by age, by status, by what is written on them, and by what changed.

use app::{desk::Sort, domain::ApplicationStatus};
use time::OffsetDateTime;

use super::{
    Applications, Cursor, KIND, Record, TABLE, order, record,
    register::{Entry, Register},
};
use crate::{
    aws::AwsError,
    figures::Lifespan,
    item::{Read, one_more_than, read_all, text, time},
    timestamp,
};

/// Rows of a page.
pub const PAGE: usize = 50;

/// Words of a search that count; the rest is ignored.
const WORDS: usize = 8;

/// A page of applications.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// At most [`PAGE`].
    pub records: Vec<Record>,
    /// `None` on the last page.
    pub next: Option<Cursor>,
}

impl Applications {
    /// Those at `status` on which every word of `search` is found, in that order; `after` is the last one of the page
    /// before.
    pub async fn list(
        &self,
        search: &str,
        status: Option<ApplicationStatus>,
        sort: Sort,
        after: Option<Cursor>,
    ) -> Result<Page, AwsError> {
        let words = words(search);
        let (records, has_more) = if words.is_empty() && sort == Sort::Newest {
            self.newest(status, after, PAGE).await?
        } else {
            self.look(|register| found(register, &words, status, sort, after.as_ref())).await?
        };
        let next = records.last().filter(|_| has_more).map(Cursor::after);
        Ok(Page { records, next })
    }

    /// At most so many, the newest first, and whether there are more.
    pub async fn newest(
        &self,
        status: Option<ApplicationStatus>,
        after: Option<Cursor>,
        at_most: usize,
    ) -> Result<(Vec<Record>, bool), AwsError> {
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
            .limit(one_more_than(at_most));
        if let Some(after) = after {
            query = query
                .exclusive_start_key(index.partition, text(partition))
                .exclusive_start_key(index.sort, text(&after.submitted_at))
                .exclusive_start_key(TABLE.key, text(&after.reference));
        }
        let records: Result<Vec<Record>, AwsError> = query.send().await?.items().iter().map(record::read).collect();
        let mut records = records?;
        let has_more = records.len() > at_most;
        records.truncate(at_most);
        Ok((records, has_more))
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

    /// From when until when each application was the desk's.
    pub async fn lifespans(&self) -> Result<Vec<Lifespan>, AwsError> {
        self.look(|register| register.entries().map(|entry| entry.record.lifespan()).collect()).await
    }

    /// References and times of the applications that changed at or after `since`, oldest change first.
    pub async fn changed_since(&self, since: OffsetDateTime) -> Result<Vec<(String, String)>, AwsError> {
        let query = self.aws.dynamodb.query().table_name(TABLE.name).index_name(TABLE.indexes[2].name);
        let query = query
            .key_condition_expression("kind = :kind AND updatedAt >= :since")
            .expression_attribute_values(":kind", text(KIND))
            .expression_attribute_values(":since", time(since));
        read_all(query, |item| Ok((item.require(TABLE.key)?.to_owned(), item.require("updatedAt")?.to_owned()))).await
    }
}

/// A page of the applications on which all `words` are found, and whether there are more.
fn found(
    register: &Register,
    words: &[String],
    status: Option<ApplicationStatus>,
    sort: Sort,
    after: Option<&Cursor>,
) -> (Vec<Record>, bool) {
    let is_meant = |entry: &&Entry| {
        status.is_none_or(|status| entry.record.status == status)
            && words.iter().all(|word| entry.search_text.contains(word))
    };
    let after = after.and_then(|after| register.get(&after.reference));
    let (entries, has_more) = order::page(register.entries().filter(is_meant), sort, after, PAGE);
    (entries.into_iter().map(|entry| entry.record.clone()).collect(), has_more)
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
}
