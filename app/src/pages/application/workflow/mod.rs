//! The execution behind an application, in the engine's words: its graph, one of its states, its events.

mod chart;
mod events;
mod state;

use leptos::prelude::*;

use self::{chart::Chart, events::EventTable, state::StatePanel};
use crate::{
    components::{Fact, Facts, TimeStyle, When},
    desk::WorkflowView,
    time_words,
};

#[component]
pub fn Workflow(
    workflow: WorkflowView,
    /// The name of the state that is looked at.
    chosen: Option<String>,
) -> impl IntoView {
    let state = chosen.as_ref().and_then(|name| workflow.states.iter().find(|state| &state.name == name)).cloned();
    let took = workflow.stopped_at.map(|stopped| {
        time_words::precise((stopped - workflow.started_at).whole_milliseconds().try_into().unwrap_or(i64::MAX))
    });
    view! {
        <div class="workflow" data-live="workflow">
            <section class="workflow-graph" aria-labelledby="graph">
                <h2 id="graph">"State machine "<code>{workflow.state_machine.clone()}</code></h2>
                <Chart workflow=workflow.clone() chosen/>
            </section>
            <div class="workflow-side">
                <section class="panel" aria-labelledby="execution">
                    <h2 id="execution">"Execution"</h2>
                    <Facts>
                        <Fact term="Status"><code>{workflow.status.clone()}</code></Fact>
                        <Fact term="Started"><When at=workflow.started_at style=TimeStyle::Minute/></Fact>
                        {workflow
                            .stopped_at
                            .map(|at| view! { <Fact term="Ended"><When at style=TimeStyle::Minute/></Fact> })}
                        {took.map(|took| view! { <Fact term="Took">{took}</Fact> })}
                        <Fact term="ARN"><code>{workflow.execution_arn.clone()}</code></Fact>
                    </Facts>
                </section>
            </div>
            {state.map(|state| view! { <StatePanel state transitions=workflow.transitions.clone()/> })}
            <section class="workflow-events" aria-labelledby="events">
                <h2 id="events">"Events"</h2>
                <EventTable events=workflow.events/>
            </section>
        </div>
    }
    .into_any()
}

/// JSON with a button to copy it.
#[component]
fn Json(json: String) -> impl IntoView {
    view! {
        <div class="json">
            <button class="copy" type="button" data-copy>"Copy"</button>
            <pre tabindex="0">{json}</pre>
        </div>
    }
}
