//! `/manual-valuations/{id}`: a person enters a value, or the reason why the property cannot be valued.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::problem::or_problem;
use crate::{
    actions::draft_name,
    components::{
        Choice, Deadline, ErrorSummary, Fact, Facts, Glyph, Icon, Radios, StoryList, TextArea, TextField, TimeStyle,
        When, money,
    },
    desk::{DeskError, ManualValuationState, ManualValuationView, PreviousValuation},
    domain::{ManualValuationAnswer, ValuationBasis, ValuationSource, day_in_words, iso_day, uk_today},
    forms::{Draft, ManualValuationForm, Outcome},
    request,
    session::VisitorSession,
};

#[component]
pub fn ManualValuationPage() -> impl IntoView {
    let id = use_params_map().get_untracked().get("id").unwrap_or_default();
    let asked = request::desk_and_actor();
    let session = VisitorSession::current();
    Suspend::new(async move {
        let valuation = async {
            let (desk, by) = asked.await?;
            desk.manual_valuation(&by, &id).await?.ok_or(DeskError::NotFound)
        };
        let valuation = valuation.await;
        let mut draft = session.take_draft::<ManualValuationForm>(&draft_name(&id)).await.unwrap_or_default();
        if draft.typed.outcome.is_empty() && draft.errors.is_empty() {
            draft.typed.outcome = Outcome::Value.key().to_owned();
        }
        if draft.typed.name.is_empty() {
            draft.typed.name = session.name().await.unwrap_or_default();
        }
        or_problem(valuation.map(|valuation| view! { <Valuation valuation draft/> }.into_any()))
    })
}

#[component]
fn Valuation(valuation: ManualValuationView, draft: Draft<ManualValuationForm>) -> impl IntoView {
    let is_open = valuation.state == ManualValuationState::Open;
    let title = format!("Manual valuation for {}", valuation.application.application_reference);
    let errors = if is_open { draft.errors.clone() } else { Vec::new() };
    // An answer that was kept is already shown on the page.
    let is_kept = matches!(&valuation.state, ManualValuationState::TooLate { by, .. } | ManualValuationState::NotUsed { by, .. } if *by == draft.typed.name.trim());
    let unused = (!is_open && !is_kept && !draft.errors.is_empty()).then(|| draft.typed.clone());
    let document_title = if errors.is_empty() { title.clone() } else { format!("Error: {title}") };
    let right = match valuation.state.clone() {
        ManualValuationState::Open => view! { <AnswerForm id=valuation.item.id.clone() draft/> }.into_any(),
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

/// The outcome of a manual valuation that is no longer open.
#[component]
fn OutcomeNotice(valuation: ManualValuationView) -> impl IntoView {
    let reference = valuation.application.application_reference.to_string();
    let (tone, glyph, news, sentence) = match valuation.state {
        ManualValuationState::Open => return ().into_any(),
        ManualValuationState::Answered { by, at, .. } => {
            let news = format!("{by} answered this");
            let sentence = view! {
                {news.clone()} " on " <When at style=TimeStyle::Minute/> ". There is nothing left to do here."
            };
            ("notice tone-neutral", Glyph::Check, news, sentence.into_any())
        }
        ManualValuationState::Lapsed => {
            let sentence = view! {
                "The deadline for this answer has passed: it was due on "
                <When at=valuation.item.deadline style=TimeStyle::Minute/>
                ". The application continued without a value."
            };
            ("notice tone-bad", Glyph::Alert, "The deadline for this answer has passed".to_owned(), sentence.into_any())
        }
        ManualValuationState::TooLate { by, at, .. } => {
            let news = format!("{by}’s answer came too late");
            let sentence = view! {
                {news.clone()} ": it was given on " <When at style=TimeStyle::Minute/> ", and was due on "
                <When at=valuation.item.deadline style=TimeStyle::Minute/>
                ". It is kept here, but the application continued without it."
            };
            ("notice tone-bad", Glyph::Alert, news, sentence.into_any())
        }
        ManualValuationState::NotUsed { by, at, .. } => {
            let news = format!("{by}’s answer was not used");
            let sentence = view! {
                {news.clone()} ": it was given on " <When at style=TimeStyle::Minute/>
                ", when the workflow was no longer waiting for it. It is kept here."
            };
            ("notice tone-bad", Glyph::Alert, news, sentence.into_any())
        }
        ManualValuationState::Abandoned => {
            let news = "This answer is no longer needed".to_owned();
            let sentence = format!("{news}: the workflow was stopped, continued without it, or asked again.");
            ("notice tone-neutral", Glyph::Alert, news, sentence.into_any())
        }
    };
    view! {
        <div id="outcome-notice" class=tone data-version=news.clone() data-news=news>
            <Icon glyph/>
            <p>{sentence}</p>
            <a class="notice-next" href=format!("/applications/{reference}")>"See " {reference.clone()}</a>
        </div>
    }
    .into_any()
}

#[component]
fn WhatAValuerNeeds(valuation: ManualValuationView) -> impl IntoView {
    let application = valuation.application;
    let reference = application.application_reference.to_string();
    let previous = (!valuation.previous.is_empty()).then(|| view! { <Previous valuations=valuation.previous/> });
    let open = valuation.state == ManualValuationState::Open;
    view! {
        <section class="panel" aria-labelledby="facts">
            <h2 id="facts">"The property"</h2>
            <Facts>
                <Fact term="Name or number">{application.property.name_or_number.to_string()}</Fact>
                <Fact term="Postcode">{application.property.postcode.to_string()}</Fact>
                <Fact term="Estimated value">{money(application.estimated_value)}</Fact>
                <Fact term="Loan amount">{money(application.loan_amount)}</Fact>
                <Fact term="Applicant">{application.applicant.map_or_else(|| "–".to_owned(), String::from)}</Fact>
                <Fact term="Application"><a href=format!("/applications/{reference}")>{reference.clone()}</a></Fact>
            </Facts>
            <h2>"Reason"</h2>
            <p>{valuation.reason}</p>
            <Facts>
                <Fact term="Waiting since"><When at=valuation.item.since style=TimeStyle::Minute/></Fact>
                {open.then(|| view! { <Fact term="Due"><Deadline item=valuation.item.clone()/></Fact> })}
            </Facts>
            {previous}
            <details class="so-far" open>
                <summary>"What happened so far"</summary>
                <StoryList entries=valuation.story/>
            </details>
        </section>
    }
}

/// Earlier valuations of this property.
#[component]
fn Previous(valuations: Vec<PreviousValuation>) -> impl IntoView {
    let rows = valuations.into_iter().map(|PreviousValuation { application_reference, valuation }| {
        let by = match valuation.source {
            ValuationSource::Service { .. } => "the valuation service".to_owned(),
            ValuationSource::Manual { name, .. } => name,
        };
        let reference = application_reference.to_string();
        view! {
            <li>
                <strong>{valuation.value.to_string()}</strong> " by " {by} ", " <When at=valuation.at style=TimeStyle::Minute/> ", for "
                <a href=format!("/applications/{reference}")>{reference.clone()}</a>
            </li>
        }
    });
    view! {
        <h2>"Valued before"</h2>
        <ul class="previous">{rows.collect_view()}</ul>
    }
    .into_any()
}

#[component]
fn AnswerForm(id: String, draft: Draft<ManualValuationForm>) -> impl IntoView {
    let error = |field: &str| draft.error(field);
    let typed = draft.typed.clone();
    let today = uk_today();
    let valued_on = if typed.valued_on.is_empty() { iso_day(today) } else { typed.valued_on };
    let bases = ValuationBasis::ALL.map(|basis| Choice { key: basis.key(), label: basis.to_string() }).to_vec();
    let outcomes = vec![
        Choice { key: Outcome::Value.key(), label: "Yes, here is the value".to_owned() },
        Choice { key: Outcome::CannotValue.key(), label: "No, it can't be valued".to_owned() },
    ];
    view! {
        <form
            id="manual-valuation"
            class="form"
            action="/desk/answer-manual-valuation"
            method="post"
            novalidate
            data-closed-by="#outcome-notice"
        >
            <input type="hidden" name="id" value=id/>
            <Radios
                name="outcome"
                legend="Can you value the property?"
                choices=outcomes
                chosen=typed.outcome
                error=error("outcome")
            />
            <div class="when-value">
                <TextField
                    name="value"
                    label="Value"
                    prefix="£"
                    inputmode="decimal"
                    width="medium"
                    value=typed.value
                    error=error("value")
                />
                <TextField
                    name="valued_on"
                    label="Date of the valuation"
                    kind="date"
                    width="medium"
                    max=iso_day(today)
                    value=valued_on
                    error=error("valued_on")
                />
                <Radios name="basis" legend="Based on" choices=bases chosen=typed.basis error=error("basis")/>
                <TextArea name="comment" label="Comment" is_optional=true value=typed.comment error=error("comment")/>
            </div>
            <div class="when-cannot-value">
                <TextArea
                    name="reason"
                    label="Why can't it be valued?"
                    hint="The application is declined with this reason"
                    value=typed.reason
                    error=error("reason")
                />
            </div>
            <TextField
                name="name"
                label="Your name"
                hint="Your answer is recorded under this name"
                autocomplete="name"
                value=typed.name
                error=error("name")
            />
            <button class="button" type="submit">"Record answer"</button>
            <p class="when-closed">"This form is closed. What you typed was not sent, but you can still read it here."</p>
        </form>
    }
    .into_any()
}

#[component]
fn TheAnswer(answer: ManualValuationAnswer) -> impl IntoView {
    let facts = match answer {
        ManualValuationAnswer::Value { value, valued_on, basis, comment } => view! {
            <Facts>
                <Fact term="Value">{value.to_string()}</Fact>
                <Fact term="Date">{day_in_words(valued_on)}</Fact>
                <Fact term="Based on">{basis.to_string()}</Fact>
                <Fact term="Comment">{if comment.is_empty() { "–".to_owned() } else { comment }}</Fact>
            </Facts>
        }
        .into_any(),
        ManualValuationAnswer::CannotValue { reason } => {
            view! { <Facts><Fact term="Can't be valued">{reason}</Fact></Facts> }.into_any()
        }
    };
    view! {
        <section class="panel" aria-labelledby="answer">
            <h2 id="answer">"The answer"</h2>
            {facts}
        </section>
    }
}

/// The answer of a person who was too late, because somebody else answered first or the deadline passed.
#[component]
fn Unused(form: ManualValuationForm) -> impl IntoView {
    let typed = [form.value, form.valued_on, form.basis, form.comment, form.reason];
    let typed = typed.into_iter().filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join(" · ");
    view! {
        <div class="notice tone-waiting" role="alert">
            <Icon glyph=Glyph::Info/>
            <p>"Your answer came after that and was not used. You had typed: " {typed}</p>
        </div>
    }
}
