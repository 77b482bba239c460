//! `/workflows`: every state machine of the backend.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::executions;
use crate::{
    address,
    components::{Glyph, Icon, TimeStyle, When},
    desk::{self, ExecutionQuery, NewestExecutions, StateMachineRow, StepFunctionsError, StepFunctionsName},
    pages::{
        execution::{ExecutionBadge, machine_address},
        problem::or_problem,
    },
    request,
};

#[component]
pub fn WorkflowsPage() -> impl IntoView {
    let asked = request::desk_and_actor();
    let after = use_query_map().get_untracked().get("after").filter(|after| !after.is_empty());
    Suspend::new(async move {
        let page = async {
            let (desk, by) = asked.await?;
            let page = desk.state_machines(&by, after.as_deref()).await?;
            Ok(view! { <Machines page/> }.into_any())
        };
        or_problem(page.await)
    })
}

#[component]
fn Machines(page: desk::StateMachinePage) -> impl IntoView {
    let desk::StateMachinePage { machines, next, is_first } = page;
    let next = next.map(|after| format!("/workflows?after={}", address::escape(&after)));
    let is_empty = machines.is_empty();
    view! {
        <Title text="Workflows"/>
        <div class="page-head">
            <div>
                <h1>"Workflows"</h1>
                <p class="lead">"The state machines of this account and region, and their executions, in the terms of Step Functions."</p>
            </div>
        </div>
        {if is_empty {
            view! { <div class="empty"><p>"There are no state machines here."</p></div> }.into_any()
        } else {
            view! {
                <div class="scroll">
                    <table class="table machines">
                        <caption class="visually-hidden">"State machines"</caption>
                        <thead>
                            <tr>
                                <th scope="col">"State machine"</th>
                                <th scope="col" class="wide-enough">"Type"</th>
                                <th scope="col" class="wide">"Created"</th>
                                <th scope="col">"Newest executions"</th>
                            </tr>
                        </thead>
                        <tbody>{machines.into_iter().map(|row| view! { <Row row/> }).collect_view()}</tbody>
                    </table>
                </div>
            }
            .into_any()
        }}
        {(!is_first || next.is_some())
            .then(|| {
                view! {
                    <nav class="paging" aria-label="Pages">
                        {(!is_first).then(|| view! { <a class="button quiet" href="/workflows">"Back to the first page"</a> })}
                        {next
                            .map(|href| {
                                view! {
                                    <a class="button quiet" href=href rel="next">"More state machines"<Icon glyph=Glyph::ChevronRight/></a>
                                }
                            })}
                    </nav>
                }
            })}
    }
}

#[component]
fn Row(row: StateMachineRow) -> impl IntoView {
    let StateMachineRow { name, kind, created_at, newest } = row;
    view! {
        <tr>
            <th class="words" scope="row">
                <a class="long-name target" href=machine_address(&name)>{name.to_string()}</a>
            </th>
            <td class="wide-enough"><code>{kind.key()}</code></td>
            <td class="wide quiet"><When at=created_at style=TimeStyle::Minute/></td>
            <td>
                {match newest {
                    None => view! { <span class="quiet">"Express executions are not stored by Step Functions"</span> }.into_any(),
                    Some(newest) => view! { <Newest name newest/> }.into_any(),
                }}
            </td>
        </tr>
    }
    .into_any()
}

/// The newest executions by status, each a link to the list of that status.
#[component]
fn Newest(name: StepFunctionsName, newest: Result<NewestExecutions, StepFunctionsError>) -> impl IntoView {
    let newest = match newest {
        Err(error) => return view! { <span class="refused">{error.to_string()}</span> }.into_any(),
        Ok(newest) if newest.counts.is_empty() => return view! { <span class="quiet">"None yet"</span> }.into_any(),
        Ok(newest) => newest,
    };
    let total = newest.total();
    let counts = newest.counts.iter().map(|&(status, count)| {
        let query = ExecutionQuery { status: Some(status), ..ExecutionQuery::default() };
        view! {
            <li>
                <a class="counted" href=executions::address(&name, None, &query)>{count} " "<ExecutionBadge status/></a>
            </li>
        }
    });
    view! {
        <ul class="counts">{counts.collect_view()}</ul>
        {newest.has_more.then(|| view! { <span class="under">{format!("of the newest {total}")}</span> })}
    }
    .into_any()
}
