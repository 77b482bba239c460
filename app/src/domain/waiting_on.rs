//! Who must answer a paused task.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingOn {
    /// The valuation service, by its callback. No member of staff can answer.
    ValuationService,
    /// A member of staff, on the manual valuation page.
    Staff,
}
