//! Four key figures, each with its course over the last days.

use leptos::prelude::*;
use time::Duration;

use crate::{
    components::{Bar, Sparkline, day_and_month},
    desk::{DayFigures, Figures, WaitingCount},
    time_words,
};

#[component]
pub fn FiguresPanel(
    figures: Figures,
    /// The current count, the same as in the rail.
    waiting: WaitingCount,
) -> impl IntoView {
    let today = figures.days.last().copied();
    let count = |of: fn(DayFigures) -> usize| today.map_or(0, of).to_string();
    let median = figures.median_to_decision.map_or_else(|| "–".to_owned(), in_words);
    let (days, last) = (figures.days, Figures::DAYS);
    let counts = |of: fn(&DayFigures) -> usize| bars(&days, |day| (of(day) as f64, of(day).to_string()));
    view! {
        <section aria-labelledby="figures">
            <h2 id="figures" class="visually-hidden">"Figures"</h2>
            <dl class="figures">
                <Figure term="Submitted today" value=count(|day| day.submitted) bars=counts(|day| day.submitted)/>
                <Figure term="Waiting now" value=waiting.all().to_string() bars=counts(|day| day.waiting)/>
                <Figure term="Decided today" value=count(|day| day.decided) bars=counts(|day| day.decided)/>
                <Figure
                    term="Median time to a decision"
                    value=median
                    bars=bars(
                        &days,
                        |day| match day.median_to_decision {
                            Some(length) => (length.as_seconds_f64(), in_words(length)),
                            None => (0.0, "none".to_owned()),
                        },
                    )
                />
            </dl>
            <p class="under">"Bars: the last " {last} " days"</p>
        </section>
    }
    .into_any()
}

#[component]
fn Figure(term: &'static str, value: String, bars: Vec<Bar>) -> impl IntoView {
    view! {
        <div class="figure-card">
            <dt>{term}</dt>
            <dd>
                <span class="figure">{value}</span>
                <Sparkline label=format!("{term}, by day") bars/>
            </dd>
        </div>
    }
    .into_any()
}

fn bars(days: &[DayFigures], of: impl Fn(&DayFigures) -> (f64, String)) -> Vec<Bar> {
    days.iter()
        .map(|day| {
            let (height, value) = of(day);
            Bar { height, label: format!("{}: {value}", day_and_month(day.day)) }
        })
        .collect()
}

fn in_words(length: Duration) -> String {
    time_words::span(length.whole_milliseconds().try_into().unwrap_or(i64::MAX))
}
