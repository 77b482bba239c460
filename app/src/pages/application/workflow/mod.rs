//! The execution of an application, in the terms of Step Functions: its graph, the selected state, and its events.

mod chart;
mod events;
mod state;

use leptos::prelude::*;

use self::{
    chart::{Chart, Legend},
    events::EventTable,
    state::StatePanel,
};
use crate::{
    components::{Fact, Facts, TimeStyle, When},
    desk::WorkflowView,
    time_words,
};

#[component]
pub fn Workflow(
    workflow: WorkflowView,
    /// The name of the selected state.
    chosen: Option<String>,
) -> impl IntoView {
    let state = chosen.as_ref().and_then(|name| workflow.states.iter().find(|state| &state.name == name)).cloned();
    let took = workflow.stopped_at.map(|stopped| {
        time_words::precise((stopped - workflow.started_at).whole_milliseconds().try_into().unwrap_or(i64::MAX))
    });
    let (status, arn) = (workflow.status.clone(), workflow.execution_arn.clone());
    let (started, ended) = (workflow.started_at, workflow.stopped_at);
    view! {
        <div class="workflow" data-live="workflow">
            <section class="panel execution" aria-labelledby="execution">
                <h2 id="execution" class="visually-hidden">"Execution"</h2>
                <Facts>
                    <Fact term="Status"><code>{status}</code></Fact>
                    <Fact term="Started"><When at=started style=TimeStyle::Second/></Fact>
                    {ended
                        .map(|at| view! { <Fact term="Ended"><When at style=TimeStyle::Second/></Fact> })}
                    {took.map(|took| view! { <Fact term="Took">{took}</Fact> })}
                    <Fact term="ARN"><code>{arn}</code></Fact>
                </Facts>
            </section>
            <section class="workflow-graph" aria-labelledby="graph">
                <h2 id="graph">"State machine "<code>{workflow.state_machine.clone()}</code></h2>
                <div class="scroll" tabindex="0" role="region" aria-label="Graph" data-middle>
                    <Chart workflow=workflow.clone() chosen=chosen.clone()/>
                </div>
                <Legend/>
            </section>
            {state.map(|state| view! { <StatePanel state transitions=workflow.transitions.clone()/> })}
            <section class="workflow-events" aria-labelledby="events">
                <h2 id="events">"Events"</h2>
                <EventTable history=workflow.history state=chosen/>
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
