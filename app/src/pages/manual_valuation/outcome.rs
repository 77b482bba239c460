//! What became of a manual valuation that is no longer open.

use std::time::Duration;

use leptos::prelude::*;

use crate::{
    components::{Fact, Facts, Glyph, Icon, TimeStyle, When},
    desk::{ManualValuationState, ManualValuationView},
    domain::{ManualValuationAnswer, day_in_words},
    forms::ManualValuationForm,
};

/// The outcome of a manual valuation that is no longer open.
#[component]
pub fn OutcomeNotice(
    valuation: ManualValuationView,
    /// How long answers can be corrected before they are sent.
    correction_time: Option<Duration>,
) -> impl IntoView {
    let reference = valuation.application.application_reference.to_string();
    // A form for a correction stays open until the answer is final.
    let is_final = !matches!(valuation.state, ManualValuationState::Sending { .. });
    let (tone, glyph, news, sentence) = match valuation.state {
        ManualValuationState::Open => return ().into_any(),
        ManualValuationState::Sending { by, at, .. } => {
            let news = format!("{by} answered this");
            let until = correction_time.map(|time| at + time);
            let sentence = view! {
                {news.clone()} " on " <When at style=TimeStyle::Minute/>
                ". The workflow has not taken the answer yet, so it can still be corrected"
                {until.map(|at| view! { " until " <When at style=TimeStyle::Second/> })} "."
            };
            ("notice tone-waiting", Glyph::Clock, news, sentence.into_any())
        }
        ManualValuationState::Answered { by, at, .. } => {
            let news = format!("{by} answered this");
            let sentence = view! {
                {news.clone()} " on " <When at style=TimeStyle::Minute/>
                ", and the workflow has gone on with this answer. There is nothing left to do here. If the answer is wrong,                  submit a new application: a new valuation for this one is not possible yet."
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
        <div id="outcome-notice" class=tone data-final=is_final data-version=format!("{news} {is_final}") data-news=news>
            <Icon glyph/>
            <p>{sentence}</p>
            <a class="notice-next" href=format!("/applications/{reference}")>"See " {reference.clone()}</a>
        </div>
    }
    .into_any()
}

#[component]
pub fn TheAnswer(answer: ManualValuationAnswer) -> impl IntoView {
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
pub fn Unused(form: ManualValuationForm) -> impl IntoView {
    let typed = [form.value, form.valued_on, form.basis, form.comment, form.reason];
    let typed = typed.into_iter().filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join(" · ");
    view! {
        <div class="notice tone-waiting" role="alert">
            <Icon glyph=Glyph::Info/>
            <p>"Your answer came after that and was not used. You had typed: " {typed}</p>
        </div>
    }
}
