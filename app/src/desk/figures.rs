//! The desk in figures.

use time::Date;

use super::{Actor, Counts, DeskError};

#[async_trait::async_trait]
pub trait FigureOperations {
    /// Counts and medians of the last [`Figures::DAYS`] days.
    async fn figures(&self, by: &Actor) -> Result<Figures, DeskError>;

    /// How many applications and tasks there are now.
    async fn counts(&self, by: &Actor) -> Result<Counts, DeskError>;
}

/// What happened in the last days, day by day. Days are the UK's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// [`Figures::DAYS`] of them, oldest first. The last one is today, as far as it has come.
    pub days: Vec<DayFigures>,
    /// From submission to decision, of all that were decided in these days.
    pub median_to_decision: Option<time::Duration>,
}

impl Figures {
    pub const DAYS: usize = 14;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayFigures {
    pub day: Date,
    pub submitted: usize,
    /// How many had not ended at the end of the day.
    pub waiting: usize,
    pub decided: usize,
    /// From submission to decision, of those decided on this day.
    pub median_to_decision: Option<time::Duration>,
}
