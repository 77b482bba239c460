//! A deadline as text and as a thin progress bar.

use leptos::prelude::*;
use time::OffsetDateTime;

use super::{Glyph, Icon, TimeStyle, When, when::milliseconds};
use crate::{desk::WaitingItem, time_words};

/// Shows the deadline and how much of the time until it has passed.
#[component]
pub fn Deadline(
    item: WaitingItem,
    /// Text before the time if no heading provides it: `Answer due`.
    #[prop(default = "")]
    lead: &'static str,
) -> impl IntoView {
    let overdue = is_overdue(&item, OffsetDateTime::now_utc());
    let class = if overdue { "deadline overdue" } else { "deadline" };
    view! {
        <div class=class>
            <span class="deadline-text">
                // Both variants are rendered because the deadline may pass while the page is open.
                <span class="when-overdue" hidden=!overdue>
                    <Icon glyph=Glyph::Alert/>
                    <span class="visually-hidden">"Overdue: "</span>
                    <span>"Due"</span>
                </span>
                {(!lead.is_empty()).then(|| view! { <span class="when-in-time" hidden=overdue>{lead}</span> })}
                <When at=item.deadline style=TimeStyle::Relative/>
            </span>
            <DeadlineBar since=item.since deadline=item.deadline/>
        </div>
    }
    .into_any()
}

/// Hidden from screen readers, because the text beside it says the same.
#[component]
pub fn DeadlineBar(since: OffsetDateTime, deadline: OffsetDateTime) -> impl IntoView {
    let (from, until) = (milliseconds(since), milliseconds(deadline));
    let passed = time_words::share_passed(milliseconds(OffsetDateTime::now_utc()), from, until);
    view! {
        <svg class="deadline-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect class="track" width="100" height="4"/>
            <rect class="passed" width=passed height="4" data-from=from data-until=until/>
        </svg>
    }
}

pub fn is_overdue(item: &WaitingItem, now: OffsetDateTime) -> bool {
    item.deadline < now
}
