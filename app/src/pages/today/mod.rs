//! `/`: what needs a person now, followed by the key figures.

mod figures;
mod orphans;
mod overview;

use futures_util::try_join;
use leptos::prelude::*;
use leptos_meta::Title;

use self::{figures::FiguresPanel, orphans::Orphans, overview::OverviewPanel};
use super::{problem::or_problem, waiting::WaitingTable};
use crate::{
    components::{ApplicationTable, Glyph, Icon, IncompleteBanner, NoticeBanner, all_counts, shown},
    desk::{
        Actor, ApplicationRow, Counts, Desk, DeskError, Figures, Incomplete, OrphanedExecution, Overview, WaitingCount,
        WaitingItem, WaitingRow,
    },
    domain::{ApplicationStatus, WaitingOn},
    request,
};

/// The maximum number of items shown in each list of what needs a person. Links lead to the full lists.
const MOST: usize = 10;
/// The number of newest applications shown.
const NEWEST: usize = 5;

#[component]
pub fn TodayPage() -> impl IntoView {
    let asked = request::desk_and_actor();
    Suspend::new(async move {
        let day = async {
            let (desk, by) = asked.await?;
            Day::of(desk.as_ref(), &by).await
        };
        or_problem(day.await.map(|day| view! { <Today day/> }.into_any()))
    })
}

struct Day {
    /// The tasks that staff must answer first, soonest deadline first.
    to_answer: Vec<WaitingItem>,
    counts: Counts,
    /// Applications whose workflow failed.
    failed: Vec<ApplicationRow>,
    /// Executions that failed before they became applications.
    orphans: Vec<OrphanedExecution>,
    newest: Vec<ApplicationRow>,
    figures: Figures,
    overview: Overview,
    incomplete: Option<Incomplete>,
}

impl Day {
    async fn of(desk: &dyn Desk, by: &Actor) -> Result<Self, DeskError> {
        let attention = Some(ApplicationStatus::NeedsAttention);
        let (to_answer, counts, failed, orphans, newest, figures, overview) = try_join!(
            desk.waiting(by, Some(WaitingOn::Staff), None, MOST),
            desk.counts(by),
            // Load one more than is shown, to find out whether there are more.
            desk.newest(by, attention, MOST + 1),
            desk.orphaned_executions(by, MOST),
            desk.newest(by, None, NEWEST),
            desk.figures(by),
            desk.overview(by),
        )?;
        Ok(Self {
            to_answer: to_answer.items,
            counts,
            failed,
            orphans,
            newest,
            figures,
            overview,
            incomplete: desk.incomplete(),
        })
    }

    /// The references of the applications that the page shows.
    fn shown(&self) -> String {
        let rows = self.failed.iter().chain(&self.newest).map(|row| &row.application.application_reference);
        shown(self.to_answer.iter().map(|item| &item.application_reference).chain(rows))
    }
}

#[component]
fn Today(day: Day) -> impl IntoView {
    let has_failures = !day.failed.is_empty() || !day.orphans.is_empty();
    let nothing = day.to_answer.is_empty() && !has_failures;
    let (shows, counts, incomplete) = (day.shown(), all_counts(&day.counts), day.incomplete);
    let waiting = day.counts.waiting;
    let on_valuer = match waiting {
        WaitingCount { on_valuation_service: 0, .. } => None,
        WaitingCount { on_valuation_service: 1, .. } => {
            Some("1 application is waiting for the valuation service.".to_owned())
        }
        WaitingCount { on_valuation_service, .. } => {
            Some(format!("{on_valuation_service} applications are waiting for the valuation service."))
        }
    };
    view! {
        <Title text="Today"/>
        <div class="page-head">
            <h1>"Today"</h1>
            <a class="button secondary" href="/applications/new"><Icon glyph=Glyph::Plus/>"New application"</a>
        </div>
        <NoticeBanner/>
        <IncompleteBanner incomplete/>
        <div data-live="today" data-shows=shows data-counts=counts>
            {nothing.then(|| view! { <NothingToDo on_valuer=on_valuer.clone()/> })}
            {(!day.to_answer.is_empty()).then(|| view! { <ToAnswer items=day.to_answer waiting on_valuer/> })}
            {has_failures.then(|| view! { <Failed rows=day.failed orphans=day.orphans/> })}
            <FiguresPanel figures=day.figures waiting/>
            <OverviewPanel overview=day.overview/>
            {(!day.newest.is_empty())
                .then(|| {
                    view! {
                        <section aria-labelledby="newest">
                            <h2 id="newest">"Newest applications"</h2>
                            <ApplicationTable caption="Newest applications" rows=day.newest/>
                            <p class="under"><a href="/applications">"All applications"</a></p>
                        </section>
                    }
                })}
        </div>
    }
}

#[component]
fn NothingToDo(on_valuer: Option<String>) -> impl IntoView {
    view! {
        <div class="empty">
            <p class="empty-head"><Icon glyph=Glyph::Check/>"Nothing needs you right now."</p>
            {match on_valuer {
                Some(text) => view! { <p>{text} " "<a href="/waiting?on=valuation_service">"See what is waiting"</a></p> }.into_any(),
                None => view! { <p>"A good moment to take in a "<a href="/applications/new">"new application"</a>"."</p> }
                    .into_any(),
            }}
        </div>
    }
    .into_any()
}

#[component]
fn ToAnswer(items: Vec<WaitingItem>, waiting: WaitingCount, on_valuer: Option<String>) -> impl IntoView {
    let WaitingCount { on_staff, .. } = waiting;
    let is_mixed = items.windows(2).any(|pair| pair[0].kind != pair[1].kind);
    let rows = items.into_iter().map(WaitingRow::from).collect::<Vec<_>>();
    let rest = (on_staff > MOST).then(|| format!("The first {MOST} of {on_staff}."));
    view! {
        <section aria-labelledby="to-answer">
            <h2 id="to-answer">"Waiting for you"</h2>
            <WaitingTable caption="Waiting for you, soonest deadline first" rows is_mixed/>
            {(rest.is_some() || on_valuer.is_some())
                .then(|| {
                    view! {
                        <p class="under">{rest} " " {on_valuer} " "<a href="/waiting">"See everything that is waiting"</a></p>
                    }
                })}
        </section>
    }
    .into_any()
}

#[component]
fn Failed(mut rows: Vec<ApplicationRow>, orphans: Vec<OrphanedExecution>) -> impl IntoView {
    let has_more = rows.len() > MOST;
    rows.truncate(MOST);
    view! {
        <section aria-labelledby="failed">
            <h2 id="failed">"Needs attention"</h2>
            {(!rows.is_empty())
                .then(|| view! { <ApplicationTable caption="Applications that need attention" rows/> })}
            {has_more
                .then(|| {
                    let href = format!("/applications?status={}", ApplicationStatus::NeedsAttention.key());
                    view! { <p class="under"><a href=href>"See all applications that need attention"</a></p> }
                })}
            {(!orphans.is_empty()).then(|| view! { <Orphans orphans/> })}
        </section>
    }
    .into_any()
}
