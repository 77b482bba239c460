//! Tasks that wait for an answer from outside.

use time::OffsetDateTime;

use super::{Actor, DeskError};
use crate::domain::{ApplicationReference, TaskKind, WaitingOn};

#[async_trait::async_trait]
pub trait WaitingOperations {
    /// The paused tasks, soonest deadline first. `on` selects who must answer; `after` is [`WaitingPage::next`] of the
    /// previous page.
    async fn waiting(
        &self,
        by: &Actor,
        on: Option<WaitingOn>,
        after: Option<&str>,
        at_most: usize,
    ) -> Result<WaitingPage, DeskError>;

    /// The tasks with these ids in the same order, at most 100, whether they still wait or are over. Unknown ids are left
    /// out. A page that is open shows its rows by this, so that none of them moves.
    async fn tasks(&self, by: &Actor, ids: &[String]) -> Result<Vec<WaitingRow>, DeskError>;

    /// The total number of items of [`WaitingOperations::waiting`]. Every page shows it.
    async fn waiting_count(&self, by: &Actor) -> Result<WaitingCount, DeskError>;
}

#[derive(Debug, Clone, Default)]
pub struct WaitingPage {
    pub items: Vec<WaitingItem>,
    /// The `after` of the next page, or `None` on the last page.
    pub next: Option<String>,
}

/// The numbers of waiting tasks by who must answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitingCount {
    pub on_staff: usize,
    pub on_valuation_service: usize,
}

impl WaitingCount {
    pub fn all(&self) -> usize {
        self.on_staff + self.on_valuation_service
    }

    pub fn on(&self, on: WaitingOn) -> usize {
        match on {
            WaitingOn::Staff => self.on_staff,
            WaitingOn::ValuationService => self.on_valuation_service,
        }
    }
}

/// A task in a list that keeps the rows of tasks that are over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRow {
    pub item: WaitingItem,
    /// What happened to it, in a few words: "Grace Hopper: £500,000". `None` while it waits.
    pub end: Option<String>,
}

impl From<WaitingItem> for WaitingRow {
    fn from(item: WaitingItem) -> Self {
        Self { item, end: None }
    }
}

/// A task that somebody outside must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingItem {
    pub id: String,
    pub kind: TaskKind,
    pub application_reference: ApplicationReference,
    pub applicant: Option<String>,
    /// `999, PO1 1CE`
    pub property: String,
    pub since: OffsetDateTime,
    pub deadline: OffsetDateTime,
    /// A sentence that says why it was asked for, if there is more to say than its kind.
    pub reason: Option<String>,
}
