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
    desk::{DeskError, ManualValuationState, ManualValuationView},
    domain::ValueAlert,
    forms::{Draft, ManualValuationForm, Outcome},
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
            Ok((valuation, desk.about().value_alert))
        };
        let valuation = valuation.await;
        let kept = session.take_draft::<ManualValuationForm>(&draft_name(&id)).await;
        let is_sent = kept.is_some();
        let mut draft = kept.unwrap_or_default();
        if draft.typed.outcome.is_empty() && draft.errors.is_empty() {
            draft.typed.outcome = Outcome::Value.key().to_owned();
        }
        if draft.typed.name.is_empty() {
            draft.typed.name = session.name().await.unwrap_or_default();
        }
        or_problem(valuation.map(|(valuation, alert)| view! { <Valuation valuation alert draft is_sent/> }.into_any()))
    })
}

#[component]
fn Valuation(
    valuation: ManualValuationView,
    alert: ValueAlert,
    draft: Draft<ManualValuationForm>,
    /// Whether the person has sent the form and sees it again.
    is_sent: bool,
) -> impl IntoView {
    let is_open = valuation.state == ManualValuationState::Open;
    let title = format!("Manual valuation for {}", valuation.application.application_reference);
    let errors = if is_open { draft.errors.clone() } else { Vec::new() };
    // An answer that was kept is already shown on the page.
    let is_kept = matches!(&valuation.state, ManualValuationState::TooLate { by, .. } | ManualValuationState::NotUsed { by, .. } if *by == draft.typed.name.trim());
    let unused = (!is_open && !is_kept && is_sent).then(|| draft.typed.clone());
    let document_title = if errors.is_empty() { title.clone() } else { format!("Error: {title}") };
    let right = match valuation.state.clone() {
        ManualValuationState::Open => {
            let judgement = Judgement {
                loan: valuation.application.loan_amount,
                policy: valuation.policy,
                alert,
                known: valuation.known_values(),
            };
            view! { <AnswerForm id=valuation.item.id.clone() draft judgement is_sent/> }.into_any()
        }
        ManualValuationState::Answered { answer, .. }
        | ManualValuationState::TooLate { answer, .. }
        | ManualValuationState::NotUsed { answer, .. } => view! { <TheAnswer answer/> }.into_any(),
        ManualValuationState::Lapsed | ManualValuationState::Abandoned => ().into_any(),
    };
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
        <div data-live="outcome" data-shows=valuation.item.application_reference.to_string()><OutcomeNotice valuation=valuation.clone()/></div>
        {unused.map(|form| view! { <Unused form/> })}
        <div class="facts-and-form">
            <WhatAValuerNeeds valuation/>
            {right}
        </div>
    }
    .into_any()
}
