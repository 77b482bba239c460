//! One state of the execution: its input, output and times.

use leptos::prelude::*;

use super::{Json, chart::progress_words};
use crate::{
    components::{Fact, Facts, TimeStyle, When},
    desk::{StateView, Transition, TransitionKind},
    time_words,
};

#[component]
pub fn StatePanel(state: StateView, transitions: Vec<Transition>) -> impl IntoView {
    let took = state.entered_at.zip(state.exited_at).map(|(entered, exited)| {
        time_words::precise((exited - entered).whole_milliseconds().try_into().unwrap_or(i64::MAX))
    });
    let onwards = transitions
        .into_iter()
        .filter(|transition| transition.from == state.name)
        .map(|Transition { to, kind, taken, .. }| {
            let to = match kind {
                TransitionKind::Catch { errors } => format!("{to}, on {errors}"),
                TransitionKind::Next | TransitionKind::Choice => to,
            };
            view! { <li>{to} {taken.then_some(" (taken)")}</li> }
        })
        .collect::<Vec<_>>();
    view! {
        <section class="panel state-panel" id="state" aria-labelledby="state-name">
            <div class="state-head">
                <h2 id="state-name">{state.name.clone()}</h2>
                <a href="?tab=workflow">"Close"</a>
            </div>
            <Facts>
                <Fact term="Type"><code>{state.kind}</code></Fact>
                <Fact term="Progress">{progress_words(state.progress)}</Fact>
                {state
                    .entered_at
                    .map(|at| view! { <Fact term="Entered"><When at style=TimeStyle::Clock/></Fact> })}
                {state
                    .exited_at
                    .map(|at| view! { <Fact term="Exited"><When at style=TimeStyle::Clock/></Fact> })}
                {took.map(|took| view! { <Fact term="Took">{took}</Fact> })}
                {(!onwards.is_empty()).then(|| view! { <Fact term="Leads to"><ul>{onwards}</ul></Fact> })}
            </Facts>
            <div class="documents">
                {state.input.map(|json| view! { <Document name="Input" json/> })}
                {state.output.map(|json| view! { <Document name="Output" json/> })}
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn Document(name: &'static str, json: String) -> impl IntoView {
    view! {
        <details id=format!("state-{}", name.to_lowercase()) open>
            <summary>{name}</summary>
            <Json json/>
        </details>
    }
}
