//! The desk in figures.

use app::desk::{Actor, DeskError, FigureOperations, Figures};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};
use crate::figures;

#[async_trait]
impl FigureOperations for LoanDesk {
    async fn figures(&self, _by: &Actor) -> Result<Figures, DeskError> {
        let now = self.clock.now();
        let lives = self.applications.lifespans().await.map_err(unavailable)?;
        Ok(figures::count(now, &lives))
    }
}
