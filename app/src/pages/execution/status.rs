//! The status of an execution as icon and word.

use leptos::prelude::*;

use crate::{
    components::{Glyph, Icon},
    desk::ExecutionStatus,
};

#[component]
pub fn ExecutionBadge(status: ExecutionStatus) -> impl IntoView {
    let (tone, glyph) = match status {
        ExecutionStatus::Running => ("tone-neutral", Glyph::Clock),
        ExecutionStatus::Succeeded => ("tone-good", Glyph::Check),
        ExecutionStatus::Failed => ("tone-bad", Glyph::Alert),
        ExecutionStatus::TimedOut => ("tone-bad", Glyph::Clock),
        ExecutionStatus::Aborted => ("tone-neutral", Glyph::Stop),
        ExecutionStatus::PendingRedrive => ("tone-waiting", Glyph::Clock),
    };
    view! {
        <span class=format!("status {tone}")>
            <Icon glyph/>
            <code>{status.to_string()}</code>
        </span>
    }
    .into_any()
}
