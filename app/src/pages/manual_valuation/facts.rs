//! The left half of the page: the facts.

use leptos::prelude::*;

use super::FORM;
use crate::{
    components::{Deadline, Fact, Facts, StoryList, TimeStyle, When, money},
    desk::{LateAnswer, ManualValuationState, ManualValuationView, PreviousValuation},
    domain::{KnownSource, Money, ValuationSource},
    forms::LATE_ANSWER_COMMENT,
};

/// What a valuer needs to know: the property, why a person is asked, and the values that are known already.
#[component]
pub fn WhatAValuerNeeds(valuation: ManualValuationView) -> impl IntoView {
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
                <Fact term="Estimated value">
                    <Known value=application.estimated_value source=KnownSource::Estimate/>
                </Fact>
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
            // Late answers may arrive while the page is open.
            <div data-live="late-answers"><LateAnswers answers=valuation.late_answers open/></div>
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
                <strong><Known value=Some(valuation.value) source=KnownSource::EarlierValuation/></strong> " by " {by} ", " <When at=valuation.at style=TimeStyle::Minute/> ", for "
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

/// An amount that a typed value is compared with, by the server and in the browser.
#[component]
fn Known(value: Option<Money>, source: KnownSource) -> impl IntoView {
    match value {
        Some(value) => {
            view! { <span data-known=value.pence() data-known-as=source.key()>{value.to_string()}</span> }.into_any()
        }
        None => money(None).into_any(),
    }
}

/// The values that the valuation service gave too late, each with a button that puts it into the form.
#[component]
fn LateAnswers(answers: Vec<LateAnswer>, open: bool) -> impl IntoView {
    (!answers.is_empty()).then(|| {
        let items = answers.into_iter().map(|LateAnswer { value, at }| {
            let text = value.to_string();
            let use_it = open.then(|| {
                view! {
                    <button
                        class="button secondary small"
                        type="submit"
                        form=FORM
                        name="use_value"
                        value=value.decimal()
                        data-use=text.trim_start_matches('£').to_owned()
                        data-comment=LATE_ANSWER_COMMENT
                    >
                        {format!("Use {text}")}
                    </button>
                }
            });
            view! {
                <li class="late-answer">
                    <p>
                        <strong><Known value=Some(value) source=KnownSource::LateAnswer/></strong>
                        " from the valuation service, " <When at style=TimeStyle::Minute/>
                    </p>
                    {use_it}
                </li>
            }
        });
        view! {
            <h2>"Late answers"</h2>
            <ul class="previous">{items.collect_view()}</ul>
        }
        .into_any()
    })
}
