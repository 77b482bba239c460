//! The notice that the read model is still being built.

use leptos::prelude::*;

use super::{Glyph, Icon};
use crate::desk::CatchingUp;

/// Shows the progress of the first read of the tables.
#[component]
pub fn CatchingUpBanner(catching_up: Option<CatchingUp>) -> impl IntoView {
    catching_up.map(|CatchingUp { read }| {
        view! {
            <div class="notice tone-waiting" role="status">
                <Icon glyph=Glyph::Clock/>
                <p>
                    "The desk is reading its data for the first time, " {read}
                    " rows so far. Until it is done, lists, searches and figures are incomplete. Everything else works."
                </p>
            </div>
        }
    })
}
