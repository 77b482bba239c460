//! The key figures of the desk.

use app::desk::{Actor, Counts, DeskError, FigureOperations, Figures};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};

#[async_trait]
impl FigureOperations for LoanDesk {
    async fn figures(&self, _by: &Actor) -> Result<Figures, DeskError> {
        self.read_model.figures(self.clock.now()).await.map_err(unavailable)
    }

    async fn counts(&self, _by: &Actor) -> Result<Counts, DeskError> {
        self.read_model.counts().await.map_err(unavailable)
    }
}
