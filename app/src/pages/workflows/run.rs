//! `/workflows/{name}/executions/{execution}`: an execution, whether or not it belongs to an application.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::{
    desk::{DeskError, ExecutionView, StepFunctionsName},
    pages::{
        execution::{Execution, ExecutionBadge, LinkedFact, Links, machine_address},
        problem::or_problem,
    },
    request,
};

#[component]
pub fn ExecutionPage() -> impl IntoView {
    let params = use_params_map().get_untracked();
    let names = params.get("name").zip(params.get("execution"));
    let query = use_query_map().get_untracked();
    let links =
        Links { page: None, state: query.get("state"), event: query.get("event").and_then(|event| event.parse().ok()) };
    let asked = request::desk_and_actor();
    Suspend::new(async move {
        let page = async {
            let (desk, by) = asked.await?;
            let (machine, name) = names.and_then(read).ok_or(DeskError::NotFound)?;
            let execution = desk.execution(&by, &machine, &name, links.event.unwrap_or(1)).await?;
            let execution = execution.ok_or(DeskError::NotFound)?;
            Ok(view! { <Page execution links/> }.into_any())
        };
        or_problem(page.await)
    })
}

fn read((machine, name): (String, String)) -> Option<(StepFunctionsName, StepFunctionsName)> {
    Some((machine.parse().ok()?, name.parse().ok()?))
}

#[component]
fn Page(execution: ExecutionView, links: Links) -> impl IntoView {
    let (name, status) = (execution.name.to_string(), execution.status);
    let (machine, machine_href) = (execution.state_machine.to_string(), machine_address(&execution.state_machine));
    let application = execution.application.as_ref().map(ToString::to_string);
    let see_also = application.clone().map(|reference| LinkedFact {
        term: "Application",
        href: format!("/applications/{reference}?tab=workflow"),
        text: reference,
    });
    let lead = if application.is_some() { "" } else { "This execution belongs to no application of the desk." };
    view! {
        <Title text=format!("{name}, an execution of {machine}")/>
        <div class="page-head" data-live="head" data-shows=application>
            <div>
                <p class="crumbs">
                    <a href="/workflows">"Workflows"</a>" / "<a href=machine_href>{machine}</a>
                </p>
                <h1 class="long-name">{name.clone()}</h1>
                {(!lead.is_empty()).then(|| view! { <p class="lead">{lead}</p> })}
            </div>
            <div
                class="page-head-end"
                id="status"
                data-version=status.key()
                data-news=format!("{name}: {status}")
            >
                <ExecutionBadge status/>
            </div>
        </div>
        <Execution execution links see_also/>
    }
}
