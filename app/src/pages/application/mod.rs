//! `/applications/{reference}`: one application, its story in business words and its workflow in the engine's.

mod facts;
mod story;
mod workflow;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use self::{facts::FactsPanel, story::Story, workflow::Workflow};
use super::problem::or_problem;
use crate::{
    components::{NoticeBanner, Status},
    desk::{ApplicationView, Desk, DeskError, WaitingOn},
    domain::{ApplicationReference, ApplicationStatus},
    request,
};

/// What is shown below the head, chosen by `?tab=`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tab {
    Story,
    /// With the state that is looked at, from `?state=`.
    Workflow {
        state: Option<String>,
    },
}

#[component]
pub fn ApplicationPage() -> impl IntoView {
    let reference = use_params_map().get_untracked().get("reference").unwrap_or_default();
    let query = use_query_map().get_untracked();
    let tab = match query.get("tab").as_deref() {
        Some("workflow") => Tab::Workflow { state: query.get("state") },
        _ => Tab::Story,
    };
    let desk = request::desk();
    Suspend::new(async move {
        let page = match desk {
            Some(desk) => load(desk.as_ref(), &reference, tab).await,
            None => Err(DeskError::Unavailable),
        };
        or_problem(page)
    })
}

async fn load(desk: &dyn Desk, reference: &str, tab: Tab) -> Result<AnyView, DeskError> {
    let reference: ApplicationReference = reference.parse().map_err(|_| DeskError::NotFound)?;
    let application = desk.application(&reference).await?.ok_or(DeskError::NotFound)?;
    let is_workflow = matches!(tab, Tab::Workflow { .. });
    let body = match tab {
        Tab::Story => view! {
            <div class="story-and-facts" data-live="story">
                <Story entries=application.story.clone() waiting=application.row.waiting.clone()/>
                <FactsPanel application=application.clone() policy=desk.about().policy/>
            </div>
        }
        .into_any(),
        Tab::Workflow { state } => match desk.workflow(&reference).await? {
            Some(workflow) => view! { <Workflow workflow chosen=state/> }.into_any(),
            None => view! {
                <div data-live="workflow">
                    <p class="empty">{no_workflow(application.row.status)}</p>
                </div>
            }
            .into_any(),
        },
    };
    Ok(view! {
        <Head application is_workflow/>
        {body}
    }
    .into_any())
}

/// Why there is no execution to be shown.
fn no_workflow(status: ApplicationStatus) -> &'static str {
    match status {
        ApplicationStatus::Submitted => "Its workflow has not begun yet.",
        _ => {
            "Its workflow is not kept any more: Step Functions forgets an execution some time after its end. What \
             happened is told under Story."
        }
    }
}

#[component]
fn Head(application: ApplicationView, is_workflow: bool) -> impl IntoView {
    let row = application.row;
    let reference = row.application.application_reference.to_string();
    let property = &row.application.property;
    let whose = view! {
        {row.application.applicant.clone().map(|applicant| view! { <bdi>{applicant}</bdi> " · " })}
        <bdi>{property.name_or_number.clone()}</bdi>
        {format!(", {}", property.postcode)}
    };
    let action = row.waiting.filter(|item| item.on == WaitingOn::Staff).map(|item| {
        view! {
            <a class="button" href=format!("/manual-valuations/{}", request::escape(&item.id))>"Value the property"</a>
        }
    });
    let tab_link = |href: String, text: &'static str, is_here: bool| {
        view! { <a href=href aria-current=is_here.then_some("page")>{text}</a> }
    };
    view! {
        <Title text=reference.clone()/>
        <div class="page-head" data-live="head">
            <div>
                <p class="crumbs"><a href="/applications">"Applications"</a></p>
                <h1>{reference.clone()}</h1>
                <p class="lead">{whose}</p>
            </div>
            <div
                class="page-head-end"
                id="status"
                data-version=row.status.key()
                data-news=format!("{reference}: {}", row.status)
            >
                <Status status=row.status/>
                {action}
            </div>
        </div>
        <NoticeBanner/>
        <div data-live="remark">
            {application.remark.map(|remark| view! { <p class="remark">{remark}</p> })}
        </div>
        <nav class="tabs" aria-label="Views of this application">
            {tab_link(format!("/applications/{reference}"), "Story", !is_workflow)}
            {tab_link(format!("/applications/{reference}?tab=workflow"), "Workflow", is_workflow)}
        </nav>
    }
}
