//! The executions of a state machine as a table, with filters in the query string.

use leptos::prelude::*;

use crate::{
    address,
    components::{Glyph, Icon, TimeStyle, When},
    desk::{ExecutionPage, ExecutionQuery, ExecutionRow, ExecutionStatus, StepFunctionsError, StepFunctionsName},
    pages::execution::{ExecutionBadge, execution_address, machine_address},
    time_words,
};

/// The address of a state machine's page with this list. `version` is the version whose graph the page shows.
pub fn address(machine: &StepFunctionsName, version: Option<u64>, query: &ExecutionQuery) -> String {
    let version = version.map(|number| format!("version={number}"));
    let search = (!query.search.is_empty()).then(|| format!("q={}", address::escape(&query.search)));
    let status = query.status.map(|status| format!("status={status}"));
    let after = query.after.as_deref().map(|after| format!("after={}", address::escape(after)));
    let parts = [version, search, status, after].into_iter().flatten().collect::<Vec<_>>().join("&");
    let page = machine_address(machine);
    if parts.is_empty() { page } else { format!("{page}?{parts}#executions") }
}

#[component]
pub fn Executions(
    machine: StepFunctionsName,
    version: Option<u64>,
    query: ExecutionQuery,
    page: Result<ExecutionPage, StepFunctionsError>,
) -> impl IntoView {
    view! {
        <Filters machine=machine.clone() version query=query.clone()/>
        {match page {
            Err(error) => view! { <p class="refused">{error.to_string()}</p> }.into_any(),
            Ok(page) => view! { <Found machine version query page/> }.into_any(),
        }}
    }
    .into_any()
}

#[component]
fn Filters(machine: StepFunctionsName, version: Option<u64>, query: ExecutionQuery) -> impl IntoView {
    let chip = |status: Option<ExecutionStatus>| {
        let href = address(&machine, version, &ExecutionQuery { status, after: None, ..query.clone() });
        let text = status.map_or("All", ExecutionStatus::key);
        let is_here = query.status == status;
        view! { <li><a class="chip" href=href aria-current=is_here.then_some("true")>{text}</a></li> }
    };
    let chips = std::iter::once(None).chain(ExecutionStatus::ALL.into_iter().map(Some)).map(chip).collect_view();
    view! {
        <div class="filters">
            <form class="filter" action=format!("{}#executions", machine_address(&machine)) method="get">
                <label class="visually-hidden" for="execution-name">"Name of an execution, or part of it"</label>
                <Icon glyph=Glyph::Search/>
                <input
                    id="execution-name"
                    name="q"
                    type="search"
                    placeholder="Execution name"
                    autocomplete="off"
                    value=query.search.clone()
                />
                {version.map(|number| view! { <input type="hidden" name="version" value=number.to_string()/> })}
                {query.status.map(|status| view! { <input type="hidden" name="status" value=status.key()/> })}
                <button class="button quiet" type="submit">"Find"</button>
            </form>
            <nav aria-label="Status"><ul class="chips">{chips}</ul></nav>
        </div>
    }
    .into_any()
}

#[component]
fn Found(
    machine: StepFunctionsName,
    version: Option<u64>,
    query: ExecutionQuery,
    page: ExecutionPage,
) -> impl IntoView {
    let ExecutionPage { rows, next, is_first, searched } = page;
    let at = |after: Option<String>| address(&machine, version, &ExecutionQuery { after, ..query.clone() });
    let (first, next) = ((!is_first).then(|| at(None)), next.map(|after| at(Some(after))));
    let searched = searched.map(|searched| words_for_search(searched, is_first, next.is_some()));
    let on = if searched.is_some() { "Search older executions" } else { "Older executions" };
    view! {
        {if rows.is_empty() {
            view! { <div class="empty"><p>{nothing(&query)}</p></div> }.into_any()
        } else {
            view! { <Table machine=machine.clone() rows/> }.into_any()
        }}
        {searched.map(|words| view! { <p class="under">{words}</p> })}
        {(first.is_some() || next.is_some())
            .then(|| {
                view! {
                    <nav class="paging" aria-label="Pages of executions">
                        {first.map(|href| view! { <a class="button quiet" href=href>"Back to the newest"</a> })}
                        {next
                            .map(|href| {
                                view! {
                                    <a class="button quiet" href=href rel="next">{on}<Icon glyph=Glyph::ChevronRight/></a>
                                }
                            })}
                    </nav>
                }
            })}
    }
    .into_any()
}

/// How far a search has looked: Step Functions cannot search, so it compares names page by page.
fn words_for_search(searched: usize, is_first: bool, has_more: bool) -> String {
    match (is_first, has_more) {
        (true, true) => format!("Searched the newest {searched} executions. Older ones are not searched yet."),
        (false, true) => format!("Searched the next {searched} executions. Older ones are not searched yet."),
        (_, false) => "Searched all executions that Step Functions keeps.".to_owned(),
    }
}

fn nothing(query: &ExecutionQuery) -> &'static str {
    match (query.search.is_empty(), query.status) {
        (false, _) => "No execution of this name among those that were searched.",
        (true, Some(_)) => "No executions with this status.",
        (true, None) => "There are no executions.",
    }
}

#[component]
fn Table(machine: StepFunctionsName, rows: Vec<ExecutionRow>) -> impl IntoView {
    let rows = rows.into_iter().map(|row| {
        let took = row.stopped_at.map(|stopped| {
            time_words::precise((stopped - row.started_at).whole_milliseconds().try_into().unwrap_or(i64::MAX))
        });
        let redriven = (row.redrives > 0).then_some("redriven");
        view! {
            <tr>
                <th class="words" scope="row">
                    <a class="long-name target" href=execution_address(&machine, &row.name)>{row.name.to_string()}</a>
                    {redriven.map(|redriven| view! { <span class="under">{redriven}</span> })}
                </th>
                <td><ExecutionBadge status=row.status/></td>
                <td class="wide-enough"><When at=row.started_at style=TimeStyle::Second/></td>
                <td class="wide">
                    {match row.stopped_at {
                        Some(at) => view! { <When at style=TimeStyle::Second/> }.into_any(),
                        None => view! { <span class="quiet">"–"</span> }.into_any(),
                    }}
                </td>
                <td class="number wide">{took.unwrap_or_else(|| "–".to_owned())}</td>
            </tr>
        }
    });
    view! {
        <div class="scroll">
            <table class="table executions">
                <caption class="visually-hidden">"Executions, newest first"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Execution"</th>
                        <th scope="col">"Status"</th>
                        <th scope="col" class="wide-enough">"Started"</th>
                        <th scope="col" class="wide">"Ended"</th>
                        <th scope="col" class="number wide">"Took"</th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_the_list_has_an_address() {
        let machine: StepFunctionsName = "loan-processing".parse().unwrap();
        assert_eq!(address(&machine, None, &ExecutionQuery::default()), "/workflows/loan-processing");
        let query = ExecutionQuery {
            search: "LN-1 Zoë".into(),
            status: Some(ExecutionStatus::TimedOut),
            after: Some("3~a+b=".into()),
        };
        assert_eq!(
            address(&machine, Some(2), &query),
            "/workflows/loan-processing?version=2&q=LN-1%20Zo%C3%AB&status=TIMED_OUT&after=3~a%2Bb%3D#executions"
        );
    }

    #[test]
    fn a_search_says_how_far_it_has_looked() {
        assert!(words_for_search(5_000, true, true).starts_with("Searched the newest 5000 executions."));
        assert!(words_for_search(5_000, false, true).starts_with("Searched the next 5000 executions."));
        assert_eq!(words_for_search(12, true, false), "Searched all executions that Step Functions keeps.");
    }
}
