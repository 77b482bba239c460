//! One state: its type and definition and, in an execution, what happened in it.

use leptos::prelude::*;

use super::{
    document::{Document, FailureText},
    pause::Pause,
    progress,
};
use crate::{
    components::{Fact, Facts, Icon, TimeStyle, When},
    desk::{FailedAttempt, StateRun, StateView, Transition, TransitionKind},
    time_words,
};

#[component]
pub fn StatePanel(state: StateView, transitions: Vec<Transition>) -> impl IntoView {
    let onwards = transitions.into_iter().filter(|way| way.from == state.name).map(onward).collect::<Vec<_>>();
    let progress = state.run.as_ref().map(|run| run.progress);
    // Selecting another state is announced and not only shown.
    let news = match progress {
        Some(progress) => format!("State {}: {}", state.name, progress::words(progress)),
        None => format!("State {}", state.name),
    };
    let definition_is_open = state.run.is_none();
    let pause = state.run.as_ref().and_then(|run| run.pause);
    let failures = state.run.as_ref().map(|run| {
        let (failures, attempts) = (run.failures.clone(), run.attempts);
        view! { <Failures failures attempts/> }
    });
    let times = state.run.as_ref().map(times);
    let (input, output) = state.run.map(|run| (run.input, run.output)).unwrap_or_default();
    view! {
        <section
            class="panel state-panel"
            id="state"
            aria-labelledby="state-name"
            data-version=state.name.clone()
            data-news=news
        >
            <h2 id="state-name">{state.name.clone()}</h2>
            {progress
                .map(|progress| {
                    view! {
                        <p class=format!("progress {}", progress::class(progress))>
                            {progress::glyph(progress).map(|glyph| view! { <Icon glyph/> })}
                            {progress::words(progress)}
                        </p>
                    }
                })}
            {pause.map(|pause| view! { <Pause pause/> })}
            {failures}
            <Facts>
                <Fact term="Type"><code>{state.kind}</code></Fact>
                {times}
                {(!onwards.is_empty()).then(|| view! { <Fact term="Leads to"><ul>{onwards}</ul></Fact> })}
            </Facts>
            <div class="documents">
                {input.map(|json| view! { <Document id="state-input" name="Input" json is_open=true/> })}
                {output.map(|json| view! { <Document id="state-output" name="Output" json is_open=true/> })}
                <Document id="state-definition" name="Definition" json=state.definition is_open=definition_is_open/>
            </div>
        </section>
    }
    .into_any()
}

fn onward(Transition { to, kind, taken, .. }: Transition) -> impl IntoView {
    let to = match kind {
        TransitionKind::Catch { errors } => format!("{to}, on {errors}"),
        TransitionKind::Next | TransitionKind::Choice => to,
    };
    view! { <li>{to} {taken.then_some(" (taken)")}</li> }
}

/// When the state was entered and exited, and how often.
fn times(run: &StateRun) -> AnyView {
    let took = run.entered_at.zip(run.exited_at).map(|(entered, exited)| {
        time_words::precise((exited - entered).whole_milliseconds().try_into().unwrap_or(i64::MAX))
    });
    let (entered, exited, visits, attempts) = (run.entered_at, run.exited_at, run.visits, run.attempts);
    view! {
        {entered.map(|at| view! { <Fact term="Entered"><When at style=TimeStyle::Clock/></Fact> })}
        {exited.map(|at| view! { <Fact term="Exited"><When at style=TimeStyle::Clock/></Fact> })}
        {took.map(|took| view! { <Fact term="Took">{took}</Fact> })}
        {(visits > 1)
            .then(|| view! { <Fact term="Visits">{format!("{visits}, of which this is the last")}</Fact> })}
        {(attempts > 1).then(|| view! { <Fact term="Attempts">{attempts}</Fact> })}
    }
    .into_any()
}

#[component]
fn Failures(failures: Vec<FailedAttempt>, attempts: usize) -> impl IntoView {
    let heading = match (failures.len(), attempts) {
        (0, _) => return ().into_any(),
        (1, ..2) => "Error".to_owned(),
        (failed, attempts) => format!("Errors: {failed} of {attempts} attempts failed"),
    };
    let failures = failures.into_iter().map(|FailedAttempt { at, failure }| {
        view! { <li><FailureText failure/><p class="under"><When at style=TimeStyle::Clock/></p></li> }
    });
    view! {
        <h3>{heading}</h3>
        <ol class="failures">{failures.collect_view()}</ol>
    }
    .into_any()
}
