//! `/workflows/{name}`: a state machine: its graph, versions, aliases and executions.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::executions::{self, Executions};
use crate::{
    components::{Fact, Facts, TimeStyle, When},
    desk::{
        AliasRow, DeskError, ExecutionQuery, ExecutionStatus, StateMachineView, StepFunctionsError, StepFunctionsName,
        VersionRow,
    },
    pages::{
        execution::{GraphAndState, JsonDocument, Links},
        problem::or_problem,
    },
    request,
};

#[component]
pub fn StateMachinePage() -> impl IntoView {
    let name = use_params_map().get_untracked().get("name").unwrap_or_default();
    let params = use_query_map().get_untracked();
    let version = params.get("version").and_then(|version| version.parse().ok());
    let query = ExecutionQuery {
        search: params.get("q").unwrap_or_default().trim().to_owned(),
        status: params.get("status").as_deref().and_then(ExecutionStatus::from_key),
        after: params.get("after").filter(|after| !after.is_empty()),
    };
    let state = params.get("state");
    let asked = request::desk_and_actor();
    Suspend::new(async move {
        let page = async {
            let (desk, by) = asked.await?;
            let name: StepFunctionsName = name.parse().map_err(|_| DeskError::NotFound)?;
            let machine = desk.state_machine(&by, &name, version, &query).await?.ok_or(DeskError::NotFound)?;
            Ok(view! { <Machine machine query state/> }.into_any())
        };
        or_problem(page.await)
    })
}

#[component]
fn Machine(machine: StateMachineView, query: ExecutionQuery, state: Option<String>) -> impl IntoView {
    let StateMachineView {
        name,
        arn,
        kind,
        status,
        created_at,
        version,
        definition,
        graph,
        versions,
        aliases,
        executions,
    } = machine;
    let lead = version.map(|number| format!("Version {number}"));
    let has_lead = lead.is_some();
    // Selecting a state keeps the version and the list of executions.
    let (_, kept) = executions::address(&name, version, &query)
        .split_once('?')
        .map(|(path, query)| (path.to_owned(), query.trim_end_matches("#executions").to_owned()))
        .unzip();
    let links = Links { page: kept, state, event: None };
    let listed = query.clone();
    let (of, current) = (name.clone(), executions::address(&name, None, &query));
    view! {
        <Title text=name.to_string()/>
        <div class="page-head">
            <div>
                <p class="crumbs"><a href="/workflows">"Workflows"</a></p>
                <h1 class="long-name">{name.to_string()}</h1>
                {lead.map(|lead| view! { <p class="lead">{lead} ". "<a href=current>"Show the current definition"</a></p> })}
            </div>
        </div>
        <div class="workflow" data-live="state-machine">
            <section class="panel execution" aria-labelledby="facts">
                <h2 id="facts" class="visually-hidden">"State machine"</h2>
                <Facts>
                    <Fact term="Type"><code>{kind.key()}</code></Fact>
                    <Fact term="Status"><code>{status}</code></Fact>
                    <Fact term=if has_lead { "Version created" } else { "Created" }>
                        <When at=created_at style=TimeStyle::Minute/>
                    </Fact>
                    <Versions name=of shown=version query=query.clone() versions/>
                    <Aliases aliases/>
                    <Fact term="ARN"><code>{arn}</code></Fact>
                </Facts>
            </section>
            <section aria-labelledby="executions">
                <h2 id="executions">"Executions"</h2>
                {match executions {
                    Some(page) => view! { <Executions machine=name version query=listed page/> }.into_any(),
                    None => view! {
                        <div class="empty">
                            <p>"Step Functions does not keep the executions of Express state machines, so they cannot be listed here. With logging enabled, they are in CloudWatch Logs."</p>
                        </div>
                    }
                    .into_any(),
                }}
            </section>
            <section class="workflow-graph" aria-labelledby="graph">
                <h2 id="graph">"Definition"</h2>
                <GraphAndState graph links/>
                <JsonDocument id="definition" name="Amazon States Language" json=definition is_open=false/>
            </section>
        </div>
    }
}

#[component]
fn Versions(
    name: StepFunctionsName,
    shown: Option<u64>,
    query: ExecutionQuery,
    versions: Result<Vec<VersionRow>, StepFunctionsError>,
) -> impl IntoView {
    let versions = match versions {
        Err(error) => {
            return view! { <Fact term="Versions"><span class="refused">{error.to_string()}</span></Fact> }.into_any();
        }
        Ok(versions) if versions.is_empty() => {
            return view! { <Fact term="Versions">"None published"</Fact> }.into_any();
        }
        Ok(versions) => versions,
    };
    let versions = versions.into_iter().map(move |VersionRow { number, created_at }| {
        let href = executions::address(&name, Some(number), &query).replace("#executions", "#graph");
        view! {
            <li>
                <a href=href aria-current=(shown == Some(number)).then_some("true")>{number}</a>
                " "<span class="quiet"><When at=created_at style=TimeStyle::Minute/></span>
            </li>
        }
    });
    let versions = versions.collect_view();
    view! { <Fact term="Versions"><ul>{versions}</ul></Fact> }.into_any()
}

#[component]
fn Aliases(aliases: Result<Vec<AliasRow>, StepFunctionsError>) -> impl IntoView {
    match aliases {
        Err(error) => view! { <Fact term="Aliases"><span class="refused">{error.to_string()}</span></Fact> }.into_any(),
        Ok(aliases) if aliases.is_empty() => ().into_any(),
        Ok(aliases) => {
            let aliases = aliases.into_iter().map(|alias| view! { <li><code>{alias.name}</code></li> }).collect_view();
            view! { <Fact term="Aliases"><ul>{aliases}</ul></Fact> }.into_any()
        }
    }
}
