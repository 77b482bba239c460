//! Tasks that wait for an answer from outside.

use app::{
    desk::{Actor, DeskError, WaitingCount, WaitingOperations, WaitingPage},
    domain::WaitingOn,
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};

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

    async fn waiting_count(&self, _by: &Actor) -> Result<WaitingCount, DeskError> {
        self.read_model.waiting_count().await.map_err(unavailable)
    }
}
