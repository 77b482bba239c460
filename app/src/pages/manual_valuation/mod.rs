//! `/manual-valuations/{id}`: a person enters a value, or the reason why the property cannot be valued.

mod facts;
mod form;
mod outcome;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use self::{
    facts::WhatAValuerNeeds,
    form::{AnswerForm, Judgement},
    outcome::{OutcomeNotice, TheAnswer, Unused},
};
use super::problem::or_problem;
use crate::{
    actions::draft_name,
    components::{ErrorSummary, NoticeBanner},
    desk::{About, DeskError, ManualValuationState, ManualValuationView},
    domain::uk_today,
    forms::{Draft, ManualValuationForm},
    request,
    session::VisitorSession,
};

/// The `id` of the form, which buttons elsewhere on the page submit too.
const FORM: &str = "manual-valuation";

#[component]
pub fn ManualValuationPage() -> impl IntoView {
    let id = use_params_map().get_untracked().get("id").unwrap_or_default();
    let asked = request::desk_and_actor();
    let session = VisitorSession::current();
    Suspend::new(async move {
        let valuation = async {
            let (desk, by) = asked.await?;
            let valuation = desk.manual_valuation(&by, &id).await?.ok_or(DeskError::NotFound)?;
            Ok((valuation, desk.about()))
        };
        let valuation = valuation.await;
        let kept = session.take_draft::<ManualValuationForm>(&draft_name(&id)).await;
        let name = session.name().await.unwrap_or_default();
        or_problem(valuation.map(|(valuation, about)| view! { <Valuation valuation about kept name/> }.into_any()))
    })
}

#[component]
fn Valuation(
    valuation: ManualValuationView,
    about: About,
    /// The form that the person has sent and sees again.
    kept: Option<Draft<ManualValuationForm>>,
    /// The name that the person last gave.
    name: String,
) -> impl IntoView {
    let title = format!("Manual valuation for {}", valuation.application.application_reference);
    let judgement = Judgement {
        loan: valuation.application.loan_amount,
        policy: valuation.policy,
        alert: about.value_alert,
        known: valuation.known_values(),
    };
    let id = valuation.item.id.clone();
    let (right, shown, unused) = match (&valuation.state, kept) {
        (ManualValuationState::Open, kept) => {
            let is_sent = kept.is_some();
            let draft = with_name(kept.unwrap_or_else(|| Draft::of(ManualValuationForm::blank())), name);
            let errors = draft.errors.clone();
            (view! { <AnswerForm id draft judgement is_sent/> }.into_any(), errors, None)
        }
        (ManualValuationState::Sending { answer, .. }, kept) => {
            let (mine, other) = match kept {
                Some(draft) if draft.typed.is_correction() => (Some(draft), None),
                other => (None, other),
            };
            let is_sent = mine.is_some();
            let draft = with_name(mine.unwrap_or_else(|| Draft::of(ManualValuationForm::of(answer))), name);
            let errors = draft.errors.clone();
            let right = view! {
                <div>
                    <TheAnswer answer=answer.clone()/>
                    <AnswerForm id draft judgement is_sent is_correction=true/>
                </div>
            };
            (right.into_any(), errors, other)
        }
        (
            ManualValuationState::Answered { answer, .. }
            | ManualValuationState::TooLate { answer, .. }
            | ManualValuationState::NotUsed { answer, .. },
            kept,
        ) => (view! { <TheAnswer answer=answer.clone()/> }.into_any(), Vec::new(), kept),
        (ManualValuationState::Lapsed | ManualValuationState::Abandoned, kept) => (().into_any(), Vec::new(), kept),
    };
    // An answer that was kept is already shown on the page.
    let unused = unused.map(|draft| draft.typed).filter(|form| !is_recorded(&valuation.state, form));
    let document_title = if shown.is_empty() { title.clone() } else { format!("Error: {title}") };
    let errors = shown;
    let correction_time = about.correction_time;
    view! {
        <Title text=document_title/>
        <div class="column"><ErrorSummary errors/></div>
        <div class="page-head">
            <div>
                <p class="crumbs"><a href="/waiting">"Waiting"</a></p>
                <h1>{title}</h1>
            </div>
        </div>
        // What was done with the item before.
        <NoticeBanner/>
        // If somebody else answers first, this notice appears while the person is still typing.
        <div data-live="outcome" data-shows=valuation.item.application_reference.to_string()><OutcomeNotice valuation=valuation.clone() correction_time/></div>
        {unused.map(|form| view! { <Unused form/> })}
        <div class="facts-and-form">
            <WhatAValuerNeeds valuation/>
            {right}
        </div>
    }
    .into_any()
}

fn with_name(mut draft: Draft<ManualValuationForm>, name: String) -> Draft<ManualValuationForm> {
    // A person who has cleared the field sees it as they sent it.
    if draft.typed.name.is_empty() {
        draft.typed.name = name;
    }
    draft
}

/// Whether the recorded answer is what this form says.
fn is_recorded(state: &ManualValuationState, form: &ManualValuationForm) -> bool {
    match state {
        ManualValuationState::Sending { by, answer, .. }
        | ManualValuationState::Answered { by, answer, .. }
        | ManualValuationState::TooLate { by, answer, .. }
        | ManualValuationState::NotUsed { by, answer, .. } => {
            *by == form.name.trim() && form.read(uk_today()).is_ok_and(|(_, given)| given == *answer)
        }
        ManualValuationState::Open | ManualValuationState::Lapsed | ManualValuationState::Abandoned => false,
    }
}
