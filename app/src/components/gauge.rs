//! Loan-to-value as a small horizontal gauge with the policy's limits marked.

use leptos::prelude::*;

use crate::domain::{Policy, percent_in_words};

/// Shows a loan-to-value in relation to the policy's limits.
#[component]
pub fn LoanToValueGauge(
    /// In per cent.
    loan_to_value: f64,
    /// Whether the ratio is based on the applicant's estimate instead of a valuation.
    #[prop(optional)]
    is_estimate: bool,
    policy: Policy,
) -> impl IntoView {
    let scale = Scale::holding(loan_to_value, policy);
    let (approve, refer) = (scale.x(policy.approve_up_to), scale.x(policy.refer_up_to));
    let here = scale.x(loan_to_value);
    let verdict = if loan_to_value <= policy.approve_up_to {
        "is approved"
    } else if loan_to_value <= policy.refer_up_to {
        "is referred to an underwriter"
    } else {
        "is declined"
    };
    let label = format!(
        "Loan-to-value {}, which {verdict}. Up to {}% is approved, up to {}% referred, above that \
         declined.",
        percent_in_words(loan_to_value),
        policy.approve_up_to,
        policy.refer_up_to
    );
    let marker = format!("M{here} 13l-5 -9h10Z");
    let marker_class = if is_estimate { "marker estimate" } else { "marker" };
    view! {
        <svg class="gauge" viewBox="0 0 320 44" role="img" aria-label=label>
            <rect class="zone good" x="0" y="14" width=approve height="10"/>
            <rect class="zone waiting" x=approve y="14" width=refer - approve height="10"/>
            <rect class="zone bad" x=refer y="14" width=Scale::WIDTH - refer height="10"/>
            <line class="limit" x1=approve x2=approve y1="12" y2="28"/>
            <line class="limit" x1=refer x2=refer y1="12" y2="28"/>
            <text x=approve y="40" text-anchor="middle">{format!("{}%", policy.approve_up_to)}</text>
            <text x=refer y="40" text-anchor="middle">{format!("{}%", policy.refer_up_to)}</text>
            <path class=marker_class d=marker/>
        </svg>
    }
}

/// Converts per cent to the gauge's units.
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    const WIDTH: f64 = 320.0;

    /// A scale that gives most of its width to the range around the limits and still includes the value.
    fn holding(value: f64, policy: Policy) -> Self {
        let margin = (policy.refer_up_to - policy.approve_up_to).max(5.0) * 2.0;
        Self {
            from: (policy.approve_up_to - margin).min(value - 5.0).max(0.0),
            to: (policy.refer_up_to + margin / 2.0).max(value.min(200.0) + 5.0),
        }
    }

    /// The position of a percentage, rounded to a tenth and clamped to the gauge.
    fn x(&self, percent: f64) -> f64 {
        let x = (percent - self.from) / (self.to - self.from) * Self::WIDTH;
        (x.clamp(0.0, Self::WIDTH) * 10.0).round() / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { approve_up_to: 80.0, refer_up_to: 90.0 };

    #[test]
    fn the_value_and_the_limits_keep_their_order() {
        for value in [0.0, 37.5, 80.0, 85.0, 95.0, 150.0] {
            let scale = Scale::holding(value, POLICY);
            assert_eq!(value < 80.0, scale.x(value) < scale.x(80.0), "{value}");
            assert_eq!(value > 90.0, scale.x(value) > scale.x(90.0), "{value}");
            assert!(scale.x(80.0) > 0.0 && scale.x(90.0) < Scale::WIDTH, "{value}");
        }
    }

    #[test]
    fn an_extreme_value_stays_on_the_gauge() {
        assert_eq!(Scale::holding(4_000.0, POLICY).x(4_000.0), Scale::WIDTH);
    }
}
