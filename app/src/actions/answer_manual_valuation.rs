//! Answers a manual valuation, which resumes its workflow.

use leptos::prelude::*;

use super::{cannot_remember, whole_form};
use crate::{
    desk::{Actor, Desk, DeskError},
    domain::{ManualValuationAnswer, TaskKind, WaitingOn, uk_today},
    forms::{Draft, FieldError, ManualValuationForm},
    request,
    session::{Link, Notice, VisitorSession},
};

#[server(prefix = "/desk", endpoint = "answer-manual-valuation")]
pub async fn answer_manual_valuation(
    #[server(default)] id: String,
    #[server(flatten)] form: ManualValuationForm,
) -> Result<(), ServerFnError> {
    let session = VisitorSession::current();
    match answer(&id, &form, &session).await {
        Ok(notice) => {
            // The answer is recorded, so a notice that cannot be stored is not an error.
            let _ = session.leave_notice(&notice).await;
            request::see_other("/waiting");
        }
        Err(errors) => {
            let draft = Draft { typed: form, errors };
            session.keep_draft(&draft_name(&id), &draft).await.map_err(cannot_remember)?;
            let page = TaskKind::ManualValuation.page().map(|page| page.address(&id));
            request::see_other(page.as_deref().unwrap_or("/waiting"));
        }
    }
    Ok(())
}

/// The key under which the form of a manual valuation is kept in the session.
pub fn draft_name(id: &str) -> String {
    format!("manual-valuation:{id}")
}

async fn answer(id: &str, form: &ManualValuationForm, session: &VisitorSession) -> Result<Notice, Vec<FieldError>> {
    let wrong = |error: DeskError| whole_form(&error);
    let (desk, _) = request::desk_and_actor().await.map_err(wrong)?;
    let (by, answer) = form.read(uk_today())?;
    session.remember_name(by.name()).await.map_err(wrong)?;
    let reference = desk.answer_manual_valuation(&by, id, answer.clone()).await.map_err(wrong)?;
    let text = match &answer {
        ManualValuationAnswer::Value { value, .. } => {
            format!("Valuation of {value} recorded for {reference}. Its workflow continues.")
        }
        ManualValuationAnswer::CannotValue { .. } => {
            format!("Recorded that the property of {reference} cannot be valued. Its workflow continues.")
        }
    };
    Ok(Notice { text, next: next_item(desk.as_ref(), &by.into(), id).await })
}

/// The most urgent task that staff can answer after this one.
async fn next_item(desk: &dyn Desk, by: &Actor, answered: &str) -> Option<Link> {
    // The list may still contain the task that was just answered.
    let waiting = desk.waiting(by, Some(WaitingOn::Staff), None, 2).await.ok()?;
    let next = waiting.items.into_iter().find(|item| item.id != answered)?;
    Some(Link {
        href: next.kind.page()?.address(&next.id),
        text: format!("Next: {}, {}", next.application_reference, next.property),
    })
}
