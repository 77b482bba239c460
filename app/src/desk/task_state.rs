//! How far a task has come that a member of staff answers.

use time::OffsetDateTime;

/// The state of a task whose kind is answered with an `A`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState<A> {
    Open,
    /// This answer is recorded, and the workflow has not taken it yet. It can be corrected.
    Sending {
        by: String,
        at: OffsetDateTime,
        answer: A,
    },
    /// The workflow has taken this answer, which can no longer be changed.
    Answered {
        by: String,
        at: OffsetDateTime,
        answer: A,
    },
    /// The deadline passed.
    Lapsed,
    /// This answer came after the deadline. It is kept, and was not used.
    TooLate {
        by: String,
        at: OffsetDateTime,
        answer: A,
    },
    /// This answer came before the deadline, when the workflow no longer waited for it. It is kept, and was not used.
    NotUsed {
        by: String,
        at: OffsetDateTime,
        answer: A,
    },
    /// The workflow was stopped, or went on with an answer that did not come through the desk.
    Abandoned,
}
