//! Loan-to-value as a small horizontal gauge with a fixed scale and the policy's limits marked.

use leptos::prelude::*;

use crate::{
    domain::{Decision, Policy, percent_in_words},
    gauge_scale::{END, HIGHEST, START, x},
};

/// The least distance between the middles of two labels that do not touch.
const LABEL_DISTANCE: f64 = 30.0;

/// Shows a loan-to-value in relation to the policy's limits.
#[component]
pub fn LoanToValueGauge(
    /// In per cent. Without one, only the scale and the limits are shown.
    #[prop(into)]
    loan_to_value: Option<f64>,
    /// Whether the ratio is based on the applicant's estimate instead of a valuation.
    #[prop(optional)]
    is_estimate: bool,
    policy: Policy,
) -> impl IntoView {
    let limits = format!(
        "Up to {}% is approved, up to {}% referred, above that declined.",
        policy.approve_up_to, policy.refer_up_to
    );
    let label = match loan_to_value {
        Some(value) => {
            let verb = match policy.decide(value) {
                Decision::Referred => "is referred to an underwriter".to_owned(),
                decision => format!("is {decision}"),
            };
            format!("Loan-to-value {}, which {verb}. {limits}", percent_in_words(value))
        }
        None => format!("Loan-to-value. {limits}"),
    };
    let (approve, refer) = (x(policy.approve_up_to), x(policy.refer_up_to));
    let (approve_anchor, refer_anchor) =
        if refer - approve < LABEL_DISTANCE { ("end", "start") } else { ("middle", "middle") };
    let has_two_limits = refer > approve;
    let marker_class = if is_estimate { "marker estimate" } else { "marker" };
    let (place, visibility) = match loan_to_value {
        Some(value) => (x(value), "visible"),
        None => (START, "hidden"),
    };
    view! {
        <svg class="gauge" viewBox="0 0 320 44" role="img" aria-label=label>
            <text class="end" x=START - 6.0 y="23" text-anchor="end">"0%"</text>
            <rect class="zone good" x=START y="14" width=approve - START height="10"/>
            <rect class="zone waiting" x=approve y="14" width=refer - approve height="10"/>
            <rect class="zone bad" x=refer y="14" width=END - refer height="10"/>
            <text class="end" x=END + 6.0 y="23">{format!("{HIGHEST}%")}</text>
            <line class="limit" x1=approve x2=approve y1="12" y2="28"/>
            <text x=approve y="40" text-anchor=approve_anchor>{format!("{}%", policy.approve_up_to)}</text>
            {has_two_limits
                .then(|| {
                    view! {
                        <line class="limit" x1=refer x2=refer y1="12" y2="28"/>
                        <text x=refer y="40" text-anchor=refer_anchor>{format!("{}%", policy.refer_up_to)}</text>
                    }
                })}
            <path class=marker_class d="M0 13l-5 -9h10Z" transform=format!("translate({place})") visibility=visibility/>
        </svg>
    }
}
