//! The port: what the pages ask of the desk. The server implements [`Desk`] and puts an `Arc<dyn Desk>` into Leptos
//! context; nothing here knows how it is done.

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use crate::domain::{ApplicationReference, ApplicationStatus, LoanApplication, Money, uk_day};

/// Who does something at the desk. Until sign-in exists it is the name a person gave with an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub name: String,
}

/// The desk's operations.
#[cfg(feature = "ssr")]
#[async_trait::async_trait]
pub trait Desk: Send + Sync + 'static {
    /// Where the data lives and what the policy is; cheap, from configuration.
    fn about(&self) -> About;

    /// Stores the application and starts its execution. The same application again is no error.
    async fn submit(&self, application: LoanApplication, by: Option<Actor>) -> Result<Submission, DeskError>;

    /// One page.
    async fn applications(&self, query: &ApplicationQuery) -> Result<ApplicationPage, DeskError>;

    async fn application(&self, reference: &ApplicationReference) -> Result<Option<ApplicationView>, DeskError>;

    /// The execution behind an application, in the engine's words, with every task token masked.
    async fn workflow(&self, reference: &ApplicationReference) -> Result<Option<WorkflowView>, DeskError>;

    /// The newest applications, or those among them at a status.
    async fn newest(&self, status: Option<ApplicationStatus>, at_most: usize)
    -> Result<Vec<ApplicationRow>, DeskError>;

    /// What is paused on a task token, soonest deadline first: on anybody, or on some.
    async fn waiting(
        &self,
        on: Option<WaitingOn>,
        after: Option<&str>,
        at_most: usize,
    ) -> Result<WaitingPage, DeskError>;

    /// How many rows [`Desk::waiting`] has in all; shown on every page.
    async fn waiting_count(&self) -> Result<WaitingCount, DeskError>;

    /// The last days in figures.
    async fn figures(&self) -> Result<Figures, DeskError>;

    async fn manual_valuation(&self, id: &str) -> Result<Option<ManualValuationView>, DeskError>;

    /// Answers a manual valuation and thereby resumes its execution, once: a second answer, or one after the deadline,
    /// is [`DeskError::AlreadyAnswered`] or [`DeskError::TooLate`]. The same answer of the same person again, as of a
    /// button that is pressed twice, is no error. Gives the application that it was for.
    async fn answer_manual_valuation(
        &self,
        id: &str,
        answer: ManualValuationAnswer,
        by: Actor,
    ) -> Result<ApplicationReference, DeskError>;
}

/// What can go wrong, in words fit for a page. The cause has been logged where it was handled.
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
    #[error("the desk cannot reach its data just now; nothing was lost, try again in a moment")]
    Unavailable,
}

#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// `Embedded`, or `AWS eu-west-2`.
    pub data_lives: String,
    /// How long the valuation service has, e.g. 30 seconds.
    pub valuation_timeout: std::time::Duration,
    /// How long staff have for a manual valuation, e.g. 5 days.
    pub manual_valuation_timeout: std::time::Duration,
    pub policy: Policy,
}

/// The lending policy's limits, in per cent of the property's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Up to and including this loan-to-value an application is approved.
    pub approve_up_to: f64,
    /// Up to and including this it is referred to an underwriter; above it is declined.
    pub refer_up_to: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submission {
    Started,
    /// The very same application had been submitted before.
    AlreadyThere,
}

/// State of the applications page, all of it in the query string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationQuery {
    /// Part of a reference, applicant, property, postcode or valuation reference; any case.
    pub search: String,
    pub status: Option<ApplicationStatus>,
    pub sort: Sort,
    /// Opaque: where the previous page ended.
    pub after: Option<String>,
}

/// The order of a list of applications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sort {
    /// By when they were submitted.
    #[default]
    Newest,
    By(Column, Direction),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Column {
    Reference,
    Applicant,
    Property,
    Amount,
    LoanToValue,
    Status,
    Deadline,
    Updated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    Ascending,
    Descending,
}

impl Sort {
    /// As it stands in a query string: `amount` upwards, `-amount` downwards; nothing for the newest first.
    pub fn key(self) -> Option<String> {
        match self {
            Self::Newest => None,
            Self::By(column, Direction::Ascending) => Some(column.key().to_owned()),
            Self::By(column, Direction::Descending) => Some(format!("-{}", column.key())),
        }
    }

    /// What is no order is the newest first.
    pub fn from_key(key: &str) -> Self {
        let (name, direction) = match key.strip_prefix('-') {
            Some(name) => (name, Direction::Descending),
            None => (key, Direction::Ascending),
        };
        let column = Column::ALL.into_iter().find(|column| column.key() == name);
        column.map_or(Self::Newest, |column| Self::By(column, direction))
    }

    /// What the head of a column leads to: first the way that is asked for most, then the other, then the newest first.
    pub fn next(self, column: Column) -> Self {
        let first = column.first_direction();
        match self {
            Self::By(by, direction) if by == column && direction == first => Self::By(column, first.other()),
            Self::By(by, _) if by == column => Self::Newest,
            _ => Self::By(column, first),
        }
    }
}

impl Column {
    pub const ALL: [Self; 8] = [
        Self::Reference,
        Self::Applicant,
        Self::Property,
        Self::Amount,
        Self::LoanToValue,
        Self::Status,
        Self::Deadline,
        Self::Updated,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Applicant => "applicant",
            Self::Property => "property",
            Self::Amount => "amount",
            Self::LoanToValue => "loan_to_value",
            Self::Status => "status",
            Self::Deadline => "deadline",
            Self::Updated => "updated",
        }
    }

    fn first_direction(self) -> Direction {
        match self {
            Self::Amount | Self::LoanToValue | Self::Updated => Direction::Descending,
            Self::Reference | Self::Applicant | Self::Property | Self::Status | Self::Deadline => Direction::Ascending,
        }
    }
}

impl Direction {
    fn other(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct ApplicationPage {
    /// At most 50.
    pub rows: Vec<ApplicationRow>,
    /// For [`ApplicationQuery::after`]; `None` on the last page.
    pub next: Option<String>,
}

#[derive(Debug, Clone)]
pub struct ApplicationRow {
    pub application: LoanApplication,
    pub status: ApplicationStatus,
    /// Per cent, one decimal is enough to show.
    pub loan_to_value: Option<f64>,
    pub waiting: Option<WaitingItem>,
    pub submitted_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

#[derive(Debug, Clone)]
pub struct ApplicationView {
    pub row: ApplicationRow,
    pub submitted_by: Option<String>,
    pub execution_arn: Option<String>,
    pub valuation: Option<Valuation>,
    /// Why it needs attention or was declined, in a sentence.
    pub remark: Option<String>,
    /// What happened, oldest first.
    pub story: Vec<StoryEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valuation {
    pub value: Money,
    pub source: ValuationSource,
    pub at: OffsetDateTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValuationSource {
    /// The valuation service's callback.
    Service { valuation_reference: String },
    /// A member of staff at the manual valuation page.
    Staff { name: String, basis: ValuationBasis, valued_on: Date, comment: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValuationBasis {
    Desktop,
    DriveBy,
    Physical,
}

impl ValuationBasis {
    pub const ALL: [Self; 3] = [Self::Desktop, Self::DriveBy, Self::Physical];

    /// The stored name, `drive_by`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::DriveBy => "drive_by",
            Self::Physical => "physical",
        }
    }
}

impl std::fmt::Display for ValuationBasis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Desktop => "Desktop",
            Self::DriveBy => "Drive-by",
            Self::Physical => "Physical inspection",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryEntry {
    pub at: OffsetDateTime,
    pub kind: StoryKind,
    /// A sentence: "Valuation requested, reference CNMg…, answer due by"
    pub text: String,
    /// The time that the sentence ends with, shown in the viewer's zone.
    pub due: Option<OffsetDateTime>,
}

/// What an entry of the story is about; decides its icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoryKind {
    Submitted,
    Requested,
    Answered,
    /// A callback that was kept but not used: late, duplicate.
    Kept,
    Lapsed,
    Failed,
    Decided,
    Stopped,
}

/// What the desk did lately, day by day; days are those of UTC.
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

#[derive(Debug, Clone, Default)]
pub struct WaitingPage {
    pub items: Vec<WaitingItem>,
    /// For `after`; `None` on the last page.
    pub next: Option<String>,
}

/// How many wait, on whom. Counting ends at [`WaitingCount::MOST`], as every page does it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitingCount {
    pub on_staff: usize,
    pub on_others: usize,
    pub has_more: bool,
}

impl WaitingCount {
    pub const MOST: usize = 500;

    pub fn all(&self) -> usize {
        self.on_staff + self.on_others
    }
}

/// `12`, or `500+`
impl std::fmt::Display for WaitingCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.all(), if self.has_more { "+" } else { "" })
    }
}

/// One task token that somebody outside must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingItem {
    pub id: String,
    pub on: WaitingOn,
    pub application_reference: ApplicationReference,
    pub applicant: Option<String>,
    /// `999, PO1 1CE`
    pub property: String,
    pub since: OffsetDateTime,
    pub deadline: OffsetDateTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingOn {
    /// The valuation service's callback; nobody here can answer it.
    ValuationService,
    /// A member of staff: the manual valuation page answers it.
    Staff,
}

/// What a person needs to see to give a value by hand.
#[derive(Debug, Clone)]
pub struct ManualValuationView {
    pub item: WaitingItem,
    pub application: LoanApplication,
    /// Why it came to the desk: "The valuation service did not answer within 30 seconds."
    pub reason: String,
    /// What happened to the application so far, oldest first.
    pub story: Vec<StoryEntry>,
    /// What the same property was valued at for other applications, newest first.
    pub previous: Vec<PreviousValuation>,
    pub state: ManualValuationState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousValuation {
    pub application_reference: ApplicationReference,
    pub valuation: Valuation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManualValuationState {
    Open,
    Answered {
        by: String,
        at: OffsetDateTime,
        answer: ManualValuationAnswer,
    },
    /// The deadline passed.
    Lapsed,
    /// The deadline passed, and then this was answered: it is kept, and not used.
    TooLate {
        by: String,
        at: OffsetDateTime,
        answer: ManualValuationAnswer,
    },
    /// The workflow was stopped, or went on by an answer that did not come through the desk.
    Abandoned,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ManualValuationAnswer {
    Value { value: Money, valued_on: Date, basis: ValuationBasis, comment: String },
    CannotValue { reason: String },
}

/// An execution in the engine's words.
#[derive(Debug, Clone)]
pub struct WorkflowView {
    pub application_reference: ApplicationReference,
    pub execution_arn: String,
    pub state_machine: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`
    pub status: String,
    pub started_at: OffsetDateTime,
    pub stopped_at: Option<OffsetDateTime>,
    pub states: Vec<StateView>,
    pub transitions: Vec<Transition>,
    /// The whole history, oldest first.
    pub events: Vec<EventView>,
}

/// One state of the state machine: a node of the graph.
#[derive(Debug, Clone)]
pub struct StateView {
    pub name: String,
    /// `Task`, `Choice`, …
    pub kind: String,
    /// The Parallel or Map state whose frame it stands in.
    pub inside: Option<String>,
    pub is_start: bool,
    pub progress: StateProgress,
    pub entered_at: Option<OffsetDateTime>,
    pub exited_at: Option<OffsetDateTime>,
    /// Pretty JSON with tokens masked, of the last time it was entered.
    pub input: Option<String>,
    pub output: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateProgress {
    Untouched,
    /// Where the execution is now.
    Current,
    Done,
    /// It failed and the failure was caught; the execution went on.
    Caught,
    Failed,
}

/// An edge of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub from: String,
    pub to: String,
    pub kind: TransitionKind,
    pub taken: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransitionKind {
    Next,
    /// A rule of a Choice, or its default.
    Choice,
    /// A Catch, with the errors it matches: `States.Timeout`.
    Catch {
        errors: String,
    },
}

#[derive(Debug, Clone)]
pub struct EventView {
    pub id: i64,
    pub previous_id: i64,
    /// `TaskSubmitted`
    pub event_type: String,
    pub state: Option<String>,
    pub at: OffsetDateTime,
    /// The event's details as pretty JSON with tokens masked; empty where there are none.
    pub details: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_reads_back_from_its_address() {
        for column in Column::ALL {
            for direction in [Direction::Ascending, Direction::Descending] {
                let sort = Sort::By(column, direction);
                assert_eq!(sort.key().as_deref().map(Sort::from_key), Some(sort));
            }
        }
        assert_eq!(Sort::from_key("-nonsense"), Sort::Newest);
    }

    #[test]
    fn the_head_of_a_column_sorts_one_way_then_the_other_then_not_at_all() {
        let once = Sort::Newest.next(Column::Amount);
        assert_eq!(once, Sort::By(Column::Amount, Direction::Descending));
        let twice = once.next(Column::Amount);
        assert_eq!(twice, Sort::By(Column::Amount, Direction::Ascending));
        assert_eq!(twice.next(Column::Amount), Sort::Newest);
        assert_eq!(twice.next(Column::Applicant), Sort::By(Column::Applicant, Direction::Ascending));
    }
}
