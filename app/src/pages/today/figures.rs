//! Four key figures, each with its course over the last days.

use leptos::prelude::*;
use time::Duration;

use crate::{
    components::{Bar, Sparkline, day_and_month},
    desk::{ApplicationQuery, DayFigures, Days, Figures, WaitingCount},
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
    let median = figures.median_automatic.or(figures.median_manual).map_or_else(|| "–".to_owned(), in_words);
    // Manual valuations take longer by their nature, so one median of both would say little.
    let note = match (figures.median_automatic, figures.median_manual) {
        (Some(_), Some(manual)) => Some(format!("{} with a manual valuation", in_words(manual))),
        (None, Some(_)) => Some("with a manual valuation".to_owned()),
        _ => None,
    };
    let (days, last) = (figures.days, Figures::DAYS);
    let list = |query: ApplicationQuery| query.address("/applications");
    let on_today = today.map(|day| Days::only(day.day)).unwrap_or_default();
    let submitted_today = list(ApplicationQuery { submitted: on_today, ..ApplicationQuery::default() });
    let decided_today = list(ApplicationQuery { decided: on_today, ..ApplicationQuery::default() });
    let these_days = days.first().map(|day| Days::since(day.day)).unwrap_or_default();
    let decided = list(ApplicationQuery { decided: these_days, ..ApplicationQuery::default() });
    let counts = |of: fn(&DayFigures) -> usize| bars(&days, |day| (of(day) as f64, of(day).to_string()));
    view! {
        <section aria-labelledby="figures">
            <h2 id="figures" class="visually-hidden">"Figures"</h2>
            <dl class="figures">
                <Figure term="Submitted today" href=submitted_today value=count(|day| day.submitted) bars=counts(|day| day.submitted)/>
                <Figure term="Waiting now" href="/waiting" value=waiting.all().to_string() bars=counts(|day| day.waiting)/>
                <Figure term="Decided today" href=decided_today value=count(|day| day.decided) bars=counts(|day| day.decided)/>
                <Figure
                    term="Median time to a decision"
                    href=decided
                    value=median
                    note
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
fn Figure(
    term: &'static str,
    /// The list of what is counted.
    #[prop(into)]
    href: String,
    value: String,
    #[prop(optional_no_strip)] note: Option<String>,
    bars: Vec<Bar>,
) -> impl IntoView {
    view! {
        <div class="figure-card">
            <dt>{term}</dt>
            <dd>
                <span class="figure">
                    <a href=href aria-label=format!("{term}: {value}")>{value.clone()}</a>
                    {note.map(|note| view! { <span class="note">{note}</span> })}
                </span>
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
