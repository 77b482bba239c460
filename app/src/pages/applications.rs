//! `/applications`: the list of applications, newest first by default. The query string holds the whole state of the
//! page.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::problem::or_problem;
use crate::{
    address,
    components::{ApplicationTable, Glyph, Icon, IncompleteBanner, NoticeBanner, SortLinks, count_of, shown_rows},
    desk::{Actor, ApplicationPage, ApplicationQuery, Counts, Desk, DeskError, Incomplete, Sort},
    domain::ApplicationStatus,
    request,
};

#[component]
pub fn ApplicationsPage() -> impl IntoView {
    let params = use_query_map().get_untracked();
    let query = ApplicationQuery {
        search: params.get("q").unwrap_or_default().trim().to_owned(),
        status: params.get("status").as_deref().and_then(ApplicationStatus::from_key),
        sort: params.get("sort").as_deref().map(Sort::from_key).unwrap_or_default(),
        after: params.get("after").filter(|after| !after.is_empty()),
    };
    // The search in the top bar sends `go` to open the page of a reference directly. The filter of this page does not.
    let go = params.get("go").is_some();
    let asked = request::desk_and_actor();
    Suspend::new(async move {
        let page = async {
            let (desk, by) = asked.await?;
            if go {
                straight_to(desk.as_ref(), &by, &query).await
            } else {
                let (query, page) = find(desk.as_ref(), &by, query).await?;
                let (counts, incomplete) = (desk.counts(&by).await?, desk.incomplete());
                Ok(view! { <Found query page counts incomplete/> }.into_any())
            }
        };
        or_problem(page.await)
    })
}

/// The page that the query asks for, or the first page if `after` is not valid.
async fn find(
    desk: &dyn Desk,
    by: &Actor,
    query: ApplicationQuery,
) -> Result<(ApplicationQuery, ApplicationPage), DeskError> {
    match desk.applications(by, &query).await {
        Err(DeskError::NotAPage) => {
            let first = ApplicationQuery { after: None, ..query };
            let page = desk.applications(by, &first).await?;
            Ok((first, page))
        }
        page => page.map(|page| (query, page)),
    }
}

/// Redirects to the application that has exactly this reference, or one of whose valuations has it. Otherwise redirects to
/// the list, even if it has one row only: a random reference may contain what somebody typed.
async fn straight_to(desk: &dyn Desk, by: &Actor, query: &ApplicationQuery) -> Result<AnyView, DeskError> {
    let path = match desk.with_reference(by, &query.search).await? {
        Some(reference) => format!("/applications/{reference}"),
        None => address(query),
    };
    request::see_other(&path);
    Ok(().into_any())
}

#[component]
fn Found(
    query: ApplicationQuery,
    page: ApplicationPage,
    counts: Counts,
    incomplete: Option<Incomplete>,
) -> impl IntoView {
    let shows = shown_rows(&page.rows);
    // A later page does not change when applications are added before it.
    let counts = query.after.is_none().then(|| count_of(&counts, query.status));
    let filtered = !query.search.is_empty() || query.status.is_some();
    // Links to another order or page keep the filters.
    let at = query.clone();
    let with = move |sort: Sort, after: Option<String>| address(&ApplicationQuery { sort, after, ..at.clone() });
    let next = page.next.clone().map(|after| with(query.sort, Some(after)));
    let first = query.after.as_ref().map(|_| with(query.sort, None));
    let (caption, back, on) = match query.sort {
        Sort::Newest if query.search.is_empty() => {
            ("Applications, newest first", "Back to the newest", "Older applications")
        }
        Sort::Newest => ("Applications, whole words first", "Back to the first", "More applications"),
        Sort::By(..) => ("Applications, sorted by a column", "Back to the first", "More applications"),
    };
    let order = if query.search.is_empty() { ", newest first" } else { ", whole words first" };
    let csv = address_at("/applications.csv", &ApplicationQuery { sort: Sort::Newest, after: None, ..query.clone() });
    let sort = SortLinks { current: query.sort, address: Arc::new(move |sort| with(sort, None)) };
    view! {
        <Title text="Applications"/>
        <div class="page-head">
            <h1>"Applications"</h1>
            <a class="button secondary" href="/applications/new"><Icon glyph=Glyph::Plus/>"New application"</a>
        </div>
        <NoticeBanner/>
        <Filters query=query.clone()/>
        <IncompleteBanner incomplete/>
        <div data-live="applications" data-shows=shows data-counts=counts>
            {if page.rows.is_empty() {
                view! { <NoneFound filtered/> }.into_any()
            } else {
                view! {
                    <ApplicationTable caption rows=page.rows sort/>
                    <p class="under"><a class="download" href=csv download>"Download as CSV"</a>{order}</p>
                }
                .into_any()
            }}
            {(first.is_some() || next.is_some())
                .then(|| {
                    view! {
                        <nav class="paging" aria-label="Pages">
                            {first.map(|href| view! { <a class="button quiet" href=href>{back}</a> })}
                            {next
                                .map(|href| {
                                    view! {
                                        <a class="button quiet" href=href rel="next">{on}<Icon glyph=Glyph::ChevronRight/></a>
                                    }
                                })}
                        </nav>
                    }
                })}
        </div>
    }
}

#[component]
fn Filters(query: ApplicationQuery) -> impl IntoView {
    let chip = |status: Option<ApplicationStatus>| {
        let text = status.map_or("All".to_owned(), |status| status.to_string());
        view! {
            <li>
                <a
                    class="chip"
                    href=address(&ApplicationQuery { status, after: None, ..query.clone() })
                    aria-current=(query.status == status).then_some("true")
                >
                    {text}
                </a>
            </li>
        }
    };
    let chips = std::iter::once(None).chain(ApplicationStatus::ALL.into_iter().map(Some)).map(chip).collect_view();
    view! {
        <div class="filters">
            <form class="filter" action="/applications" method="get" data-live-search>
                <label class="visually-hidden" for="filter">"Filter these applications"</label>
                <Icon glyph=Glyph::Search/>
                <input id="filter" name="q" type="search" placeholder="Filter" autocomplete="off" value=query.search.clone()/>
                {query.status.map(|status| view! { <input type="hidden" name="status" value=status.key()/> })}
                {query.sort.key().map(|sort| view! { <input type="hidden" name="sort" value=sort/> })}
                <button class="button quiet" type="submit">"Filter"</button>
            </form>
            <nav aria-label="Status" data-live="statuses"><ul class="chips">{chips}</ul></nav>
        </div>
    }
}

#[component]
fn NoneFound(filtered: bool) -> impl IntoView {
    if filtered {
        view! {
            <div class="empty">
                <p>"No applications match."</p>
                <p><a href="/applications">"Show all applications"</a></p>
            </div>
        }
        .into_any()
    } else {
        view! {
            <div class="empty">
                <p>"There are no applications yet. Submit the first one here."</p>
                <p><a class="button" href="/applications/new">"New application"</a></p>
            </div>
        }
        .into_any()
    }
}

/// The address of this page for a query.
fn address(query: &ApplicationQuery) -> String {
    address_at("/applications", query)
}

fn address_at(path: &str, query: &ApplicationQuery) -> String {
    let search = (!query.search.is_empty()).then(|| format!("q={}", address::escape(&query.search)));
    let status = query.status.map(|status| format!("status={}", status.key()));
    let sort = query.sort.key().map(|sort| format!("sort={sort}"));
    let after = query.after.as_deref().map(|after| format!("after={}", address::escape(after)));
    let query = [search, status, sort, after].into_iter().flatten().collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::{Column, Direction};

    #[test]
    fn every_state_of_the_page_has_an_address() {
        assert_eq!(address(&ApplicationQuery::default()), "/applications");
        let query = ApplicationQuery {
            search: "PO1 1CE".into(),
            status: Some(ApplicationStatus::Approved),
            sort: Sort::By(Column::Amount, Direction::Descending),
            after: Some("a&b".into()),
        };
        assert_eq!(address(&query), "/applications?q=PO1%201CE&status=approved&sort=-amount&after=a%26b");
    }
}
