//! An execution as graph, states and events. The Workflow tab of an application and the page of an execution show the
//! same.

mod chart;
mod document;
mod events;
mod graph;
mod links;
mod pause;
mod progress;
mod state;
mod status;

use leptos::prelude::*;

use self::{
    document::{Document, FailureText},
    events::EventTable,
};
use crate::{
    address,
    components::{Fact, Facts, TimeStyle, When},
    desk::{ExecutionStatus, ExecutionView, StepFunctionsName},
    time_words,
};

pub use self::{document::Document as JsonDocument, graph::GraphAndState, links::Links, status::ExecutionBadge};

/// The address of a state machine's page.
pub fn machine_address(name: &StepFunctionsName) -> String {
    format!("/workflows/{}", address::escape(name.as_str()))
}

/// The address of an execution's page.
pub fn execution_address(state_machine: &StepFunctionsName, name: &StepFunctionsName) -> String {
    format!("{}/executions/{}", machine_address(state_machine), address::escape(name.as_str()))
}

#[component]
pub fn Execution(
    execution: ExecutionView,
    links: Links,
    /// A link to the page of the same execution elsewhere: its application, or its page in Workflows.
    #[prop(optional_no_strip)]
    see_also: Option<LinkedFact>,
) -> impl IntoView {
    let took = execution.stopped_at.map(|stopped| {
        time_words::precise((stopped - execution.started_at).whole_milliseconds().try_into().unwrap_or(i64::MAX))
    });
    let (status, arn, redrives) = (execution.status, execution.arn.clone(), execution.redrives);
    let (started, ended) = (execution.started_at, execution.stopped_at);
    let machine = execution.state_machine.clone();
    // The desk sends changes of applications only.
    let is_polled = status == ExecutionStatus::Running && execution.application.is_none();
    let waiting = execution.graph.states.iter().filter_map(|state| {
        let pause = state.run.as_ref()?.pause?;
        Some((state.name.clone(), pause))
    });
    let waiting: Vec<_> = waiting.collect();
    view! {
        <div class="workflow" data-live="workflow" data-polled=is_polled>
            <section class="panel execution" aria-labelledby="execution">
                <h2 id="execution" class="visually-hidden">"Execution"</h2>
                <Facts>
                    <Fact term="Status"><ExecutionBadge status/></Fact>
                    <Fact term="Started"><When at=started style=TimeStyle::Second/></Fact>
                    {ended.map(|at| view! { <Fact term="Ended"><When at style=TimeStyle::Second/></Fact> })}
                    {took.map(|took| view! { <Fact term="Took">{took}</Fact> })}
                    {(redrives > 0).then(|| view! { <Fact term="Redriven">{times(redrives)}</Fact> })}
                    <Fact term="State machine">
                        <a href=machine_address(&machine)>{machine.to_string()}</a>
                        {execution.version.map(|version| format!(", version {version}"))}
                    </Fact>
                    {see_also.map(|LinkedFact { term, href, text }| view! { <Fact term><a href=href>{text}</a></Fact> })}
                    <Fact term="ARN"><code>{arn}</code></Fact>
                </Facts>
                {execution.failure.map(|failure| view! { <FailureText failure/> })}
                <div class="documents">
                    {execution
                        .input
                        .map(|json| view! { <Document id="execution-input" name="Input of the execution" json is_open=false/> })}
                    {execution
                        .output
                        .map(|json| view! { <Document id="execution-output" name="Output of the execution" json is_open=false/> })}
                </div>
            </section>
            <section class="workflow-graph" aria-labelledby="graph">
                <h2 id="graph">"States"</h2>
                <GraphAndState graph=execution.graph links=links.clone()/>
            </section>
            <section class="workflow-events" aria-labelledby="events">
                <h2 id="events">"Events"</h2>
                <EventTable history=execution.history links waiting/>
            </section>
        </div>
    }
    .into_any()
}

/// A fact that is a link.
#[derive(Debug, Clone)]
pub struct LinkedFact {
    pub term: &'static str,
    pub href: String,
    pub text: String,
}

fn times(count: i32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
