//! Where everything stands, and for how long: pictures drawn on the server, each with a table of the same numbers.

use leptos::prelude::*;

use crate::{
    components::{Glyph, Icon, day_and_month},
    desk::{Age, ApplicationQuery, Overview, Stage, StageCount, TimeToAnswer, ValuerDay},
    domain::WaitingOn,
};

#[component]
pub fn OverviewPanel(overview: Overview) -> impl IntoView {
    let Overview { stages, times_to_answer, valuer } = overview;
    let times = times_to_answer.into_iter().map(|time| view! { <Times time/> }).collect_view();
    view! {
        <section aria-labelledby="standing">
            <h2 id="standing">"Where everything stands"</h2>
            <Stages stages/>
            <div class="charts">{times} <Record days=valuer/></div>
        </section>
    }
    .into_any()
}

/// A bar for each stage. Its length is the count, and its parts are the ages.
#[component]
fn Stages(stages: Vec<StageCount>) -> impl IntoView {
    let longest = stages.iter().map(StageCount::all).max().unwrap_or_default();
    if longest == 0 {
        return view! { <p class="quiet">"No application is open, and none needs attention."</p> }.into_any();
    }
    let bars = stages.iter().map(|count| stage_bar(*count, longest)).collect_view();
    let rows = stages.into_iter().map(stage_row).collect_view();
    view! {
        <ul class="legend" aria-hidden="true">
            {Age::ALL
                .into_iter()
                .enumerate()
                .map(|(place, age)| view! { <li><span class=format!("swatch age-{place}")></span>{age.to_string()}</li> })
                .collect_view()}
        </ul>
        <dl class="stages">{bars}</dl>
        <details class="as-table" id="stages-as-table">
            <summary>"Stages as a table"</summary>
            <div class="scroll">
                <table class="table">
                    <caption class="visually-hidden">"Applications by stage, and for how long they have been in it"</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Stage"</th>
                            {Age::ALL.map(|age| view! { <th scope="col" class="number">{age.to_string()}</th> }).collect_view()}
                            <th scope="col" class="number">"Overdue"</th>
                            <th scope="col" class="number">"All"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
    .into_any()
}

fn list_of(stage: Stage, age: Option<Age>) -> String {
    ApplicationQuery { stage: Some(stage), age, ..ApplicationQuery::default() }.address("/applications")
}

fn stage_bar(count: StageCount, longest: usize) -> impl IntoView {
    let stage = count.stage;
    let mut x = 0.0;
    let parts = Age::ALL.into_iter().zip(count.by_age).enumerate().filter(|(_, (_, count))| *count > 0);
    let parts = parts
        .map(|(place, (age, count))| {
            let width = share(count, longest);
            let from = x;
            x += width;
            // The table has the same links, so the picture is left out for keyboards and screen readers.
            view! {
                <a href=list_of(stage, Some(age)) tabindex="-1">
                    <rect class=format!("age-{place}") x=from width=width height="20">
                        <title>{format!("{stage}, {age}: {count}")}</title>
                    </rect>
                </a>
            }
        })
        .collect_view();
    let overdue = (count.overdue > 0).then(|| {
        view! { <span class="overdue"><Icon glyph=Glyph::Alert/>{count.overdue}" overdue"</span> }
    });
    view! {
        <div>
            <dt><a href=list_of(stage, None)>{stage.to_string()}</a></dt>
            <dd>
                <svg class="stage-bar" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">{parts}</svg>
                <span class="stage-total">{count.all()}</span>
                {overdue}
            </dd>
        </div>
    }
}

fn stage_row(count: StageCount) -> impl IntoView {
    let stage = count.stage;
    let ages = Age::ALL.into_iter().zip(count.by_age);
    let cells = ages.map(|(age, count)| view! { <td class="number">{linked(count, list_of(stage, Some(age)))}</td> });
    view! {
        <tr>
            <th scope="row">{stage.to_string()}</th>
            {cells.collect_view()}
            <td class="number">{count.overdue}</td>
            <td class="number">{linked(count.all(), list_of(stage, None))}</td>
        </tr>
    }
}

/// A count as a link to its list. There is no list of none.
fn linked(count: usize, href: String) -> AnyView {
    if count == 0 { view! { "0" }.into_any() } else { view! { <a href=href>{count}</a> }.into_any() }
}

/// In per cent, rounded to a hundredth.
fn share(count: usize, of: usize) -> f64 {
    (count as f64 / of.max(1) as f64 * 10_000.0).round() / 100.0
}

const COLUMN: f64 = 8.0;
const GAP: f64 = 2.0;
const HEIGHT: f64 = 60.0;

/// How long answers took, by tenths of the time limit.
#[component]
fn Times(time: TimeToAnswer) -> impl IntoView {
    let (who, id) = match time.waits_on {
        WaitingOn::ValuationService => ("Valuer", "valuer-times"),
        WaitingOn::Staff => ("Staff", "staff-times"),
    };
    let all = time.all();
    let heading = view! { <h3 id=id>{who}": time to answer"</h3> };
    if all == 0 {
        return view! {
            <section class="chart" aria-labelledby=id>
                {heading} <p class="quiet">{format!("No task ended in the last {} days.", Overview::DAYS)}</p>
            </section>
        }
        .into_any();
    }
    let counts: Vec<usize> = time.in_time.into_iter().chain([time.not_in_time]).collect();
    let highest = counts.iter().copied().max().unwrap_or_default();
    let label = |place: usize| match place {
        10 => "Not in time".to_owned(),
        _ => format!("{} to {} % of the limit", place * 10, place * 10 + 10),
    };
    let columns = counts.iter().enumerate().map(|(place, count)| {
        let height = share(*count, highest) / 100.0 * HEIGHT;
        // A gap sets off what was not answered in time.
        let x = place as f64 * (COLUMN + GAP) + if place == 10 { 2.0 * GAP } else { 0.0 };
        let class = if place == 10 { "missed" } else { "in-time" };
        view! {
            <rect class=class x=x y=HEIGHT - height width=COLUMN height=height>
                <title>{format!("{}: {count}", label(place))}</title>
            </rect>
        }
    });
    let width = 11.0 * (COLUMN + GAP) + GAP;
    let in_time = share(all - time.not_in_time, all).floor();
    let summary = match time.half_within() {
        Some(share) => format!("{in_time} % of {all} in time, half of all within {share} % of the limit."),
        None => format!("{in_time} % of {all} in time."),
    };
    let rows = counts.iter().enumerate().map(|(place, count)| {
        view! { <tr><th scope="row">{label(place)}</th><td class="number">{*count}</td></tr> }
    });
    view! {
        <section class="chart" aria-labelledby=id>
            {heading}
            <p class="quiet">{summary.clone()}</p>
            <svg viewBox=format!("0 0 {width} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=format!("{who}, by tenths of the time limit: {summary}")>
                {columns.collect_view()}
            </svg>
            <p class="axis" aria-hidden="true"><span>"at once"</span><span>"at the limit"</span><span>"missed"</span></p>
            <details class="as-table" id=format!("{id}-as-table")>
                <summary>"As a table"</summary>
                <table class="table">
                    <caption class="visually-hidden">{who}": answers by the part of the time limit that had passed"</caption>
                    <thead><tr><th scope="col">"Answered after"</th><th scope="col" class="number">"Tasks"</th></tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </details>
        </section>
    }
    .into_any()
}

/// A part of a day's column: its name, its class, and its count.
type Outcome = (&'static str, &'static str, fn(&ValuerDay) -> usize);

/// From the bottom up.
const OUTCOMES: [Outcome; 5] = [
    ("On time", "on-time", |day| day.on_time),
    ("Late", "late", |day| day.late),
    ("Failed", "failed", |day| day.failed),
    ("No answer", "unanswered", |day| day.unanswered),
    ("Unknown reference", "unknown", |day| day.unknown),
];

/// What became of the requests to the valuation service, day by day.
#[component]
fn Record(days: Vec<ValuerDay>) -> impl IntoView {
    let heading = view! { <h3 id="valuer-record">"Valuer: record by day"</h3> };
    let highest = days.iter().map(ValuerDay::all).max().unwrap_or_default();
    if highest == 0 {
        return view! {
            <section class="chart" aria-labelledby="valuer-record">
                {heading} <p class="quiet">{format!("Nothing was asked for in the last {} days.", Overview::DAYS)}</p>
            </section>
        }
        .into_any();
    }
    let said = OUTCOMES
        .iter()
        .map(|(name, _, of)| format!("{name} {}", days.iter().map(of).sum::<usize>()))
        .collect::<Vec<_>>()
        .join(", ");
    let columns = days.iter().enumerate().map(|(place, day)| {
        let mut y = HEIGHT;
        let parts = OUTCOMES.iter().filter(|(_, _, of)| of(day) > 0).map(|(name, class, of)| {
            let height = share(of(day), highest) / 100.0 * HEIGHT;
            y -= height;
            view! {
                <rect class=*class x=place as f64 * (COLUMN + GAP) y=y width=COLUMN height=height>
                    <title>{format!("{}, {name}: {}", day_and_month(day.day), of(day))}</title>
                </rect>
            }
        });
        parts.collect_view()
    });
    let width = days.len() as f64 * (COLUMN + GAP) - GAP;
    let rows = days.iter().rev().filter(|day| day.all() > 0).map(|day| {
        let cells = OUTCOMES.map(|(_, _, of)| view! { <td class="number">{of(day)}</td> });
        view! { <tr><th scope="row">{day_and_month(day.day)}</th>{cells.collect_view()}</tr> }
    });
    let ends = [days.first(), days.last()].map(|day| day.map(|day| day_and_month(day.day)));
    let [first, last] = ends;
    view! {
        <section class="chart wide-chart" aria-labelledby="valuer-record">
            {heading}
            <ul class="legend" aria-hidden="true">
                {OUTCOMES
                    .iter()
                    .map(|(name, class, _)| view! { <li><span class=format!("swatch {class}")></span>{*name}</li> })
                    .collect_view()}
            </ul>
            <svg viewBox=format!("0 0 {width} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=format!("Requests to the valuer in the last {} days: {said}", Overview::DAYS)>
                {columns.collect_view()}
            </svg>
            <p class="axis" aria-hidden="true"><span>{first}</span><span>{last}</span></p>
            <details class="as-table" id="valuer-record-as-table">
                <summary>"As a table"</summary>
                <div class="scroll">
                    <table class="table">
                        <caption class="visually-hidden">"Requests to the valuer by day and outcome, newest first. Days without any are left out."</caption>
                        <thead>
                            <tr>
                                <th scope="col">"Day"</th>
                                {OUTCOMES.map(|(name, ..)| view! { <th scope="col" class="number">{name}</th> }).collect_view()}
                            </tr>
                        </thead>
                        <tbody>{rows.collect_view()}</tbody>
                    </table>
                </div>
            </details>
        </section>
    }
    .into_any()
}
