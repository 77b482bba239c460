//! `/applications`: the list of applications, newest first by default. The query string holds the whole state of the
//! page.

use std::sync::Arc;

use futures_util::try_join;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use time::Date;

use super::problem::or_problem;
use crate::{
    components::{
        ApplicationTable, Glyph, Icon, IncompleteBanner, NoticeBanner, SortLinks, StatusLegend, all_counts, shown_rows,
    },
    desk::{
        Actor, Age, ApplicationPage, ApplicationQuery, Counts, DAY_KEYS, Desk, DeskError, Incomplete, Sort, Stage,
        Tally,
    },
    domain::{ApplicationStatus, grouped, iso_day},
    request,
};

#[component]
pub fn ApplicationsPage() -> impl IntoView {
    let params = use_query_map().get_untracked();
    let query = ApplicationQuery::read(|name| params.get(name));
    let wrong_days = ApplicationQuery::wrong_days(|name| params.get(name));
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
                let (counts, tally) = try_join!(desk.counts(&by), desk.tally(&by, &query))?;
                let incomplete = desk.incomplete();
                Ok(view! { <Found query page counts tally wrong_days incomplete/> }.into_any())
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
    tally: Tally,
    /// Days in the address that are none.
    wrong_days: Vec<String>,
    incomplete: Option<Incomplete>,
) -> impl IntoView {
    let shows = shown_rows(&page.rows);
    // A later page does not change when applications are added before it. The first one shows all counts.
    let counts = query.after.is_none().then(|| all_counts(&counts));
    let filtered = !query.filters().is_empty();
    let range = range(page.before, page.rows.len(), tally);
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
    let csv = ApplicationQuery { sort: Sort::Newest, after: None, ..query.clone() }.address("/applications.csv");
    let sort = SortLinks { current: query.sort, address: Arc::new(move |sort| with(sort, None)) };
    view! {
        <Title text="Applications"/>
        <div class="page-head">
            <h1>"Applications"</h1>
            <a class="button secondary" href="/applications/new"><Icon glyph=Glyph::Plus/>"New application"</a>
        </div>
        <NoticeBanner/>
        <Filters query=query.clone() tally wrong_days/>
        <IncompleteBanner incomplete/>
        <div data-live="applications" data-shows=shows data-counts=counts>
            {if page.rows.is_empty() {
                view! { <NoneFound filtered/> }.into_any()
            } else {
                view! {
                    <ApplicationTable caption rows=page.rows sort/>
                    <p class="under">{range} " · "<a class="download" href=csv download>"Download as CSV"</a>{order}</p>
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

/// `1–50 of 306`
fn range(before: usize, rows: usize, tally: Tally) -> String {
    let (from, to) = (before + 1, before + rows);
    // The rows and the count are not read at the same moment.
    let count = tally.count.max(to);
    match tally.is_exact {
        true => format!("{from}–{to} of {}", grouped(count)),
        false => format!("{from}–{to} of more than {}", grouped(count)),
    }
}

#[component]
fn Filters(query: ApplicationQuery, tally: Tally, wrong_days: Vec<String>) -> impl IntoView {
    let chip = |status: Option<ApplicationStatus>| {
        let text = status.map_or("All".to_owned(), |status| status.to_string());
        let count = match status {
            None => tally.by_status.map(|counts| counts.iter().sum()),
            Some(status) => tally.at(status),
        };
        let is_current = query.stage.is_none() && query.age.is_none() && query.status == status;
        let count = count.map(|count| view! { " "<span class="chip-count">{grouped(count)}</span> });
        view! {
            <li>
                <a
                    class="chip"
                    href=address(&ApplicationQuery { status, stage: None, age: None, after: None, ..query.clone() })
                    aria-current=is_current.then_some("true")
                >
                    {text}
                    {count}
                </a>
            </li>
        }
    };
    let stage = in_words(query.stage, query.age).map(|text| {
        let href = address(&ApplicationQuery { stage: None, age: None, after: None, ..query.clone() });
        view! {
            <li>
                <a class="chip" href=href aria-current="true">
                    {text}" "<Icon glyph=Glyph::Cross/><span class="visually-hidden">"Remove this filter"</span>
                </a>
            </li>
        }
    });
    let chips = std::iter::once(None).chain(ApplicationStatus::ALL.into_iter().map(Some)).map(chip).collect_view();
    let kept = query.filters().into_iter().filter(|(name, _)| ["status", "stage", "age"].contains(name));
    let kept = kept.chain(query.sort.key().map(|sort| ("sort", sort)));
    let kept = kept.map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view();
    let has_days = !(query.submitted.is_any() && query.decided.is_any() && wrong_days.is_empty());
    let is_reversed =
        [query.submitted, query.decided].iter().any(|days| days.from.zip(days.to).is_some_and(|(from, to)| from > to));
    let wrong = wrong_days.iter().map(|day| format!("“{day}” is not a date and was left out: write it as 2026-11-22."));
    let reversed = is_reversed.then(|| "The first day is after the last, so nothing matches.".to_owned());
    let problems = wrong.chain(reversed).map(|text| view! { <p class="field-error">{text}</p> }).collect_view();
    let [submitted_from, submitted_to, decided_from, decided_to] = DAY_KEYS;
    view! {
        <div class="filters">
            <form class="filter" action="/applications" method="get" data-live-search>
                <label class="visually-hidden" for="filter">"Filter these applications"</label>
                <Icon glyph=Glyph::Search/>
                <input id="filter" name="q" type="search" placeholder="Filter" autocomplete="off" value=query.search.clone()/>
                {kept}
                <button class="button quiet" type="submit">"Filter"</button>
                <details class="days" id="filter-days" open=has_days>
                    <summary>"Dates"</summary>
                    <div class="days-fields">
                        <Day name=submitted_from label="Submitted from" day=query.submitted.from/>
                        <Day name=submitted_to label="Submitted to" day=query.submitted.to/>
                        <Day name=decided_from label="Decided from" day=query.decided.from/>
                        <Day name=decided_to label="Decided to" day=query.decided.to/>
                    </div>
                    {problems}
                </details>
            </form>
            <nav aria-label="Status" data-live="statuses"><ul class="chips">{stage} {chips}</ul></nav>
        </div>
        <StatusLegend/>
    }
    .into_any()
}

/// `With staff, under a day`
fn in_words(stage: Option<Stage>, age: Option<Age>) -> Option<String> {
    match (stage, age) {
        (None, None) => None,
        (Some(stage), None) => Some(stage.to_string()),
        (None, Some(age)) => Some(format!("In its stage {age}")),
        (Some(stage), Some(age)) => Some(format!("{stage}, {age}")),
    }
}

#[component]
fn Day(name: &'static str, label: &'static str, day: Option<Date>) -> impl IntoView {
    view! {
        <label>
            <span>{label}</span>
            <input type="date" name=name value=day.map(iso_day)/>
        </label>
    }
    .into_any()
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
    query.address("/applications")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_which_rows_of_how_many_it_shows() {
        let tally = |count, is_exact| Tally { by_status: None, count, is_exact };
        assert_eq!(range(0, 50, tally(306, true)), "1–50 of 306");
        assert_eq!(range(300, 6, tally(306, true)), "301–306 of 306");
        assert_eq!(range(0, 50, tally(1_000, false)), "1–50 of more than 1,000");
        assert_eq!(range(0, 3, tally(2, true)), "1–3 of 3");
    }
}
