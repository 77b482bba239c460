//! The key figures of the desk.

use time::Date;

use super::{Actor, Counts, DeskError, Overview};

#[async_trait::async_trait]
pub trait FigureOperations {
    /// Counts and medians of the last [`Figures::DAYS`] days.
    async fn figures(&self, by: &Actor) -> Result<Figures, DeskError>;

    /// How many applications stand where, and how tasks were answered in the last [`Overview::DAYS`] days.
    async fn overview(&self, by: &Actor) -> Result<Overview, DeskError>;

    /// The current numbers of applications and tasks.
    async fn counts(&self, by: &Actor) -> Result<Counts, DeskError>;
}

/// The figures of the last days. Days are in UK local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The last [`Figures::DAYS`] days, oldest first. The last entry is today so far.
    pub days: Vec<DayFigures>,
    /// The median time from submission to decision, over the applications decided in these days by the valuation
    /// service's valuation.
    pub median_automatic: Option<time::Duration>,
    /// The same over those decided by a manual valuation.
    pub median_manual: Option<time::Duration>,
}

impl Figures {
    pub const DAYS: usize = 14;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayFigures {
    pub day: Date,
    pub submitted: usize,
    /// The number of applications still open at the end of the day.
    pub waiting: usize,
    pub decided: usize,
    /// The median time from submission to decision, over the applications decided on this day.
    pub median_to_decision: Option<time::Duration>,
}
