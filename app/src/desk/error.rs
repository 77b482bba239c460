//! What can go wrong with an operation.

use time::OffsetDateTime;

use crate::domain::{ApplicationReference, uk_day};

/// Why an operation failed, in words fit for a page. The cause has been logged where it was handled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    #[error("an application with reference {0} exists already, with other details")]
    ReferenceTaken(ApplicationReference),
    #[error("there is no such item at this desk")]
    NotFound,
    #[error("{by} answered this on {at}", at = uk_day(*at))]
    AlreadyAnswered { by: String, at: OffsetDateTime },
    #[error("the time to answer this has passed, and its application has gone on without it")]
    TooLate,
    #[error(
        "its workflow does not wait for this any more, so your answer was kept and not used; see the application for \
         what it waits for now"
    )]
    NotUsed,
    /// What is said to be where the previous page of a list ended was not made by this desk.
    #[error("after is not the end of a page of this list; leave it out to begin at the first page")]
    NotAPage,
    #[error("the desk cannot reach its data just now; nothing was lost, try again in a moment")]
    Unavailable,
}
