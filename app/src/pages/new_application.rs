//! `/applications/new`: the form for a new application. With `?copy=LN-1`, it has the details of that application.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use time::OffsetDateTime;

use crate::{
    components::{ErrorSummary, NotSent, RestoredDraft, TextField},
    desk::{About, Actor, Desk, DeskError},
    domain::ApplicationReference,
    forms::{Draft, NEW_APPLICATION, NewApplicationForm},
    request,
    session::VisitorSession,
    time_words,
};

#[component]
pub fn NewApplicationPage() -> impl IntoView {
    let session = VisitorSession::current();
    let about = request::desk().map(|desk| desk.about());
    let copied = use_query_map().get_untracked().get("copy");
    let copied: Option<ApplicationReference> = copied.and_then(|reference| reference.parse().ok());
    let asked = request::desk_and_actor();
    Suspend::new(async move {
        let kept = session.take_draft::<NewApplicationForm>(NEW_APPLICATION).await;
        let is_sent = kept.is_some();
        let copy = match &copied {
            Some(reference) if !is_sent => copy_of(asked, reference).await,
            _ => None,
        };
        let mut draft = kept.or(copy).unwrap_or_default();
        if draft.typed.suggested_reference.is_empty() {
            draft.typed.suggested_reference = ApplicationReference::generate(OffsetDateTime::now_utc()).to_string();
        }
        let title = if draft.errors.is_empty() { "New application" } else { "Error: New application" };
        view! {
            <Title text=title/>
            <div class="column">
                <ErrorSummary errors=draft.errors.clone()/>
                <h1>"New application"</h1>
                {(!draft.typed.copied_from.is_empty())
                    .then(|| {
                        let copied = format!("Copied from {}, with a new reference", draft.typed.copied_from);
                        view! { <p class="lead">{copied}</p> }
                    })}
                <ApplicationForm draft about is_sent/>
            </div>
        }
    })
}

/// The form with the details of an application. `None` if there is no such application or it cannot be read, because the
/// form can be filled in without it.
async fn copy_of(
    asked: impl Future<Output = Result<(Arc<dyn Desk>, Actor), DeskError>>,
    reference: &ApplicationReference,
) -> Option<Draft<NewApplicationForm>> {
    let (desk, by) = asked.await.ok()?;
    let row = desk.application(&by, reference).await.ok()??;
    Some(Draft { typed: NewApplicationForm::copy_of(&row.application), errors: Vec::new() })
}

#[component]
fn ApplicationForm(
    draft: Draft<NewApplicationForm>,
    about: Option<About>,
    /// Whether the person has sent the form and sees it again.
    is_sent: bool,
) -> impl IntoView {
    let error = |field: &str| draft.error(field);
    let typed = draft.typed.clone();
    let draft_in_browser = typed.draft_in_browser();
    view! {
        <form
            id="new-application"
            class="form"
            action="/desk/submit-application"
            method="post"
            novalidate
            data-draft=draft_in_browser
            data-sent-before=is_sent
        >
            <RestoredDraft/>
            <input type="hidden" name="suggested_reference" value=typed.suggested_reference/>
            <input type="hidden" name="copied_from" value=typed.copied_from/>
            <TextField
                name="reference"
                label="Reference"
                is_optional=true
                hint="Your own reference, like LN-2041. Leave it empty to get one generated"
                width="medium"
                value=typed.reference
                error=error("reference")
            />
            <TextField
                name="applicant"
                label="Applicant"
                is_optional=true
                hint="Full name"
                value=typed.applicant
                error=error("applicant")
            />
            <fieldset class="group">
                <legend>"Property"</legend>
                <TextField
                    name="property"
                    label="Name or number"
                    width="medium"
                    value=typed.property
                    error=error("property")
                />
                <TextField
                    name="postcode"
                    label="Postcode"
                    width="narrow"
                    value=typed.postcode
                    error=error("postcode")
                />
            </fieldset>
            <fieldset class="group">
                <legend>"Loan"</legend>
                <TextField
                    name="loan_amount"
                    label="Loan amount"
                    is_optional=true
                    hint="Without an amount, the property is valued but no decision is made"
                    prefix="£"
                    inputmode="decimal"
                    width="medium"
                    value=typed.loan_amount
                    error=error("loan_amount")
                />
                <TextField
                    name="estimated_value"
                    label="Estimated value of the property"
                    is_optional=true
                    prefix="£"
                    inputmode="decimal"
                    width="medium"
                    value=typed.estimated_value
                    error=error("estimated_value")
                />
                <TextField
                    name="term_years"
                    label="Term"
                    is_optional=true
                    suffix="years"
                    inputmode="numeric"
                    width="narrow"
                    value=typed.term_years
                    error=error("term_years")
                />
            </fieldset>
            {about.map(|about| view! { <WhatHappensNext about/> })}
            <NotSent/>
            <button class="button" type="submit">"Submit application"</button>
        </form>
    }
    .into_any()
}

#[component]
fn WhatHappensNext(about: About) -> impl IntoView {
    let valuer = time_words::spelled_out(about.valuation_timeout);
    let colleague = time_words::spelled_out(about.manual_valuation_timeout);
    view! {
        <p class="what-next">
            "What happens next: a valuation is requested at once, and the valuation service has "
            {valuer} " to answer. If it does not, a colleague values the property manually within " {colleague} "."
        </p>
    }
}
