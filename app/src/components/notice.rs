//! The notice about the previous action, shown once.

use leptos::prelude::*;

use super::{Glyph, Icon};
use crate::session::{Notice, VisitorSession};

/// The notice that the session holds for this page, if any.
#[component]
pub fn NoticeBanner() -> impl IntoView {
    let session = VisitorSession::current();
    Suspend::new(async move {
        session.take_notice().await.map(|Notice { text, links, sent }| {
            view! {
                <div class="notice tone-good" role="status" data-sent=sent>
                    <Icon glyph=Glyph::Check/>
                    <p>{text}</p>
                    {links
                        .into_iter()
                        .map(|link| view! { <a class="notice-next" href=link.href>{link.text}</a> })
                        .collect_view()}
                </div>
            }
        })
    })
}
