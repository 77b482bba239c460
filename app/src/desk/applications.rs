//! Submitting and finding applications.

use time::OffsetDateTime;

use super::{Actor, ApplicationQuery, DeskError, StoryEntry, WaitingItem};
use crate::domain::{ApplicationReference, ApplicationStatus, LoanApplication, Policy, Valuation};

#[async_trait::async_trait]
pub trait ApplicationOperations {
    /// Stores the application and starts its execution. Submitting the same application again is not an error.
    async fn submit(&self, by: &Actor, application: LoanApplication) -> Result<Submission, DeskError>;

    /// One page of a list. Fails with [`DeskError::NotAPage`] if [`ApplicationQuery::after`] is not the end of a page.
    async fn applications(&self, by: &Actor, query: &ApplicationQuery) -> Result<ApplicationPage, DeskError>;

    /// The application to which this reference leads: its own, or that of one of its valuations, or the name of its
    /// execution, in any case. `None` if there is no such application, or more than one.
    async fn with_reference(&self, by: &Actor, reference: &str) -> Result<Option<ApplicationReference>, DeskError>;

    /// How many applications match a query, on all of its pages.
    async fn tally(&self, by: &Actor, query: &ApplicationQuery) -> Result<Tally, DeskError>;

    /// The newest applications, optionally only those with `status`.
    async fn newest(
        &self,
        by: &Actor,
        status: Option<ApplicationStatus>,
        at_most: usize,
    ) -> Result<Vec<ApplicationRow>, DeskError>;

    async fn application(
        &self,
        by: &Actor,
        reference: &ApplicationReference,
    ) -> Result<Option<ApplicationRow>, DeskError>;

    /// An application with its story, which takes more reads than the application alone.
    async fn application_with_story(
        &self,
        by: &Actor,
        reference: &ApplicationReference,
    ) -> Result<Option<ApplicationView>, DeskError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submission {
    Started,
    /// The same application was already submitted.
    AlreadyThere,
}

#[derive(Debug, Clone, Default)]
pub struct ApplicationPage {
    /// At most 50.
    pub rows: Vec<ApplicationRow>,
    /// The value of [`ApplicationQuery::after`] for the next page, or `None` on the last page.
    pub next: Option<String>,
    /// The number of rows on the pages before.
    pub before: usize,
}

/// The number of applications that match a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// In the order of [`ApplicationStatus::ALL`], as if the query asked for any status and stage. `None` if there are too
    /// many to count.
    pub by_status: Option<[usize; ApplicationStatus::ALL.len()]>,
    pub count: usize,
    /// Whether there are not more than `count`.
    pub is_exact: bool,
}

impl Tally {
    pub fn at(&self, status: ApplicationStatus) -> Option<usize> {
        let place = ApplicationStatus::ALL.iter().position(|one| *one == status)?;
        self.by_status.map(|counts| counts[place])
    }
}

/// An application and its current status.
#[derive(Debug, Clone)]
pub struct ApplicationRow {
    pub application: LoanApplication,
    pub status: ApplicationStatus,
    /// In per cent, with two decimals.
    pub loan_to_value: Option<f64>,
    pub waiting: Option<WaitingItem>,
    pub submitted_at: OffsetDateTime,
    pub submitted_by: Option<String>,
    pub updated_at: OffsetDateTime,
    pub execution_arn: String,
    pub valuation: Option<Valuation>,
    /// When its execution ended with an outcome.
    pub decided_at: Option<OffsetDateTime>,
    /// A sentence that says why the application needs attention or was declined.
    pub remark: Option<String>,
    /// The limits that the decision was based on, if they are known.
    pub policy: Option<Policy>,
}

#[derive(Debug, Clone)]
pub struct ApplicationView {
    pub row: ApplicationRow,
    /// What happened, oldest first.
    pub story: Vec<StoryEntry>,
    /// For an application in progress: the state of its workflow, if it is known.
    pub state: Option<RunningState>,
}

/// The state that a running execution is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningState {
    /// `CheckCredit`
    pub name: String,
    pub since: OffsetDateTime,
}
