//! What waits for an answer from outside.

use time::OffsetDateTime;

use super::{Actor, DeskError};
use crate::domain::{ApplicationReference, WaitingOn};

#[async_trait::async_trait]
pub trait WaitingOperations {
    /// What is paused on a task token, soonest deadline first. `on` limits it to those who are waited for; `after` is
    /// [`WaitingPage::next`] of the page before.
    async fn waiting(
        &self,
        by: &Actor,
        on: Option<WaitingOn>,
        after: Option<&str>,
        at_most: usize,
    ) -> Result<WaitingPage, DeskError>;

    /// How many items [`WaitingOperations::waiting`] has in all. Every page shows it.
    async fn waiting_count(&self, by: &Actor) -> Result<WaitingCount, DeskError>;
}

#[derive(Debug, Clone, Default)]
pub struct WaitingPage {
    pub items: Vec<WaitingItem>,
    /// For `after`; `None` on the last page.
    pub next: Option<String>,
}

/// How many wait, on whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitingCount {
    pub on_staff: usize,
    pub on_others: usize,
}

impl WaitingCount {
    pub fn all(&self) -> usize {
        self.on_staff + self.on_others
    }
}

/// One task token that somebody outside must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingItem {
    pub id: String,
    pub on: WaitingOn,
    pub application_reference: ApplicationReference,
    pub applicant: Option<String>,
    /// `999, PO1 1CE`
    pub property: String,
    pub since: OffsetDateTime,
    pub deadline: OffsetDateTime,
}
