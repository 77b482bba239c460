//! `/waiting`: the tasks that wait for an answer, soonest deadline first. What staff have to answer and what the valuation
//! service owes are on different tabs, `?on=`, because the latter come and go every second.
//!
//! The rows of an open page do not move. A live update asks for the rows that the page shows: those that are over stay
//! where they are and say what happened. New tasks are only announced, and are shown when the page is loaded again.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::problem::or_problem;
use crate::{
    address,
    components::{
        Deadline, Glyph, Icon, IncompleteBanner, NoticeBanner, TimeStyle, When, shown, version, waiting_counts,
    },
    desk::{Actor, Counts, Desk, DeskError, Incomplete, WaitingItem, WaitingRow},
    domain::WaitingOn,
    request,
};

/// The number of rows on a page.
const ROWS: usize = 50;

#[component]
pub fn WaitingPage() -> impl IntoView {
    let asked = request::desk_and_actor();
    let query = use_query_map().get_untracked();
    let after = query.get("after").filter(|after| !after.is_empty());
    let on = query.get("on").as_deref().and_then(WaitingOn::from_key).unwrap_or(WaitingOn::Staff);
    let (kept, here) = (request::shown_rows(), request::path_and_query());
    Suspend::new(async move {
        let waiting = async {
            let (desk, by) = asked.await?;
            let list = List::read(desk.as_ref(), &by, on, after, &kept).await?;
            let (counts, incomplete) = (desk.counts(&by).await?, desk.incomplete());
            Ok(view! { <Queue on list counts incomplete here/> }.into_any())
        };
        or_problem(waiting.await)
    })
}

/// What a page shows.
struct List {
    rows: Vec<WaitingRow>,
    /// The number of tasks that would be among the rows if the page were loaded again.
    new: usize,
    /// Whether it is the first page.
    is_first: bool,
    /// The `after` of the next page.
    next: Option<String>,
}

impl List {
    /// Reads a page. `kept` are the rows of the page if it is open.
    async fn read(
        desk: &dyn Desk,
        by: &Actor,
        on: WaitingOn,
        after: Option<String>,
        kept: &[String],
    ) -> Result<Self, DeskError> {
        let page = desk.waiting(by, Some(on), after.as_deref(), ROWS).await?;
        let (is_first, next) = (after.is_none(), page.next);
        if kept.is_empty() {
            let rows = page.items.into_iter().map(WaitingRow::from).collect();
            return Ok(Self { rows, new: 0, is_first, next });
        }
        let rows = desk.tasks(by, kept).await?;
        let new = new_tasks(&rows, &page.items);
        Ok(Self { rows, new, is_first, next })
    }
}

/// The number of tasks that are not among the rows of an open page, and belong there. Behind the last row of a full page,
/// they belong to the next page.
fn new_tasks(rows: &[WaitingRow], now: &[WaitingItem]) -> usize {
    let place = |item: &WaitingItem| (item.deadline, item.id.clone());
    let end = rows.iter().map(|row| place(&row.item)).max().filter(|_| rows.len() >= ROWS);
    let is_shown = |item: &WaitingItem| rows.iter().any(|row| row.item.id == item.id);
    now.iter().filter(|item| !is_shown(item) && end.as_ref().is_none_or(|end| place(item) < *end)).count()
}

#[component]
fn Queue(on: WaitingOn, list: List, counts: Counts, incomplete: Option<Incomplete>, here: String) -> impl IntoView {
    let List { rows, new, is_first, next } = list;
    let shows = shown(rows.iter().map(|row| &row.item.application_reference));
    // A later page does not change when items are added before it.
    let live_counts = is_first.then(|| waiting_counts(&counts, on));
    let next = next.map(|after| format!("{}&after={}", address_of(on), address::escape(&after)));
    let caption = match on {
        WaitingOn::Staff => "What waits on staff, soonest deadline first",
        WaitingOn::ValuationService => "What waits on the valuation service, soonest deadline first",
    };
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
        <nav class="tabs" aria-label="Whom it waits on">
            <Tab on=WaitingOn::Staff here=on counts=counts.clone()/>
            <Tab on=WaitingOn::ValuationService here=on counts=counts.clone()/>
        </nav>
        <div data-live="waiting" data-shows=shows data-counts=live_counts>
            <p class="news" id="news" data-version=new data-news=announcement(new)>
                {(new > 0).then(|| view! { <a href=here>{announcement(new)}</a> })}
            </p>
            {if rows.is_empty() {
                view! { <Empty on is_first counts/> }.into_any()
            } else {
                let is_mixed = rows.windows(2).any(|pair| pair[0].item.kind != pair[1].item.kind);
                view! { <div class="still"><WaitingTable caption rows is_mixed is_still=true/></div> }.into_any()
            }}
        </div>
        {(!is_first || next.is_some())
            .then(|| {
                view! {
                    <nav class="paging" aria-label="Pages">
                        {(!is_first)
                            .then(|| view! { <a class="button quiet" href=address_of(on)>"Back to the first page"</a> })}
                        {next
                            .map(|href| {
                                view! {
                                    <a class="button quiet" href=href rel="next">"Later deadlines"<Icon glyph=Glyph::ChevronRight/></a>
                                }
                            })}
                    </nav>
                }
            })}
    }
}

fn address_of(on: WaitingOn) -> String {
    format!("/waiting?on={}", on.key())
}

/// `2 new tasks: show them`
fn announcement(new: usize) -> Option<String> {
    match new {
        0 => None,
        1 => Some("1 new task: show it".to_owned()),
        new => Some(format!("{new} new tasks: show them")),
    }
}

#[component]
fn Tab(on: WaitingOn, here: WaitingOn, counts: Counts) -> impl IntoView {
    let text = match on {
        WaitingOn::Staff => "Waiting on staff",
        WaitingOn::ValuationService => "Waiting on the valuation service",
    };
    let count = counts.waiting.on(on);
    let count = (count > 0).then(|| count.to_string());
    view! {
        <a href=address_of(on) aria-current=(on == here).then_some("page")>
            {text} " " <span class="count" data-count=on.count_name()>{count}</span>
        </a>
    }
}

#[component]
fn Empty(on: WaitingOn, is_first: bool, counts: Counts) -> impl IntoView {
    let text = match on {
        _ if !is_first => "Nothing is left on this page.",
        _ if counts.waiting.all() == 0 => "Nothing is waiting for an answer.",
        WaitingOn::Staff => "No task needs an answer from staff.",
        WaitingOn::ValuationService => "The valuation service owes no answer.",
    };
    view! {
        <div class="empty">
            <p>{text}</p>
            <p><a href="/applications">"All applications"</a></p>
        </div>
    }
    .into_any()
}

/// A table with one row for each task.
#[component]
pub fn WaitingTable(
    caption: &'static str,
    rows: Vec<WaitingRow>,
    /// Whether the tasks are of different kinds, so that a column shows the kind of each.
    #[prop(optional)]
    is_mixed: bool,
    /// Whether live updates keep the rows in their places.
    #[prop(optional)]
    is_still: bool,
) -> impl IntoView {
    let is_to_answer = |row: &&WaitingRow| row.end.is_none() && row.item.kind.page().is_some();
    let next = rows.iter().find(is_to_answer).map(|row| row.item.id.clone());
    let rows = rows
        .into_iter()
        .map(|row| {
            let is_next = next.as_ref() == Some(&row.item.id);
            view! { <Row row is_mixed is_next is_still/> }
        })
        .collect_view();
    view! {
        <div class="scroll">
            <table class="table">
                <caption class="visually-hidden">{caption}</caption>
                <thead>
                    <tr>
                        <th scope="col">"Application"</th>
                        {is_mixed.then(|| view! { <th scope="col" class="wide">"Task"</th> })}
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
    row: WaitingRow,
    is_mixed: bool,
    /// Whether this is the first task that staff should answer.
    is_next: bool,
    is_still: bool,
) -> impl IntoView {
    let WaitingRow { item, end } = row;
    let reference = item.application_reference.to_string();
    let id = format!("waiting-{}", item.id);
    let kind = item.kind;
    let is_over = end.is_some();
    let (version, news) = match &end {
        None => (version(item.deadline, &item.id), format!("{reference} waits: {kind}")),
        Some(end) => (format!("over {}", item.id), format!("{reference}: {end}")),
    };
    let action = kind.page().map(|page| {
        let class = if is_next { "button small" } else { "button secondary small" };
        // The same link in both cases, so that it keeps the focus.
        let verb = if is_over { "See it" } else { page.verb };
        view! {
            <a class=class href=page.address(&item.id)>
                {verb}<span class="visually-hidden">" for " {reference.clone()}</span>
            </a>
        }
    });
    let deadline = match end {
        Some(end) => view! { <p class="end" title=end.clone()><bdi>{end.clone()}</bdi></p> }.into_any(),
        None => view! { <Deadline item=item.clone()/> }.into_any(),
    };
    view! {
        <tr
            id=id
            class=is_over.then_some("over")
            data-row=is_still.then(|| item.id.clone())
            data-version=version
            data-news=news
        >
            <th class="words" scope="row">
                <a class="reference" href=format!("/applications/{reference}")>{reference.clone()}</a>
                <span class="under">
                    <bdi>{item.applicant.clone().map(|applicant| format!("{applicant} · "))}{item.property.clone()}</bdi>
                </span>
                {item.reason.clone().map(|reason| view! { <span class="under reason">{reason}</span> })}
            </th>
            {is_mixed.then(|| view! { <td class="wide what">{kind.to_string()}</td> })}
            <td class="wide quiet"><When at=item.since style=TimeStyle::Relative/></td>
            <td>{deadline}</td>
            <td class="action">{action}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;
    use crate::domain::TaskKind;

    fn item(number: usize) -> WaitingItem {
        let since = datetime!(2026-11-22 14:31:30 UTC);
        WaitingItem {
            id: format!("task-{number:03}"),
            kind: TaskKind::ManualValuation,
            application_reference: "LN-1".parse().unwrap(),
            applicant: None,
            property: "999, PO1 1CE".into(),
            since,
            deadline: since + Duration::minutes(number as i64),
            reason: None,
        }
    }

    #[test]
    fn tasks_are_new_that_an_open_page_would_show_if_it_were_loaded_again() {
        let rows: Vec<WaitingRow> = [1, 3].map(|number| item(number).into()).into();
        assert_eq!(new_tasks(&rows, &[item(1), item(3)]), 0);
        assert_eq!(new_tasks(&rows, &[item(0), item(2), item(3), item(4)]), 3);
        // Those after a full page are on the next one.
        let full: Vec<WaitingRow> = (0..ROWS).map(|number| item(2 * number).into()).collect();
        let now: Vec<WaitingItem> = [1, 2, 2 * ROWS, 2 * ROWS + 1].map(item).into();
        assert_eq!(new_tasks(&full, &now), 1);
    }
}
