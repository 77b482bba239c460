//! The pages' port: each of the desk's operations, by the module whose job it is.

use app::{
    desk::{
        About, Actor, ApplicationPage, ApplicationQuery, ApplicationRow, ApplicationView, Desk, DeskError, Figures,
        ManualValuationAnswer, ManualValuationView, PreviousValuation, Submission, Valuation, ValuationSource,
        WaitingCount, WaitingOn, WaitingPage, WorkflowView,
    },
    domain::{ApplicationReference, ApplicationStatus, LoanApplication},
};
use async_trait::async_trait;
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    applications::{Applications, Cursor, Record, SubmitError, Submitted},
    aws::AwsError,
    callbacks::{self, Callbacks},
    clock::Clock,
    figures,
    paused::{Answer, Answered, PausedTask, PausedTasks},
    reconcile::Reconciler,
    story,
    work_items::{self, StaffValuation, WorkItems},
    workflow::Workflows,
};

/// How many earlier valuations of a property are shown.
const PREVIOUS: usize = 5;

pub struct LoanDesk {
    pub clock: Clock,
    pub about: About,
    pub applications: Applications,
    pub paused: PausedTasks,
    pub callbacks: Callbacks,
    pub work_items: WorkItems,
    pub workflows: Workflows,
    pub reconciler: Reconciler,
}

#[async_trait]
impl Desk for LoanDesk {
    fn about(&self) -> About {
        self.about.clone()
    }

    async fn submit(&self, application: LoanApplication, by: Option<Actor>) -> Result<Submission, DeskError> {
        let by = by.as_ref().map(|by| by.name.as_str());
        match self.applications.submit(&application, by).await {
            Ok(Submitted::Now) => Ok(Submission::Started),
            Ok(Submitted::Before) => Ok(Submission::AlreadyThere),
            Err(SubmitError::ReferenceTaken(reference)) => Err(DeskError::ReferenceTaken(reference)),
            Err(SubmitError::Aws(error)) => Err(unavailable(error)),
        }
    }

    async fn applications(&self, query: &ApplicationQuery) -> Result<ApplicationPage, DeskError> {
        // A cursor that is none leads to the first page.
        let after = query.after.as_deref().and_then(|after| Cursor::decode(after).ok());
        let page = self.applications.list(&query.search, query.status, query.sort, after).await;
        let page = page.map_err(unavailable)?;
        Ok(ApplicationPage {
            rows: page.records.iter().map(Record::row).collect(),
            next: page.next.map(|cursor| cursor.encode()),
        })
    }

    async fn application(&self, reference: &ApplicationReference) -> Result<Option<ApplicationView>, DeskError> {
        let (record, tasks, callbacks) = tokio::try_join!(
            self.applications.get(reference),
            self.paused.of_application(reference.as_str()),
            self.callbacks.of_application(reference.as_str()),
        )
        .map_err(unavailable)?;
        Ok(record.map(|record| ApplicationView {
            row: record.row(),
            submitted_by: record.submitted_by.clone(),
            execution_arn: Some(record.execution_arn.clone()),
            valuation: record.taken().and_then(|(taken, at)| valuation(taken, at)),
            remark: record.remark.clone(),
            story: story::tell(&record, &tasks, &callbacks),
        }))
    }

    async fn workflow(&self, reference: &ApplicationReference) -> Result<Option<WorkflowView>, DeskError> {
        let Some(record) = self.applications.get(reference).await.map_err(unavailable)? else { return Ok(None) };
        let Some((view, described)) = self.workflows.view(&record).await.map_err(unavailable)? else {
            return Ok(None);
        };
        // Having asked anyway: an execution that was stopped is seen here first.
        self.reconciler.learn(&record, &described).await.map_err(unavailable)?;
        Ok(Some(view))
    }

    async fn newest(
        &self,
        status: Option<ApplicationStatus>,
        at_most: usize,
    ) -> Result<Vec<ApplicationRow>, DeskError> {
        let (records, _) = self.applications.newest(status, None, at_most).await.map_err(unavailable)?;
        Ok(records.iter().map(Record::row).collect())
    }

    async fn waiting(
        &self,
        on: Option<WaitingOn>,
        after: Option<&str>,
        at_most: usize,
    ) -> Result<WaitingPage, DeskError> {
        let (tasks, next) = self.paused.waiting(on, after, at_most).await.map_err(unavailable)?;
        Ok(WaitingPage { items: tasks.iter().map(PausedTask::waiting_item).collect(), next })
    }

    async fn waiting_count(&self) -> Result<WaitingCount, DeskError> {
        self.paused.waiting_count().await.map_err(unavailable)
    }

    async fn figures(&self) -> Result<Figures, DeskError> {
        let now = self.clock.now();
        let lives = self.applications.lifespans().await.map_err(unavailable)?;
        Ok(figures::count(now, &lives))
    }

    async fn manual_valuation(&self, id: &str) -> Result<Option<ManualValuationView>, DeskError> {
        let Some(task) = self.work_items.get(id).await.map_err(unavailable)? else { return Ok(None) };
        let (application, previous) =
            tokio::try_join!(self.application(&task.application_reference), self.previous_valuations(&task))?;
        let story = application.map(|application| application.story).unwrap_or_default();
        Ok(Some(WorkItems::view(&task, self.about.valuation_timeout, story, previous)))
    }

    async fn answer_manual_valuation(
        &self,
        id: &str,
        answer: ManualValuationAnswer,
        by: Actor,
    ) -> Result<ApplicationReference, DeskError> {
        let task = self.work_items.get(id).await.map_err(unavailable)?.ok_or(DeskError::NotFound)?;
        match self.work_items.answer(&task, &answer, &by.name).await {
            Ok(Answered::Resumed(task)) => Ok(task.application_reference),
            Ok(Answered::Before(task, before)) if before.by.as_ref() == Some(&by.name) && same(&before, &answer) => {
                Ok(task.application_reference)
            }
            Ok(Answered::Before(_, before)) => {
                Err(DeskError::AlreadyAnswered { by: before.by.unwrap_or_default(), at: before.at })
            }
            Ok(Answered::TooLate(_) | Answered::NotYet(_)) => Err(DeskError::TooLate),
            Ok(Answered::NotFound) => Err(DeskError::NotFound),
            Err(error) => Err(unavailable(error)),
        }
    }
}

impl LoanDesk {
    /// What the property of a task was valued at for other applications, newest first.
    async fn previous_valuations(&self, task: &PausedTask) -> Result<Vec<PreviousValuation>, DeskError> {
        let valued = self.applications.valuations_of(&task.application.property).await.map_err(unavailable)?;
        let others = valued.into_iter().filter(|valued| valued.application_reference != task.application_reference);
        let previous = others.filter_map(|valued| {
            let valuation = valuation(&valued.valuation, valued.at)?;
            Some(PreviousValuation { application_reference: valued.application_reference, valuation })
        });
        Ok(previous.take(PREVIOUS).collect())
    }
}

/// Whether a person said the same before.
fn same(before: &Answer, answer: &ManualValuationAnswer) -> bool {
    work_items::read_answer(&before.says).as_ref() == Some(answer)
}

/// Logs what happened; the page says no more than that.
fn unavailable(error: AwsError) -> DeskError {
    tracing::error!(%error, "the desk cannot reach its data");
    DeskError::Unavailable
}

/// What the workflow took as the valuation: how much, by whom.
fn valuation(taken: &Value, at: OffsetDateTime) -> Option<Valuation> {
    let value = callbacks::pounds(&taken["propertyValue"])?;
    let source = match serde_json::from_value::<StaffValuation>(taken.clone()) {
        Ok(staff) => ValuationSource::Staff {
            name: staff.valued_by,
            basis: staff.basis,
            valued_on: staff.valued_on,
            comment: staff.comment,
        },
        Err(_) => ValuationSource::Service {
            valuation_reference: taken["valuationReference"].as_str().unwrap_or_default().to_owned(),
        },
    };
    Some(Valuation { value, source, at })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(taken: Value) -> Option<Valuation> {
        valuation(&taken, time::macros::datetime!(2026-11-22 10:00 UTC))
    }

    #[test]
    fn the_valuers_and_a_persons_valuation_are_told_apart() {
        let service = taken(json!({"valuationReference": "CNMg", "propertyValue": 666000})).unwrap();
        assert_eq!(service.source, ValuationSource::Service { valuation_reference: "CNMg".into() });
        assert_eq!(service.value.to_string(), "£666,000");
        let staff = taken(json!({
            "valuationReference": null, "propertyValue": "250000.50", "valuedBy": "Ada", "basis": "desktop",
            "valuedOn": "2026-11-22", "comment": "",
        }));
        assert!(matches!(staff.unwrap().source, ValuationSource::Staff { name, .. } if name == "Ada"));
    }
}
