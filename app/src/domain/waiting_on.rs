//! Whom a paused task waits on.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingOn {
    /// The valuation service's callback; nobody here can answer it.
    ValuationService,
    /// A member of staff: the manual valuation page answers it.
    Staff,
}
