//! `/applications/{reference}`: one application, its story in business words and its workflow in the engine's.

mod facts;
mod story;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{
    hooks::{use_params_map, use_query_map},
    location::Url,
};

use self::{facts::FactsPanel, story::Story};
use super::problem::or_problem;
use crate::{
    components::{NoticeBanner, Status},
    desk::{ApplicationView, Desk, DeskError, WaitingOn},
    domain::ApplicationReference,
    request,
};

/// What is shown below the head, chosen by `?tab=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Story,
    Workflow,
}

#[component]
pub fn ApplicationPage() -> impl IntoView {
    let reference = use_params_map().get_untracked().get("reference").unwrap_or_default();
    let query = use_query_map().get_untracked();
    let tab = if query.get("tab").as_deref() == Some("workflow") { Tab::Workflow } else { Tab::Story };
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
    let body = match tab {
        Tab::Story => view! {
            <div class="story-and-facts" data-live="story">
                <Story entries=application.story.clone() waiting=application.row.waiting.clone()/>
                <FactsPanel application=application.clone() policy=desk.about().policy/>
            </div>
        }
        .into_any(),
        Tab::Workflow => ().into_any(),
    };
    Ok(view! {
        <Head application tab/>
        {body}
    }
    .into_any())
}

#[component]
fn Head(application: ApplicationView, tab: Tab) -> impl IntoView {
    let row = application.row;
    let reference = row.application.application_reference.to_string();
    let property = &row.application.property;
    let whose = match &row.application.applicant {
        Some(applicant) => format!("{applicant} · {}, {}", property.name_or_number, property.postcode),
        None => format!("{}, {}", property.name_or_number, property.postcode),
    };
    let action = row.waiting.filter(|item| item.on == WaitingOn::Staff).map(|item| {
        view! {
            <a class="button" href=format!("/manual-valuations/{}", Url::escape(&item.id))>"Value the property"</a>
        }
    });
    let tab_link = |this: Tab, href: String, text: &'static str| {
        view! { <a href=href aria-current=(this == tab).then_some("page")>{text}</a> }
    };
    view! {
        <Title text=reference.clone()/>
        <div class="page-head" data-live="head" data-watch=reference.clone()>
            <div>
                <p class="crumbs"><a href="/applications">"Applications"</a></p>
                <h1>{reference.clone()}</h1>
                <p class="lead">{whose}</p>
            </div>
            <div class="page-head-end" id="status" data-version=row.status.key()>
                <Status status=row.status/>
                {action}
            </div>
        </div>
        <NoticeBanner/>
        {application
            .remark
            .map(|remark| view! { <p class="remark">{remark}</p> })}
        <nav class="tabs" aria-label="Views of this application">
            {tab_link(Tab::Story, format!("/applications/{reference}"), "Story")}
            {tab_link(Tab::Workflow, format!("/applications/{reference}?tab=workflow"), "Workflow")}
        </nav>
    }
}
