//! Tasks that wait for an answer from outside.

use app::{
    desk::{Actor, DeskError, WaitingCount, WaitingOperations, WaitingPage, WaitingRow},
    domain::WaitingOn,
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};
use crate::tasks::PausedTask;

#[async_trait]
impl WaitingOperations for LoanDesk {
    async fn waiting(
        &self,
        _by: &Actor,
        on: Option<WaitingOn>,
        after: Option<&str>,
        at_most: usize,
    ) -> Result<WaitingPage, DeskError> {
        self.read_model.waiting(on, after.map(str::to_owned), at_most).await.map_err(unavailable)
    }

    async fn tasks(&self, _by: &Actor, ids: &[String]) -> Result<Vec<WaitingRow>, DeskError> {
        let tasks = self.read_model.tasks(ids).await.map_err(unavailable)?;
        let row = |task: &PausedTask| WaitingRow { item: task.waiting_item(), end: task.end_in_words() };
        Ok(tasks.iter().map(row).collect())
    }

    async fn waiting_count(&self, _by: &Actor) -> Result<WaitingCount, DeskError> {
        self.read_model.waiting_count().await.map_err(unavailable)
    }
}
