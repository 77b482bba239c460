//! `/applications/{reference}`: an application, with its story in business terms and its workflow in those of Step
//! Functions.

mod facts;
mod story;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use self::{facts::FactsPanel, story::Story};
use super::{
    execution::{Execution, LinkedFact, Links, execution_address},
    problem::or_problem,
};
use crate::{
    address,
    components::{NoticeBanner, Status},
    desk::{Actor, ApplicationRow, ApplicationView, Desk, DeskError, ExecutionView, StateProgress},
    domain::{ApplicationReference, ApplicationStatus},
    request,
};

/// The content below the heading, selected by `?tab=`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tab {
    Story,
    /// The workflow, with the state selected by `?state=`, and the page of events that contains event `?event=`.
    Workflow {
        state: Option<String>,
        event: usize,
    },
}

#[component]
pub fn ApplicationPage() -> impl IntoView {
    let reference = use_params_map().get_untracked().get("reference").unwrap_or_default();
    let query = use_query_map().get_untracked();
    let tab = match query.get("tab").as_deref() {
        Some("workflow") => Tab::Workflow {
            state: query.get("state"),
            event: query.get("event").and_then(|event| event.parse().ok()).unwrap_or(1),
        },
        _ => Tab::Story,
    };
    let asked = request::desk_and_actor();
    Suspend::new(async move {
        let page = async {
            let (desk, by) = asked.await?;
            load(desk.as_ref(), &by, &reference, tab).await
        };
        or_problem(page.await)
    })
}

async fn load(desk: &dyn Desk, by: &Actor, reference: &str, tab: Tab) -> Result<AnyView, DeskError> {
    let reference: ApplicationReference = reference.parse().map_err(|_| DeskError::NotFound)?;
    let is_workflow = matches!(tab, Tab::Workflow { .. });
    let (row, state, body) = match tab {
        Tab::Story => {
            let application = desk.application_with_story(by, &reference).await?.ok_or(DeskError::NotFound)?;
            let ApplicationView { row, story: entries, state } = application;
            let body = view! {
                <div class="story-and-facts" data-live="story">
                    <Story entries waiting=row.waiting.clone() state=state.clone()/>
                    <FactsPanel row=row.clone() policy=desk.about().policy/>
                </div>
            };
            (row, state.map(|state| state.name), body.into_any())
        }
        Tab::Workflow { state, event } => {
            let row = desk.application(by, &reference).await?.ok_or(DeskError::NotFound)?;
            let execution = desk.workflow(by, &reference, event).await?;
            let current = execution.as_ref().filter(|_| row.status == ApplicationStatus::InProgress).and_then(current);
            let body = match execution {
                Some(execution) => {
                    let links = Links { page: Some("tab=workflow".to_owned()), state, event: Some(event) };
                    let see_also = LinkedFact {
                        term: "Execution",
                        href: execution_address(&execution.state_machine, &execution.name),
                        text: "In Workflows".to_owned(),
                    };
                    view! { <Execution execution links see_also=Some(see_also)/> }.into_any()
                }
                None => view! {
                    <div data-live="workflow">
                        <p class="empty">{no_workflow(row.status)}</p>
                    </div>
                }
                .into_any(),
            };
            (row, current, body)
        }
    };
    Ok(view! {
        <Head row state is_workflow/>
        {body}
    }
    .into_any())
}

/// The name of the state that the execution is in, innermost if states contain each other.
fn current(execution: &ExecutionView) -> Option<String> {
    let states = execution.graph.states.iter().filter_map(|state| Some((state, state.run.as_ref()?)));
    let current = states.filter(|(_, run)| run.progress == StateProgress::Current);
    current.max_by_key(|(_, run)| run.entered_at).map(|(state, _)| state.name.clone())
}

/// Why there is no execution to show.
fn no_workflow(status: ApplicationStatus) -> &'static str {
    match status {
        ApplicationStatus::Submitted => "Its workflow has not started yet.",
        _ => {
            "Its workflow is no longer available, because Step Functions deletes executions some time after they end. \
             The Story tab shows what happened."
        }
    }
}

#[component]
fn Head(
    row: ApplicationRow,
    /// The state of the workflow of an application in progress.
    state: Option<String>,
    is_workflow: bool,
) -> impl IntoView {
    let reference = row.application.application_reference.to_string();
    let property = &row.application.property;
    let whose = view! {
        {row.application.applicant.clone().map(|applicant| view! { <bdi>{applicant.to_string()}</bdi> " · " })}
        <bdi>{property.name_or_number.to_string()}</bdi>
        {format!(", {}", property.postcode)}
    };
    let action = row.waiting.and_then(|item| {
        let page = item.kind.page()?;
        Some(view! { <a class="button" href=page.address(&item.id)>{page.action}</a> })
    });
    let is_in_progress = row.status == ApplicationStatus::InProgress;
    let version = match &state {
        Some(state) => format!("{} {state}", row.status.key()),
        None => row.status.key().to_owned(),
    };
    let copy = format!("/applications/new?copy={}", address::escape(&reference));
    let tab_link = |href: String, text: &'static str, is_here: bool| {
        view! { <a href=href aria-current=is_here.then_some("page")>{text}</a> }
    };
    view! {
        <Title text=reference.clone()/>
        <div class="page-head" data-live="head" data-shows=reference.clone()>
            <div>
                <p class="crumbs"><a href="/applications">"Applications"</a></p>
                <h1>{reference.clone()}</h1>
                <p class="lead">{whose}</p>
            </div>
            <div
                class="page-head-end"
                id="status"
                data-version=version
                data-news=format!("{reference}: {}", row.status)
                data-polled=is_in_progress
            >
                <Status status=row.status state/>
                {action}
            </div>
        </div>
        <NoticeBanner/>
        <div class="explained" data-live="explained">
            {row.remark.map(|remark| view! { <p class="remark">{remark}</p> })}
            <p>{row.status.meaning()} " " {row.status.next_step()}</p>
            <p><a href=copy>"Copy as new application"</a></p>
        </div>
        <nav class="tabs" aria-label="Views of this application">
            {tab_link(format!("/applications/{reference}"), "Story", !is_workflow)}
            {tab_link(format!("/applications/{reference}?tab=workflow"), "Workflow", is_workflow)}
        </nav>
    }
}
