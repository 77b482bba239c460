//! The facts of an application: what was submitted, the valuation, and the loan-to-value.

use leptos::prelude::*;

use crate::{
    components::{Fact, Facts, LoanToValueGauge, TimeStyle, When, money, percent},
    desk::ApplicationRow,
    domain::{LoanApplication, Policy, Valuation, ValuationSource, WaitingOn, day_in_words, loan_to_value},
};

#[component]
pub fn FactsPanel(
    row: ApplicationRow,
    /// The current policy. Decided applications are shown with the limits of their decision.
    policy: Policy,
) -> impl IntoView {
    let policy = row.policy.unwrap_or(policy);
    let asked = row.application.clone();
    let term = asked.term_years.map_or_else(|| "–".to_owned(), |term| term.to_string());
    view! {
        <div class="panels">
            <LoanToValue application=row.application loan_to_value=row.loan_to_value policy/>
            <section class="panel" aria-labelledby="valuation">
                <h2 id="valuation">"Valuation"</h2>
                {match row.valuation {
                    Some(valuation) => view! { <ValuationFacts valuation/> }.into_any(),
                    None if row.status.is_open() => view! { <p class="quiet">"No value yet."</p> }.into_any(),
                    None => view! { <p class="quiet">"The application ended without a value."</p> }.into_any(),
                }}
            </section>
            <section class="panel" aria-labelledby="facts">
                <h2 id="facts">"Application"</h2>
                <Facts>
                    <Fact term="Applicant"><bdi>{asked.applicant.map_or_else(|| "–".to_owned(), String::from)}</bdi></Fact>
                    <Fact term="Property">
                        <bdi>{asked.property.name_or_number.to_string()}</bdi> ", " {asked.property.postcode.to_string()}
                    </Fact>
                    <Fact term="Loan amount">{money(asked.loan_amount)}</Fact>
                    <Fact term="Estimated value">{money(asked.estimated_value)}</Fact>
                    <Fact term="Term">{term}</Fact>
                    <Fact term="Submitted">
                        <When at=row.submitted_at style=TimeStyle::Minute/>
                        {row.submitted_by.map(|name| format!(" by {name}"))}
                    </Fact>
                    <Fact term="Updated"><When at=row.updated_at style=TimeStyle::Relative/></Fact>
                </Facts>
            </section>
        </div>
    }
}

/// The loan-to-value, based on the valuation or, until there is one, on the applicant's estimate.
#[component]
fn LoanToValue(application: LoanApplication, loan_to_value: Option<f64>, policy: Policy) -> impl IntoView {
    let shown = match loan_to_value {
        Some(percent) => Some((percent, false)),
        None => by_estimate(&application).map(|percent| (percent, true)),
    };
    shown.map(|(value, is_estimate)| {
        view! {
            <section class="panel" aria-labelledby="ltv">
                <h2 id="ltv">"Loan-to-value"</h2>
                <p class="figure">
                    {percent(Some(value))}
                    {is_estimate.then(|| view! { <span class="under">" based on the applicant's estimate"</span> })}
                </p>
                <LoanToValueGauge loan_to_value=value is_estimate policy/>
            </section>
        }
    })
}

fn by_estimate(application: &LoanApplication) -> Option<f64> {
    Some(loan_to_value(application.loan_amount?, application.estimated_value?))
}

#[component]
fn ValuationFacts(valuation: Valuation) -> impl IntoView {
    let source = match valuation.source {
        ValuationSource::Service { valuation_reference } => view! {
            <Fact term="From">{WaitingOn::ValuationService.to_string()}</Fact>
            <Fact term="Valuation reference"><code>{valuation_reference}</code></Fact>
        }
        .into_any(),
        ValuationSource::Manual { name, basis, valued_on, comment, .. } => view! {
            <Fact term="From">{name}</Fact>
            <Fact term="Based on">{basis.to_string()} ", " {day_in_words(valued_on)}</Fact>
            {(!comment.is_empty()).then(|| view! { <Fact term="Comment">{comment.clone()}</Fact> })}
        }
        .into_any(),
    };
    view! {
        <p class="figure">{valuation.value.to_string()}</p>
        <Facts>
            {source}
            <Fact term="Received"><When at=valuation.at style=TimeStyle::Minute/></Fact>
        </Facts>
    }
}
