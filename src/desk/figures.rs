//! The key figures of the desk.

use app::{
    desk::{Actor, Counts, DeskError, FigureOperations, Figures, Overview},
    domain::uk_day,
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};

#[async_trait]
impl FigureOperations for LoanDesk {
    async fn figures(&self, _by: &Actor) -> Result<Figures, DeskError> {
        self.read_model.figures(self.clock.now()).await.map_err(unavailable)
    }

    async fn overview(&self, _by: &Actor) -> Result<Overview, DeskError> {
        let now = self.clock.now();
        let mut overview = self.read_model.overview(now).await.map_err(unavailable)?;
        let since = now - time::Duration::days(Overview::DAYS as i64);
        for received_at in self.callbacks.unknown_since(since).await.map_err(unavailable)?.iter() {
            if let Some(day) = overview.valuer.iter_mut().find(|day| day.day == uk_day(*received_at)) {
                day.unknown += 1;
            }
        }
        Ok(overview)
    }

    async fn counts(&self, _by: &Actor) -> Result<Counts, DeskError> {
        self.read_model.counts().await.map_err(unavailable)
    }
}
