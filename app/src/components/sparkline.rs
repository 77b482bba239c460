//! A sparkline with one bar a day, the last one for today. Its label lists all values for screen readers.

use leptos::prelude::*;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub height: f64,
    /// `22 Nov: 3`
    pub label: String,
}

const STEP: f64 = 8.0;
const WIDTH: f64 = 6.0;
const HEIGHT: f64 = 28.0;
/// The height of a bar for zero, so that the day stays visible.
const NOTHING: f64 = 1.5;

#[component]
pub fn Sparkline(
    /// What the bars count, for screen readers.
    label: String,
    bars: Vec<Bar>,
) -> impl IntoView {
    let highest = bars.iter().map(|bar| bar.height).fold(0.0, f64::max);
    let last = bars.len().saturating_sub(1);
    let view_box = format!("0 0 {} {HEIGHT}", bars.len() as f64 * STEP - (STEP - WIDTH));
    let said = bars.iter().map(|bar| bar.label.as_str()).collect::<Vec<_>>().join(", ");
    let bars = bars.into_iter().enumerate().map(|(i, bar)| {
        let height = scaled(bar.height, highest);
        let class = if i == last { "bar today" } else { "bar" };
        view! {
            <rect class=class x=i as f64 * STEP y=HEIGHT - height width=WIDTH height=height rx="1">
                <title>{bar.label}</title>
            </rect>
        }
    });
    view! {
        <svg class="sparkline" viewBox=view_box role="img" aria-label=format!("{label}: {said}")>
            {bars.collect_view()}
        </svg>
    }
    .into_any()
}

/// The height of a bar, rounded to a tenth.
fn scaled(value: f64, highest: f64) -> f64 {
    if value <= 0.0 { NOTHING } else { ((value / highest * HEIGHT).max(NOTHING + 1.0) * 10.0).round() / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_is_full_and_a_small_value_is_higher_than_zero() {
        assert_eq!(scaled(7.0, 7.0), HEIGHT);
        assert_eq!(scaled(0.0, 0.0), NOTHING);
        assert!(scaled(0.001, 7.0) > NOTHING);
    }
}
