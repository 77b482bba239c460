//! Manual valuations.

use app::{
    desk::{
        Actor, ApplicationOperations, DeskError, ManualValuationOperations, ManualValuationView, Person,
        PreviousValuation,
    },
    domain::{ApplicationReference, ManualValuationAnswer},
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};
use crate::{
    applications::Record,
    tasks::{self, PausedTask},
};

/// The number of earlier valuations of a property that are shown.
const PREVIOUS: usize = 5;

#[async_trait]
impl ManualValuationOperations for LoanDesk {
    async fn manual_valuation(&self, by: &Actor, id: &str) -> Result<Option<ManualValuationView>, DeskError> {
        let Some(task) = self.staff.get::<ManualValuationAnswer>(id).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let (application, previous) = tokio::try_join!(
            self.application_with_story(by, &task.application_reference),
            self.previous_valuations(&task)
        )?;
        Ok(Some(ManualValuationView {
            item: task.waiting_item(),
            application: task.application.clone(),
            reason: tasks::manual_valuation_reason(task.failure.as_ref()),
            story: application.map(|application| application.story).unwrap_or_default(),
            previous,
            state: tasks::state(&task),
        }))
    }

    async fn answer_manual_valuation(
        &self,
        by: &Person,
        id: &str,
        answer: ManualValuationAnswer,
    ) -> Result<ApplicationReference, DeskError> {
        self.answer(by, id, &answer).await
    }
}

impl LoanDesk {
    /// What the property of a task was valued at for other applications, newest first.
    async fn previous_valuations(&self, task: &PausedTask) -> Result<Vec<PreviousValuation>, DeskError> {
        let valued = self.read_model.valued(&task.application.property).await.map_err(unavailable)?;
        let rows = valued.iter().map(Record::row);
        let others = rows.filter(|row| row.application.application_reference != task.application_reference);
        let previous = others.filter_map(|row| {
            let application_reference = row.application.application_reference;
            Some(PreviousValuation { application_reference, valuation: row.valuation? })
        });
        Ok(previous.take(PREVIOUS).collect())
    }
}
