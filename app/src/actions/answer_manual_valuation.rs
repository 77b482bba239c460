//! Answers a manual valuation, which resumes its workflow.

use leptos::prelude::*;

use super::{cannot_remember, whole_form};
use crate::{
    desk::{Actor, Desk, DeskError, Person},
    domain::{ApplicationReference, ManualValuationAnswer, TaskKind, WaitingOn, uk_today},
    forms::{Draft, FieldError, Intent, ManualValuationForm},
    request,
    session::{Link, Notice, VisitorSession},
    time_words,
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

/// The name of the draft of this manual valuation in the session.
pub fn draft_name(id: &str) -> String {
    format!("manual-valuation:{id}")
}

/// The name of the draft in the browser, which must not put a half-typed answer into the form of a correction.
pub fn browser_draft_name(id: &str, is_correction: bool) -> String {
    if is_correction { format!("manual-valuation:{id}:correction") } else { draft_name(id) }
}

/// An answer that was recorded, and the page to go on with.
struct Recorded {
    notice: Notice,
    page: String,
}

/// Records the answer or its correction. The list of errors is empty for a value that must be confirmed first.
async fn record(id: &str, form: &ManualValuationForm, session: &VisitorSession) -> Result<Recorded, Vec<FieldError>> {
    let wrong = |error: DeskError| match error {
        // The page shows what is unusual beside the button that confirms it.
        DeskError::Unconfirmed(_) => Vec::new(),
        error => whole_form(&error),
    };
    let (desk, _) = request::desk_and_actor().await.map_err(wrong)?;
    let given = Given::read(form)?;
    let confirmed = form.confirmed_value();
    // The value has changed since the question. Pressing its button again does not answer for another value.
    if confirmed.is_some_and(|confirmed| Some(confirmed) != form.valid_value()) {
        return Err(Vec::new());
    }
    let Given { by, answer, correction } = given;
    session.remember_name(by.name()).await.map_err(wrong)?;
    let (reference, what) = match correction {
        None => {
            let reference = desk.answer_manual_valuation(&by, id, answer.clone(), confirmed).await.map_err(wrong)?;
            let what = recorded(&reference, &answer);
            (reference, what)
        }
        Some(why) => {
            let corrected = desk.correct_manual_valuation(&by, id, answer.clone(), why, confirmed);
            let reference = corrected.await.map_err(wrong)?;
            let what = format!("Answer for {reference} corrected.");
            (reference, what)
        }
    };
    let by = by.into();
    let next = next_item(desk.as_ref(), &by, id).await;
    let (mut text, mut links) = (format!("{what} Its workflow continues."), Vec::new());
    if let Some(time) = desk.about().correction_time
        && let Some(page) = TaskKind::ManualValuation.page()
    {
        let time = time_words::spelled_out(time);
        text = format!("{what} Its workflow continues in {time}; until then, the answer can be corrected.");
        links.push(Link { href: page.address(id), text: format!("Correct {reference}") });
    }
    let sent = Some(browser_draft_name(id, form.is_correction()));
    Ok(match next {
        Some(next) if form.goes_on_to_next() => Recorded { notice: Notice { text, links, sent }, page: next.href },
        None if form.goes_on_to_next() => {
            let text = format!("{text} Nothing else is waiting for staff.");
            Recorded { notice: Notice { text, links, sent }, page: "/waiting".to_owned() }
        }
        next => {
            links.extend(next);
            Recorded { notice: Notice { text, links, sent }, page: "/waiting".to_owned() }
        }
    })
}

/// What a person says with the form.
struct Given {
    by: Person,
    answer: ManualValuationAnswer,
    /// Why it replaces the recorded answer, if it is a correction.
    correction: Option<String>,
}

impl Given {
    fn read(form: &ManualValuationForm) -> Result<Self, Vec<FieldError>> {
        let today = uk_today();
        if form.is_correction() {
            let (by, answer, why) = form.read_correction(today)?;
            Ok(Self { by, answer, correction: Some(why) })
        } else {
            let (by, answer) = form.read(today)?;
            Ok(Self { by, answer, correction: None })
        }
    }
}

fn recorded(reference: &ApplicationReference, answer: &ManualValuationAnswer) -> String {
    match answer {
        ManualValuationAnswer::Value { value, .. } => format!("Valuation of {value} recorded for {reference}."),
        ManualValuationAnswer::CannotValue { .. } => {
            format!("Recorded that the property of {reference} cannot be valued.")
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
