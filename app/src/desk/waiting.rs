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
