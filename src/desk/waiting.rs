//! What waits for an answer from outside.

use app::{
    desk::{Actor, DeskError, WaitingCount, WaitingOperations, WaitingPage},
    domain::WaitingOn,
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};
use crate::paused::PausedTask;

#[async_trait]
impl WaitingOperations for LoanDesk {
    async fn waiting(
        &self,
        _by: &Actor,
        on: Option<WaitingOn>,
        after: Option<&str>,
        at_most: usize,
    ) -> Result<WaitingPage, DeskError> {
        let (tasks, next) = self.paused.waiting(on, after, at_most).await.map_err(unavailable)?;
        Ok(WaitingPage { items: tasks.iter().map(PausedTask::waiting_item).collect(), next })
    }

    async fn waiting_count(&self, _by: &Actor) -> Result<WaitingCount, DeskError> {
        self.paused.waiting_count().await.map_err(unavailable)
    }
}
