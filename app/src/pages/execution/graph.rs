//! The graph of a state machine, with the selected state beside it.

use leptos::prelude::*;

use super::{
    chart::{Chart, Legend},
    links::Links,
    state::StatePanel,
};
use crate::desk::{GraphView, StateProgress, StateView};

#[component]
pub fn GraphAndState(graph: GraphView, links: Links) -> impl IntoView {
    let chosen = chosen(&graph.states, links.state.as_deref()).cloned();
    let name = chosen.as_ref().map(|state| state.name.clone());
    let has_run = chosen.as_ref().is_some_and(|state| state.run.is_some());
    view! {
        <div class="graph-and-state">
            <div class="graph-side">
                <div class="scroll" tabindex="0" role="region" aria-label="Graph" data-middle>
                    <Chart graph=graph.clone() chosen=name links/>
                </div>
                {has_run.then(|| view! { <Legend/> })}
            </div>
            {chosen.map(|state| view! { <StatePanel state transitions=graph.transitions/> })}
        </div>
    }
    .into_any()
}

/// The state that is shown in detail: the one that the address names, or else the one that matters most.
fn chosen<'a>(states: &'a [StateView], name: Option<&str>) -> Option<&'a StateView> {
    let named = name.and_then(|name| states.iter().find(|state| state.name == name));
    let at = |progress| innermost(states, move |state| state.run.as_ref().is_some_and(|run| run.progress == progress));
    let last = || {
        let exited = states.iter().filter(|state| state.run.as_ref().is_some_and(|run| run.exited_at.is_some()));
        exited.max_by_key(|state| state.run.as_ref().and_then(|run| run.exited_at))
    };
    named
        .or_else(|| at(StateProgress::Failed))
        .or_else(|| at(StateProgress::Current))
        .or_else(|| at(StateProgress::Aborted))
        .or_else(last)
        .or_else(|| states.iter().find(|state| state.is_start))
}

/// The first of the matching states that contains none of the others.
fn innermost(states: &[StateView], is_match: impl Fn(&StateView) -> bool) -> Option<&StateView> {
    let matching = || states.iter().filter(|state| is_match(state));
    matching().find(|state| !matching().any(|inner| inner.inside.as_ref() == Some(&state.name)))
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;
    use crate::desk::StateRun;

    fn state(name: &str, inside: Option<&str>, progress: StateProgress, exited: Option<i64>) -> StateView {
        let exited_at = exited.map(|seconds| OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds));
        StateView {
            name: name.into(),
            kind: "Task".into(),
            inside: inside.map(str::to_owned),
            is_start: name == "Start",
            definition: String::new(),
            run: Some(StateRun { progress, exited_at, ..StateRun::default() }),
        }
    }

    fn shown(states: &[StateView], name: Option<&str>) -> String {
        chosen(states, name).map(|state| state.name.clone()).unwrap_or_default()
    }

    #[test]
    fn without_a_selection_the_state_that_matters_most_is_shown() {
        let start = state("Start", None, StateProgress::Done, Some(1));
        let both = state("Both", None, StateProgress::Current, None);
        let left = state("Left", Some("Both"), StateProgress::Current, None);
        let failed = state("Failed", None, StateProgress::Failed, None);
        let later = state("Later", None, StateProgress::Done, Some(2));
        assert_eq!(shown(&[start.clone(), both.clone(), left.clone()], None), "Left");
        assert_eq!(shown(&[start.clone(), both.clone(), left, failed], None), "Failed");
        assert_eq!(shown(&[later, start.clone()], None), "Later");
        assert_eq!(shown(&[start.clone(), both], Some("Start")), "Start");
        let untouched = StateView { run: None, ..start };
        assert_eq!(shown(&[untouched], Some("unknown")), "Start");
        assert_eq!(shown(&[], None), "");
    }
}
