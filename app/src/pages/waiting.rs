//! `/waiting`: all tasks that wait for an answer, soonest deadline first.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::problem::or_problem;
use crate::{
    address,
    components::{
        Deadline, Glyph, Icon, IncompleteBanner, NoticeBanner, TimeStyle, When, shown, version, waiting_count,
    },
    desk::{self, Counts, Incomplete, WaitingItem},
    request,
};

/// The number of rows on a page.
const ROWS: usize = 50;

#[component]
pub fn WaitingPage() -> impl IntoView {
    let asked = request::desk_and_actor();
    let after = use_query_map().get_untracked().get("after").filter(|after| !after.is_empty());
    Suspend::new(async move {
        let waiting = async {
            let (desk, by) = asked.await?;
            let page = desk.waiting(&by, None, after.as_deref(), ROWS).await?;
            let (counts, incomplete) = (desk.counts(&by).await?, desk.incomplete());
            let is_first = after.is_none();
            Ok(view! { <Queue page is_first counts incomplete/> }.into_any())
        };
        or_problem(waiting.await)
    })
}

#[component]
fn Queue(page: desk::WaitingPage, is_first: bool, counts: Counts, incomplete: Option<Incomplete>) -> impl IntoView {
    let desk::WaitingPage { items, next } = page;
    let shows = shown(items.iter().map(|item| &item.application_reference));
    // A later page does not change when items are added before it.
    let counts = is_first.then(|| waiting_count(&counts));
    let next = next.map(|after| format!("/waiting?after={}", address::escape(&after)));
    view! {
        <Title text="Waiting"/>
        <div class="page-head">
            <div>
                <h1>"Waiting"</h1>
                <p class="lead">"Everything paused until somebody answers, soonest deadline first."</p>
            </div>
        </div>
        <NoticeBanner/>
        <IncompleteBanner incomplete/>
        <div data-live="waiting" data-shows=shows data-counts=counts>
            {if items.is_empty() && is_first {
                view! {
                    <div class="empty">
                        <p>"Nothing is waiting for an answer."</p>
                        <p><a href="/applications">"All applications"</a></p>
                    </div>
                }
                .into_any()
            } else if items.is_empty() {
                view! { <div class="empty"><p>"Nothing is waiting on this page any more."</p></div> }.into_any()
            } else {
                view! { <WaitingTable caption="What is waiting, soonest deadline first" items is_mixed=true/> }
                    .into_any()
            }}
            {(!is_first || next.is_some())
                .then(|| {
                    view! {
                        <nav class="paging" aria-label="Pages">
                            {(!is_first).then(|| view! { <a class="button quiet" href="/waiting">"Back to the first page"</a> })}
                            {next
                                .map(|href| {
                                    view! {
                                        <a class="button quiet" href=href rel="next">"Later deadlines"<Icon glyph=Glyph::ChevronRight/></a>
                                    }
                                })}
                        </nav>
                    }
                })}
        </div>
    }
}

/// A table with one row for each task token.
#[component]
pub fn WaitingTable(
    caption: &'static str,
    items: Vec<WaitingItem>,
    /// Whether the items are of different kinds, so that columns show what each is for and who must answer.
    #[prop(optional)]
    is_mixed: bool,
) -> impl IntoView {
    let next = items.iter().find(|item| item.kind.page().is_some()).map(|item| item.id.clone());
    let rows = items
        .into_iter()
        .map(|item| {
            let is_next = next.as_ref() == Some(&item.id);
            view! { <Row item is_mixed is_next/> }
        })
        .collect_view();
    view! {
        <div class="scroll">
            <table class="table">
                <caption class="visually-hidden">{caption}</caption>
                <thead>
                    <tr>
                        <th scope="col">"Application"</th>
                        {is_mixed
                            .then(|| {
                                view! {
                                    <th scope="col" class="wide">"Task"</th>
                                    <th scope="col" class="wide">"Waiting on"</th>
                                }
                            })}
                        <th scope="col" class="wide">"Since"</th>
                        <th scope="col">"Deadline"</th>
                        <th scope="col"><span class="visually-hidden">"Action"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Row(
    item: WaitingItem,
    is_mixed: bool,
    /// Whether this is the first item that staff should answer.
    is_next: bool,
) -> impl IntoView {
    let reference = item.application_reference.to_string();
    let (id, version) = (format!("waiting-{}", item.id), version(item.deadline, &item.id));
    let kind = item.kind;
    let action = kind.page().map(|page| {
        let class = if is_next { "button small" } else { "button secondary small" };
        view! {
            <a class=class href=page.address(&item.id)>
                {page.verb}<span class="visually-hidden">" for " {reference.clone()}</span>
            </a>
        }
    });
    view! {
        <tr id=id data-version=version data-news=format!("{reference} waits: {kind}")>
            <th class="words" scope="row">
                <a class="reference" href=format!("/applications/{reference}")>{reference.clone()}</a>
                <span class="under">
                    <bdi>{item.applicant.clone().map(|applicant| format!("{applicant} · "))}{item.property.clone()}</bdi>
                </span>
                {item.reason.clone().map(|reason| view! { <span class="under reason">{reason}</span> })}
            </th>
            {is_mixed
                .then(|| {
                    view! {
                        <td class="wide what">{kind.to_string()}</td>
                        <td class="wide what">{kind.waits_on().to_string()}</td>
                    }
                })}
            <td class="wide quiet"><When at=item.since style=TimeStyle::Relative/></td>
            <td><Deadline item/></td>
            <td class="action">{action}</td>
        </tr>
    }
    .into_any()
}
