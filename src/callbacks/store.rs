//! The table of callbacks.

use app::domain::Money;
use aws_sdk_dynamodb::types::{Put, Update, builders::UpdateBuilder};
use time::OffsetDateTime;

use super::{BY_APPLICATION, BY_OUTCOME, Callback, Callbacks, Outcome, Summary, TABLE};
use crate::{
    aws::AwsError,
    invocation::PausedTaskId,
    item::{Item, Read, number, read_all, text, time},
    signing::SignedRequest,
    tasks::{Answer, PausedTask},
    writes::{Write, write_one},
};

impl Callbacks {
    pub(super) async fn put(&self, callback: &Callback) -> Result<(), AwsError> {
        self.aws.dynamodb.put_item().table_name(TABLE.name).set_item(Some(write(callback))).send().await?;
        Ok(())
    }

    pub(super) async fn put_outcome(&self, callback: &Callback) -> Result<(), AwsError> {
        write_one(&self.aws, outcome_of(callback)).await
    }

    pub async fn get(&self, id: &str) -> Result<Option<Callback>, AwsError> {
        let answer = self.aws.dynamodb.get_item().table_name(TABLE.name).key(TABLE.key, text(id));
        answer.consistent_read(true).send().await?.item.map(|item| read(&item)).transpose()
    }

    /// Summaries of all callbacks that concern one application, oldest first. Bodies, which may be large, are not read.
    pub async fn of_application(&self, reference: &str) -> Result<Vec<Summary>, AwsError> {
        let query = self.aws.dynamodb.query().table_name(TABLE.name).index_name(BY_APPLICATION.name);
        let query = query
            .key_condition_expression("applicationReference = :reference")
            .projection_expression(SUMMARY)
            .expression_attribute_values(":reference", text(reference));
        let mut summaries = read_all(query, read_summary).await?;
        for (id, summary) in &mut summaries {
            // Rows of earlier versions have their value in the body only.
            let is_of_interest = matches!(summary.outcome, Outcome::Late | Outcome::Duplicate | Outcome::Conflicting);
            if summary.value.is_none() && is_of_interest {
                summary.value = self.get(id).await?.and_then(|callback| callback.value());
            }
        }
        Ok(summaries.into_iter().map(|(_, summary)| summary).collect())
    }

    /// The ids of callbacks received between two times that are still unsettled.
    pub async fn unsettled(&self, since: OffsetDateTime, until: OffsetDateTime) -> Result<Vec<String>, AwsError> {
        let query = self.aws.dynamodb.query().table_name(TABLE.name).index_name(BY_OUTCOME.name);
        let query = query
            .key_condition_expression("outcome = :outcome AND receivedAt BETWEEN :since AND :until")
            .expression_attribute_values(":outcome", text(Outcome::Received.key()))
            .expression_attribute_values(":since", time(since))
            .expression_attribute_values(":until", time(until));
        read_all(query, |item| Ok(item.require(TABLE.key)?.to_owned())).await
    }
}

/// The write that keeps a new callback.
pub(super) fn put(callback: &Callback) -> Write {
    Write::Put(Put::builder().table_name(TABLE.name).set_item(Some(write(callback))))
}

/// The write by which the callback that brought an answer is accepted. `None` for an answer that no callback brought.
pub(super) fn accepted(task: &PausedTask, answer: &Answer) -> Option<UpdateBuilder> {
    outcome_of_answer(task, answer, &Outcome::Accepted)
}

/// The write by which the callback that brought an answer is late.
pub(super) fn late(task: &PausedTask, answer: &Answer) -> Option<UpdateBuilder> {
    outcome_of_answer(task, answer, &Outcome::Late)
}

fn outcome_of_answer(task: &PausedTask, answer: &Answer, outcome: &Outcome) -> Option<UpdateBuilder> {
    let update = Update::builder()
        .table_name(TABLE.name)
        .key(TABLE.key, text(answer.callback.as_ref()?))
        .update_expression("SET outcome = :outcome, applicationReference = :reference REMOVE expiresAt")
        .expression_attribute_values(":outcome", text(outcome.key()))
        .expression_attribute_values(":reference", text(task.application_reference.as_str()));
    Some(update)
}

/// The write that keeps a callback's outcome.
fn outcome_of(callback: &Callback) -> UpdateBuilder {
    let mut set = "SET outcome = :outcome".to_owned();
    let mut update = Update::builder()
        .table_name(TABLE.name)
        .key(TABLE.key, text(&callback.id))
        .expression_attribute_values(":outcome", text(callback.outcome.key()));
    if let Outcome::Malformed(why) = &callback.outcome {
        set.push_str(", malformed = :malformed");
        update = update.expression_attribute_values(":malformed", text(why.key()));
    }
    if let Some(reference) = &callback.application_reference {
        set.push_str(", applicationReference = :reference");
        update = update.expression_attribute_values(":reference", text(reference));
    }
    match callback.expires_at() {
        Some(at) => {
            set.push_str(", expiresAt = :expiresAt");
            update = update.expression_attribute_values(":expiresAt", number(at.unix_timestamp()));
        }
        None => set.push_str(" REMOVE expiresAt"),
    }
    update.update_expression(set)
}

/// The attributes that a summary is read from.
const SUMMARY: &str = "id, receivedAt, outcome, malformed, propertyValue";

fn read_summary(item: &Item) -> Result<(String, Summary), AwsError> {
    let value = item.text("propertyValue").and_then(|value| Money::from_decimal(value).ok());
    let summary = Summary { received_at: item.time("receivedAt")?, outcome: read_outcome(item)?, value };
    Ok((item.require(TABLE.key)?.to_owned(), summary))
}

fn read_outcome(item: &Item) -> Result<Outcome, AwsError> {
    let outcome = Outcome::from_key(item.require("outcome")?, item.text("malformed"));
    outcome.ok_or_else(|| AwsError::corrupt("attribute outcome"))
}

fn write(callback: &Callback) -> Item {
    let mut item = Item::from([
        (TABLE.key.to_owned(), text(&callback.id)),
        ("receivedAt".to_owned(), time(callback.received_at)),
        ("body".to_owned(), text(&callback.body)),
        ("outcome".to_owned(), text(callback.outcome.key())),
    ]);
    if let Outcome::Malformed(why) = &callback.outcome {
        item.insert("malformed".to_owned(), text(why.key()));
    }
    if let Some(value) = callback.value() {
        item.insert("propertyValue".to_owned(), text(value.decimal()));
    }
    if let Some(reference) = &callback.application_reference {
        item.insert("applicationReference".to_owned(), text(reference));
    }
    if let Some(at) = callback.expires_at() {
        item.insert("expiresAt".to_owned(), number(at.unix_timestamp()));
    }
    match &callback.request {
        SignedRequest::Absent => {}
        SignedRequest::Signed(id) => {
            item.insert("request".to_owned(), text(id.as_str()));
        }
        SignedRequest::Forged => {
            item.insert("forged".to_owned(), text("true"));
        }
    }
    item
}

fn read(item: &Item) -> Result<Callback, AwsError> {
    let request = match (item.text("request"), item.text("forged")) {
        (Some(id), _) => SignedRequest::Signed(PausedTaskId::from_key(id)),
        (None, Some(_)) => SignedRequest::Forged,
        (None, None) => SignedRequest::Absent,
    };
    Ok(Callback {
        id: item.require(TABLE.key)?.to_owned(),
        received_at: item.time("receivedAt")?,
        body: item.require("body")?.to_owned(),
        request,
        outcome: read_outcome(item)?,
        application_reference: item.text("applicationReference").map(str::to_owned),
    })
}
