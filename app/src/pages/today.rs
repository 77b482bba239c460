//! `/`: what needs a person now.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{problem::or_problem, waiting::WaitingTable};
use crate::{
    components::{ApplicationTable, Glyph, Icon, NoticeBanner},
    desk::{ApplicationQuery, ApplicationRow, Desk, DeskError, WaitingItem, WaitingOn},
    domain::ApplicationStatus,
    request,
};

/// How many of the newest applications are shown below what needs a person.
const NEWEST: usize = 5;

#[component]
pub fn TodayPage() -> impl IntoView {
    let desk = request::desk();
    Suspend::new(async move {
        let day = match desk {
            Some(desk) => Day::of(desk.as_ref()).await,
            None => Err(DeskError::Unavailable),
        };
        or_problem(day.map(|day| view! { <Today day/> }.into_any()))
    })
}

struct Day {
    /// What staff must answer, soonest deadline first.
    to_answer: Vec<WaitingItem>,
    /// How many wait on somebody else.
    on_others: usize,
    /// Applications whose workflow failed.
    failed: Vec<ApplicationRow>,
    newest: Vec<ApplicationRow>,
}

impl Day {
    async fn of(desk: &dyn Desk) -> Result<Self, DeskError> {
        let (to_answer, others): (Vec<_>, Vec<_>) =
            desk.waiting().await?.into_iter().partition(|item| item.on == WaitingOn::Staff);
        let failed = ApplicationQuery { status: Some(ApplicationStatus::NeedsAttention), ..Default::default() };
        let failed = desk.applications(&failed).await?.rows;
        let mut newest = desk.applications(&ApplicationQuery::default()).await?.rows;
        newest.truncate(NEWEST);
        Ok(Self { to_answer, on_others: others.len(), failed, newest })
    }
}

#[component]
fn Today(day: Day) -> impl IntoView {
    let nothing = day.to_answer.is_empty() && day.failed.is_empty();
    let on_others = match day.on_others {
        0 => None,
        1 => Some("1 application waits on the valuation service.".to_owned()),
        count => Some(format!("{count} applications wait on the valuation service.")),
    };
    view! {
        <Title text="Today"/>
        <div class="page-head">
            <h1>"Today"</h1>
            <a class="button secondary" href="/applications/new"><Icon glyph=Glyph::Plus/>"New application"</a>
        </div>
        <NoticeBanner/>
        <div data-live="today">
            {nothing
                .then(|| {
                    view! {
                        <div class="empty">
                            <p>"Nothing needs you right now."</p>
                            {on_others.clone().map(|text| view! { <p>{text} " "<a href="/waiting">"See what waits"</a></p> })}
                        </div>
                    }
                })}
            {(!day.to_answer.is_empty())
                .then(|| {
                    view! {
                        <section aria-labelledby="to-answer">
                            <h2 id="to-answer">"Waiting for you"</h2>
                            <WaitingTable caption="Waiting for you, soonest deadline first" items=day.to_answer/>
                            {on_others.map(|text| view! { <p class="under">{text} " "<a href="/waiting">"See all that waits"</a></p> })}
                        </section>
                    }
                })}
            {(!day.failed.is_empty())
                .then(|| {
                    view! {
                        <section aria-labelledby="failed">
                            <h2 id="failed">"Needs attention"</h2>
                            <ApplicationTable caption="Applications that need attention" rows=day.failed/>
                        </section>
                    }
                })}
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
