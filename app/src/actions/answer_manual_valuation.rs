//! Answers a manual valuation, which resumes its workflow.

use leptos::prelude::*;

use super::{cannot_remember, whole_form};
use crate::{
    desk::{Actor, Desk, DeskError},
    domain::{ApplicationReference, ManualValuationAnswer, TaskKind, WaitingOn, uk_today},
    forms::{Draft, FieldError, Intent, ManualValuationForm},
    request,
    session::{Link, Notice, VisitorSession},
};

#[server(prefix = "/desk", endpoint = "answer-manual-valuation")]
pub async fn answer_manual_valuation(
    #[server(default)] id: String,
    #[server(flatten)] form: ManualValuationForm,
) -> Result<(), ServerFnError> {
    let session = VisitorSession::current();
    let draft = match form.intent() {
        Intent::Use(value) => Draft { typed: form.with_late_answer(value), errors: Vec::new() },
        Intent::Check => {
            let errors = form.check().err().unwrap_or_default();
            Draft { typed: form, errors }
        }
        Intent::Record => match record(&id, &form, &session).await {
            Ok(Recorded { notice, page }) => {
                // The answer is recorded, so a notice that cannot be stored is not an error.
                let _ = session.leave_notice(&notice).await;
                request::see_other(&page);
                return Ok(());
            }
            Err(errors) => Draft { typed: form, errors },
        },
    };
    session.keep_draft(&draft_name(&id), &draft).await.map_err(cannot_remember)?;
    let page = TaskKind::ManualValuation.page().map(|page| page.address(&id));
    request::see_other(page.as_deref().unwrap_or("/waiting"));
    Ok(())
}

/// The name of the draft of this manual valuation, in the session and in the browser.
pub fn draft_name(id: &str) -> String {
    format!("manual-valuation:{id}")
}

/// An answer that was recorded, and the page to go on with.
struct Recorded {
    notice: Notice,
    page: String,
}

/// Records the answer. The list of errors is empty for a value that must be confirmed first.
async fn record(id: &str, form: &ManualValuationForm, session: &VisitorSession) -> Result<Recorded, Vec<FieldError>> {
    let wrong = |error: DeskError| match error {
        // The page shows what is unusual beside the button that confirms it.
        DeskError::Unconfirmed(_) => Vec::new(),
        error => whole_form(&error),
    };
    let (desk, _) = request::desk_and_actor().await.map_err(wrong)?;
    let (by, answer) = form.read(uk_today())?;
    // The value has changed since the question. Pressing its button again does not answer for another value.
    if form.confirmed_value().is_some_and(|confirmed| Some(confirmed) != form.valid_value()) {
        return Err(Vec::new());
    }
    session.remember_name(by.name()).await.map_err(wrong)?;
    let confirmed = form.confirmed_value();
    let reference = desk.answer_manual_valuation(&by, id, answer.clone(), confirmed).await.map_err(wrong)?;
    let (text, sent) = (confirmation(&reference, &answer), Some(draft_name(id)));
    let next = next_item(desk.as_ref(), &by.into(), id).await;
    Ok(match next {
        Some(next) if form.goes_on_to_next() => Recorded { notice: Notice { text, next: None, sent }, page: next.href },
        None if form.goes_on_to_next() => {
            let text = format!("{text} Nothing else is waiting for staff.");
            Recorded { notice: Notice { text, next: None, sent }, page: "/waiting".to_owned() }
        }
        next => Recorded { notice: Notice { text, next, sent }, page: "/waiting".to_owned() },
    })
}

fn confirmation(reference: &ApplicationReference, answer: &ManualValuationAnswer) -> String {
    match answer {
        ManualValuationAnswer::Value { value, .. } => {
            format!("Valuation of {value} recorded for {reference}. Its workflow continues.")
        }
        ManualValuationAnswer::CannotValue { .. } => {
            format!("Recorded that the property of {reference} cannot be valued. Its workflow continues.")
        }
    }
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
