//! Submitting and finding applications.

use app::{
    desk::{
        Actor, ApplicationOperations, ApplicationPage, ApplicationQuery, ApplicationRow, ApplicationView, DeskError,
        StoryEntry, Submission, Tally,
    },
    domain::{ApplicationReference, ApplicationStatus, LoanApplication},
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};
use crate::{
    applications::{Record, SubmitError, Submitted},
    callbacks::Summary,
    read_model::{self, Cursor, Filter, Query},
    story,
    workflow::Timeline,
};

/// The number of rows on a page.
const ROWS: usize = 50;

#[async_trait]
impl ApplicationOperations for LoanDesk {
    async fn submit(&self, by: &Actor, application: LoanApplication) -> Result<Submission, DeskError> {
        match self.applications.submit(&application, by.name()).await {
            Ok(Submitted::Now) => Ok(Submission::Started),
            Ok(Submitted::Before) => Ok(Submission::AlreadyThere),
            Err(SubmitError::ReferenceTaken(reference)) => Err(DeskError::ReferenceTaken(reference)),
            Err(SubmitError::Aws(error)) => Err(unavailable(error)),
        }
    }

    async fn applications(&self, _by: &Actor, query: &ApplicationQuery) -> Result<ApplicationPage, DeskError> {
        let after = query.after.as_deref().map(Cursor::decode).transpose().map_err(|_| DeskError::NotAPage)?;
        let query = Query { filter: self.filter(query), sort: query.sort, after, at_most: ROWS };
        let page = self.read_model.list(query).await.map_err(unavailable)?;
        Ok(ApplicationPage { rows: page.rows, next: page.next.map(|cursor| cursor.encode()), before: page.before })
    }

    async fn tally(&self, _by: &Actor, query: &ApplicationQuery) -> Result<Tally, DeskError> {
        self.read_model.tally(self.filter(query)).await.map_err(unavailable)
    }

    async fn with_reference(&self, _by: &Actor, reference: &str) -> Result<Option<ApplicationReference>, DeskError> {
        // The read model, unlike the table, ignores case. So of two references that differ in case only, the table decides.
        if let Ok(own) = reference.parse::<ApplicationReference>()
            && let Some(record) = self.applications.get(&own).await.map_err(unavailable)?
        {
            return Ok(Some(record.application.application_reference));
        }
        self.read_model.with_reference(reference).await.map_err(unavailable)
    }

    async fn newest(
        &self,
        _by: &Actor,
        status: Option<ApplicationStatus>,
        at_most: usize,
    ) -> Result<Vec<ApplicationRow>, DeskError> {
        let filter = Filter { statuses: status.into_iter().collect(), ..Filter::default() };
        let query = Query { filter, at_most, ..Query::default() };
        Ok(self.read_model.list(query).await.map_err(unavailable)?.rows)
    }

    async fn application(
        &self,
        _by: &Actor,
        reference: &ApplicationReference,
    ) -> Result<Option<ApplicationRow>, DeskError> {
        let record = self.applications.get(reference).await.map_err(unavailable)?;
        Ok(record.as_ref().map(Record::row))
    }

    async fn application_with_story(
        &self,
        _by: &Actor,
        reference: &ApplicationReference,
    ) -> Result<Option<ApplicationView>, DeskError> {
        Ok(self.told(reference).await?.map(|told| {
            let state = told.timeline.state.filter(|_| told.record.status == ApplicationStatus::InProgress);
            ApplicationView { row: told.record.row(), story: told.story, state }
        }))
    }
}

/// An application, its story, and what the story is told from.
pub(super) struct Told {
    pub record: Record,
    pub callbacks: Vec<Summary>,
    pub timeline: Timeline,
    pub story: Vec<StoryEntry>,
}

impl LoanDesk {
    /// Reads an application and everything that its story is told from, and tells it.
    pub(super) async fn told(&self, reference: &ApplicationReference) -> Result<Option<Told>, DeskError> {
        let (record, tasks, callbacks) = tokio::try_join!(
            self.applications.get(reference),
            self.paused.of_application(reference.as_str()),
            self.callbacks.of_application(reference.as_str()),
        )
        .map_err(unavailable)?;
        let Some(record) = record else { return Ok(None) };
        let timeline = if story::needs_timeline(&record, &tasks) {
            self.workflows.timeline(&record.execution_arn).await.unwrap_or_else(|error| {
                // The story is then told with the times that the desk knows.
                tracing::warn!(application = %reference, %error, "cannot read the history for the story");
                Timeline::default()
            })
        } else {
            Timeline::default()
        };
        let story = story::tell(&record, &tasks, &callbacks, &timeline);
        Ok(Some(Told { record, callbacks, timeline, story }))
    }

    fn filter(&self, query: &ApplicationQuery) -> Filter {
        let statuses = match (query.status, query.stage) {
            (Some(status), _) => vec![status],
            (None, Some(stage)) => stage.statuses().to_vec(),
            (None, None) => Vec::new(),
        };
        Filter {
            search: query.search.clone(),
            statuses,
            in_stage_since: query.age.map(|age| read_model::since(age, self.clock.now())),
            submitted: query.submitted,
            decided: query.decided,
        }
    }
}
