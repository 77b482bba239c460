//! Submitting and finding applications.

use app::{
    desk::{
        Actor, ApplicationOperations, ApplicationPage, ApplicationQuery, ApplicationRow, ApplicationView, DeskError,
        Submission,
    },
    domain::{ApplicationReference, ApplicationStatus, LoanApplication},
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};
use crate::{
    applications::{Cursor, Record, SubmitError, Submitted},
    story,
};

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
        let page = self.applications.list(&query.search, query.status, query.sort, after).await;
        let page = page.map_err(unavailable)?;
        Ok(ApplicationPage {
            rows: page.records.iter().map(Record::row).collect(),
            next: page.next.map(|cursor| cursor.encode()),
        })
    }

    async fn newest(
        &self,
        _by: &Actor,
        status: Option<ApplicationStatus>,
        at_most: usize,
    ) -> Result<Vec<ApplicationRow>, DeskError> {
        let (records, _) = self.applications.newest(status, None, at_most).await.map_err(unavailable)?;
        Ok(records.iter().map(Record::row).collect())
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
        let (record, tasks, callbacks) = tokio::try_join!(
            self.applications.get(reference),
            self.paused.of_application(reference.as_str()),
            self.callbacks.of_application(reference.as_str()),
        )
        .map_err(unavailable)?;
        Ok(record.map(|record| ApplicationView { row: record.row(), story: story::tell(&record, &tasks, &callbacks) }))
    }
}
