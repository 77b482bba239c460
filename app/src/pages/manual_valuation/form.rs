//! The right half of the page: the form, and what its value would lead to.

use leptos::prelude::*;

use super::FORM;
use crate::{
    actions::browser_draft_name,
    components::{Choice, Glyph, Icon, LoanToValueGauge, NotSent, Radios, RestoredDraft, TextArea, TextField},
    domain::{
        KnownValue, Money, Policy, Unusual, ValuationBasis, ValueAlert, iso_day, loan_to_value, oldest_valuation_day,
        uk_today,
    },
    forms::{Draft, ManualValuationForm, Outcome},
};

/// What a value is judged by: the loan, the policy, and what is known about the property.
#[derive(Clone)]
pub struct Judgement {
    pub loan: Option<Money>,
    pub policy: Policy,
    pub alert: ValueAlert,
    pub known: Vec<KnownValue>,
}

#[component]
pub fn AnswerForm(
    id: String,
    draft: Draft<ManualValuationForm>,
    judgement: Judgement,
    /// Whether the person has sent the form and sees it again.
    is_sent: bool,
    /// Whether the form corrects the recorded answer.
    #[prop(optional)]
    is_correction: bool,
) -> impl IntoView {
    let value = draft.typed.valid_value();
    let draft_in_browser = browser_draft_name(&id, is_correction);
    let unusual = value.and_then(|value| judgement.alert.question(value, judgement.known.iter().copied()));
    view! {
        <form
            id=FORM
            class="form"
            action="/desk/answer-manual-valuation"
            method="post"
            novalidate
            data-closed-by=if is_correction { "#outcome-notice[data-final]" } else { "#outcome-notice" }
            data-draft=draft_in_browser
            data-sent-before=is_sent
        >
            {is_correction.then(|| view! { <h2>"Correct this answer"</h2> })}
            // Enter in a field presses the first button of a form. This one records a usual value, and never confirms an
            // unusual one.
            <button class="visually-hidden" type="submit" tabindex="-1" aria-hidden="true">"Record"</button>
            <RestoredDraft/>
            <input type="hidden" name="id" value=id/>
            <AnswerFields draft=draft.clone() judgement value unusual=unusual.clone() is_sent/>
            {is_correction
                .then(|| {
                    view! {
                        <input type="hidden" name="corrects" value="1"/>
                        <TextField
                            name="correction"
                            label="Why is it corrected?"
                            hint="Shown in the story of the application"
                            value=draft.typed.correction.clone()
                            error=draft.error("correction")
                        />
                    }
                })}
            <NotSent/>
            <Actions is_correction unusual then=draft.typed.then/>
            <p class="when-closed">"This form is closed. What you typed was not sent, but you can still read it here."</p>
        </form>
    }
    .into_any()
}

/// The fields of an answer: whether the property can be valued, the value or the reason, and the name.
#[component]
fn AnswerFields(
    draft: Draft<ManualValuationForm>,
    judgement: Judgement,
    value: Option<Money>,
    unusual: Option<Unusual>,
    is_sent: bool,
) -> impl IntoView {
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
        <Radios
            name="outcome"
            legend="Can you value the property?"
            choices=outcomes
            chosen=typed.outcome
            error=error("outcome")
        />
        <div class="when-value">
            <div class="value-and-check">
                <TextField
                    name="value"
                    label="Value"
                    prefix="£"
                    inputmode="decimal"
                    width="medium"
                    value=typed.value
                    error=error("value")
                />
                <button class="button secondary" type="submit" name="check" value="1">"Check"</button>
            </div>
            <Preview judgement value unusual is_sent/>
            <TextField
                name="valued_on"
                label="Date of the valuation"
                hint="Within the last 12 months"
                kind="date"
                width="medium"
                min=iso_day(oldest_valuation_day(today))
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
    }
    .into_any()
}

/// What the value would lead to, and what is unusual about it. The browser keeps it current while the value is typed.
#[component]
fn Preview(judgement: Judgement, value: Option<Money>, unusual: Option<Unusual>, is_sent: bool) -> impl IntoView {
    let Judgement { loan, policy, alert, .. } = judgement;
    let percent = value.zip(loan).map(|(value, loan)| loan_to_value(loan, value));
    let effect = match value {
        Some(value) => policy.foresee(loan, value),
        None => "Enter a value to see its effect".to_owned(),
    };
    let is_usual = unusual.is_none();
    let question = unusual.map(|unusual| format!("{}. Is that right?", unusual.sentence()));
    view! {
        <div
            id="preview"
            class="preview"
            role="status"
            tabindex="-1"
            autofocus=is_sent && value.is_some()
            data-loan=loan.map(Money::pence)
            data-approve-up-to=policy.approve_up_to
            data-refer-up-to=policy.refer_up_to
            data-value-alert=alert.to_string()
        >
            <p class="effect">{effect}</p>
            {loan.map(|_| view! { <div aria-hidden="true"><LoanToValueGauge loan_to_value=percent policy/></div> })}
            <p class="question" hidden=is_usual><Icon glyph=Glyph::Alert/><span>{question}</span></p>
        </div>
    }
    .into_any()
}

/// The buttons that record the answer. An unusual value gets a button that says what it does. It holds the value, so that
/// pressing it with another value in the form asks again.
#[component]
fn Actions(is_correction: bool, unusual: Option<Unusual>, then: String) -> impl IntoView {
    let confirming = unusual.is_some();
    let confirm = unusual.map(|unusual| {
        view! {
            <fieldset class="form-actions" data-confirms=unusual.value.pence()>
                <legend class="visually-hidden">"Confirm the value"</legend>
                {(!then.is_empty()).then(|| view! { <input type="hidden" name="then" value=then.clone()/> })}
                <button class="button" type="submit" name="confirmed" value=unusual.value.decimal()>
                    {unusual.action("Record")}
                </button>
            </fieldset>
        }
    });
    view! {
        {confirm}
        <div class="form-actions" data-records hidden=confirming>
            <button class="button" type="submit">{if is_correction { "Record correction" } else { "Record answer" }}</button>
            <button class="button secondary" type="submit" name="then" value="next">"Save and next"</button>
        </div>
    }
}
