//! An application as its table stores it.

use app::{
    desk::{ApplicationRow, WaitingItem},
    domain::{ApplicationStatus, LoanApplication, Policy, TaskKind, Valuation, ValuationSource},
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    aws::AwsError,
    item::{Item, Read},
    valuation,
};

/// The attribute of [`Record::other_references`], a set of strings.
pub(super) const OTHER_REFERENCES: &str = "otherReferences";

#[derive(Debug, Clone)]
pub struct Record {
    pub application: LoanApplication,
    pub status: ApplicationStatus,
    pub submitted_at: OffsetDateTime,
    /// The name of the person who submitted it, if one was given.
    pub submitted_by: Option<String>,
    pub updated_at: OffsetDateTime,
    pub execution_arn: String,
    pub pause: Option<Pause>,
    /// In per cent, with two decimals.
    pub loan_to_value: Option<f64>,
    pub remark: Option<String>,
    /// The valuation that the workflow used: the output of its task.
    pub valuation: Option<Value>,
    pub decided_at: Option<OffsetDateTime>,
    /// The limits by which its workflow decided.
    pub policy: Option<Policy>,
    /// Valuation references of callbacks for its requests that are not those of the requests.
    pub other_references: Vec<String>,
}

/// The last task that the application waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub id: String,
    pub since: OffsetDateTime,
    pub deadline: OffsetDateTime,
}

/// When an application was submitted and when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifespan {
    pub submitted_at: OffsetDateTime,
    /// `None` while it is open.
    pub end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub at: OffsetDateTime,
    /// Whether it ended with a decision. Other applications were only valued, failed, or were stopped.
    pub is_decision: bool,
}

impl Record {
    pub fn row(&self) -> ApplicationRow {
        ApplicationRow {
            application: self.application.clone(),
            status: self.status,
            loan_to_value: self.loan_to_value,
            waiting: self.waiting(),
            submitted_at: self.submitted_at,
            submitted_by: self.submitted_by.clone(),
            updated_at: self.updated_at,
            execution_arn: self.execution_arn.clone(),
            valuation: self.valuation(),
            decided_at: self.decided_at,
            remark: self.remark.clone(),
            policy: self.policy,
        }
    }

    fn valuation(&self) -> Option<Valuation> {
        let (taken, at) = self.taken()?;
        valuation::read(taken, at)
    }

    /// Whether the valuation that the workflow used is one by staff.
    pub fn is_valued_manually(&self) -> bool {
        self.valuation().is_some_and(|valuation| matches!(valuation.source, ValuationSource::Manual { .. }))
    }

    /// The valuation that the workflow used, and when.
    pub fn taken(&self) -> Option<(&Value, OffsetDateTime)> {
        Some((self.valuation.as_ref()?, self.decided_at.unwrap_or(self.updated_at)))
    }

    pub fn lifespan(&self) -> Lifespan {
        // Without `decidedAt`, the last change is the end.
        let at = self.decided_at.unwrap_or(self.updated_at);
        let end = (!self.status.is_open()).then(|| End { at, is_decision: self.status.is_decision() });
        Lifespan { submitted_at: self.submitted_at, end }
    }

    pub fn waiting(&self) -> Option<WaitingItem> {
        let kind = TaskKind::of_status(self.status)?;
        let pause = self.pause.as_ref()?;
        Some(WaitingItem {
            id: pause.id.clone(),
            kind,
            application_reference: self.application.application_reference.clone(),
            applicant: self.application.applicant.clone().map(String::from),
            property: self.application.property.to_string(),
            since: pause.since,
            deadline: pause.deadline,
            reason: None,
        })
    }
}

pub fn read(item: &Item) -> Result<Record, AwsError> {
    let pause = match item.text("waitingId") {
        None => None,
        Some(id) => {
            Some(Pause { id: id.to_owned(), since: item.time("waitingSince")?, deadline: item.time("waitingUntil")? })
        }
    };
    Ok(Record {
        application: item.require_json("application")?,
        status: status(item)?,
        submitted_at: item.time("submittedAt")?,
        submitted_by: item.text("submittedBy").map(str::to_owned),
        updated_at: item.time("updatedAt")?,
        execution_arn: item.require("executionArn")?.to_owned(),
        pause,
        loan_to_value: item.number("loanToValue"),
        remark: item.text("remark").map(str::to_owned),
        valuation: item.json("valuation")?,
        decided_at: item.optional_time("decidedAt")?,
        policy: match (item.number("approveUpTo"), item.number("referUpTo")) {
            (Some(approve_up_to), Some(refer_up_to)) => Some(Policy { approve_up_to, refer_up_to }),
            _ => None,
        },
        other_references: item.get(OTHER_REFERENCES).and_then(|set| set.as_ss().ok()).cloned().unwrap_or_default(),
    })
}

fn status(item: &Item) -> Result<ApplicationStatus, AwsError> {
    ApplicationStatus::from_key(item.require("status")?).ok_or_else(|| AwsError::corrupt("attribute status"))
}
