//! Errors of operations.

use time::OffsetDateTime;

use super::StepFunctionsError;
use crate::domain::{ApplicationReference, uk_day};

/// Why an operation failed. The message is fit for a page; the cause was logged where it was handled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    #[error("an application with reference {0} already exists with different details")]
    ReferenceTaken(ApplicationReference),
    #[error("this item does not exist")]
    NotFound,
    #[error("{by} answered this on {at}", at = uk_day(*at))]
    AlreadyAnswered { by: String, at: OffsetDateTime },
    /// The value is unusual. Carries what is unusual about it.
    #[error("{0}: confirm this value to record it")]
    Unconfirmed(String),
    #[error("the deadline for this answer has passed, and the application continued without it")]
    TooLate,
    #[error(
        "the workflow was no longer waiting for this, so your answer was kept but not used; see the application for \
         what it is waiting for now"
    )]
    NotUsed,
    #[error(
        "the workflow has already gone on with the recorded answer, so it can't be corrected any more; your correction \
         was not used"
    )]
    CannotBeCorrected,
    /// The `after` of a list was not issued by this desk.
    #[error("after is not the end of a page of this list; leave it out to start at the first page")]
    NotAPage,
    #[error("{0}")]
    StepFunctions(StepFunctionsError),
    #[error("the desk cannot reach its data; nothing was lost, try again in a moment")]
    Unavailable,
}
