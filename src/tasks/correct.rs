//! Correcting an answer that Step Functions has not taken yet.
//!
//! Step Functions takes one answer to a task and cannot give it back, so an answer can be corrected only while the desk is
//! still about to send it: because the desk holds answers back for a while, because Step Functions cannot be reached, or
//! because the workflow is about to call a function again that has failed. A correction replaces the answer in the task's
//! row, on the condition that the row still has the answer that is corrected. Whichever version Step Functions takes is
//! then noted as the answer, whatever the row says by then, so the row is true even if a correction and an older version
//! cross on their way.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Answer, PausedTask, PausedTasks, Says, State, answer::Answered, row, transitions::Changed};
use crate::{
    aws::AwsError,
    invocation::PausedTaskId,
    item::{json, number, text},
};

/// One of several versions of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub says: Says,
    pub by: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Why the version before was corrected; `None` for the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A correction of an answer.
#[derive(Debug, Clone)]
pub struct Correction {
    pub says: Says,
    pub by: String,
    pub at: OffsetDateTime,
    pub reason: String,
}

impl Answer {
    /// How often the answer was corrected. Writes are conditional on it.
    fn corrections(&self) -> usize {
        self.versions.len().saturating_sub(1)
    }

    /// The answer after a correction, which replaces it.
    fn corrected(&self, Correction { says, by, at, reason }: Correction) -> Self {
        let mut versions = self.versions.clone();
        if versions.is_empty() {
            versions.push(Version {
                says: self.says.clone(),
                by: self.by.clone().unwrap_or_default(),
                at: self.at,
                reason: None,
            });
        }
        let version = Version { says, by, at, reason: Some(reason) };
        versions.push(version.clone());
        Self { versions, ..self.with(&version) }
    }

    /// The answer with one of its versions as the one that counts.
    fn with(&self, version: &Version) -> Self {
        Self { says: version.says.clone(), by: Some(version.by.clone()), at: version.at, ..self.clone() }
    }

    /// The versions that this answer replaces, newest first, each as the answer.
    pub(super) fn replaced(&self) -> impl Iterator<Item = Self> {
        self.versions.iter().rev().skip(1).map(|version| self.with(version))
    }

    /// Whether a version came after the one that counts, and was therefore not used.
    pub fn is_unused(&self, version: &Version) -> bool {
        version.at > self.at
    }
}

impl PausedTasks {
    /// Replaces the answer that is about to be sent. Returns the task and the corrected answer, or what became of the task
    /// instead.
    pub async fn correct(
        &self,
        id: &PausedTaskId,
        correction: Correction,
    ) -> Result<Result<(PausedTask, Answer), Answered>, AwsError> {
        let Some(item) = self.item(id).await? else { return Ok(Err(Answered::NotFound)) };
        let mut task = row::read(&item)?;
        let State::Answering(answer) = &task.state else { return Ok(Err(Answered::of(task))) };
        let corrected = answer.corrected(correction);
        match self.replace(id, answer, &corrected).await? {
            Changed::Yes(_) => {
                task.state = State::Answering(corrected.clone());
                Ok(Ok((task, corrected)))
            }
            Changed::No(item) => Ok(Err(Answered::of(row::read(&item)?))),
            Changed::NotFound => Ok(Err(Answered::NotFound)),
        }
    }

    async fn replace(&self, id: &PausedTaskId, answer: &Answer, corrected: &Answer) -> Result<Changed, AwsError> {
        self.change_if(id, &[State::ANSWERING], Some(answer.corrections()), |update| {
            update
                .update_expression("SET answer = :answer, corrections = :corrections, updatedAt = :now")
                .expression_attribute_values(":answer", json(corrected))
                .expression_attribute_values(":corrections", number(corrected.corrections()))
        })
        .await
    }

    /// Notes that Step Functions has taken `taken`, which a correction may have replaced in the meantime.
    pub(super) async fn note_taken(&self, id: &PausedTaskId, taken: &Answer) -> Result<(), AwsError> {
        let mut expected = taken.clone();
        loop {
            let noted = Answer { versions: expected.versions.clone(), ..taken.clone() };
            // Another desk that sent the same answer may have read a history without it.
            let from = [State::ANSWERING, State::TOO_LATE];
            let changed = self
                .change_if(id, &from, Some(expected.corrections()), |update| {
                    update
                        .update_expression("SET #state = :answered, answer = :answer, updatedAt = :now REMOVE queue")
                        .expression_attribute_values(":answered", text(State::ANSWERED))
                        .expression_attribute_values(":answer", json(&noted))
                })
                .await?;
            let Changed::No(item) = changed else { return Ok(()) };
            match row::read(&item)?.state {
                State::Answering(corrected) | State::TooLate(corrected)
                    if corrected.corrections() != expected.corrections() =>
                {
                    expected = corrected;
                }
                // Another desk has noted it.
                _ => return Ok(()),
            }
        }
    }

    /// Notes that Step Functions has refused this answer because the task was over. Returns the task as it is then.
    pub(super) async fn note_refused(&self, mut task: PausedTask, refused: &Answer) -> Result<Answered, AwsError> {
        let changed = self
            .change_if(&task.id, &[State::ANSWERING], Some(refused.corrections()), |update| {
                update
                    .update_expression("SET #state = :late, updatedAt = :now REMOVE queue")
                    .expression_attribute_values(":late", text(State::TOO_LATE))
            })
            .await?;
        match changed {
            Changed::Yes(_) => {
                task.state = State::TooLate(refused.clone());
                Ok(Answered::TooLate(task))
            }
            Changed::No(item) => Ok(Answered::of(row::read(&item)?)),
            Changed::NotFound => Ok(Answered::NotFound),
        }
    }
}
