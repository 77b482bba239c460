//! A banner above lists and figures that may lack something.

use leptos::prelude::*;

use super::{Glyph, Icon, TimeStyle, When};
use crate::desk::Incomplete;

#[component]
pub fn IncompleteBanner(incomplete: Option<Incomplete>) -> impl IntoView {
    incomplete.map(|incomplete| {
        let words = match incomplete {
            Incomplete::CatchingUp { read } => view! {
                <p>
                    "The desk is reading its data for the first time, " {read}
                    " rows so far. Until it is done, lists, searches and figures are incomplete. Everything else works."
                </p>
            }
            .into_any(),
            Incomplete::OutOfDate { since } => view! {
                <p>
                    "Lists, searches and figures do not show what changed since "
                    <When at=since style=TimeStyle::Second/>
                    ", because the desk cannot write its copy of the data. Each application\u{2019}s own page is up to date."
                </p>
            }
            .into_any(),
        };
        view! {
            <div class="notice tone-waiting" role="status">
                <Icon glyph=Glyph::Clock/>
                {words}
            </div>
        }
    })
}
