//! The frame around every page: the navigation rail on the left and the bar on top.

use axum::http::request::Parts;
use leptos::prelude::*;

use crate::{
    components::{Glyph, Icon},
    islands::Live,
    request,
    session::VisitorSession,
    theme::Theme,
};

#[component]
pub fn Frame(children: Children) -> impl IntoView {
    request::count_waiting_once();
    view! {
        <a class="skip-link" href="#main">"Skip to main content"</a>
        <TopBar/>
        <Rail/>
        <main id="main" tabindex="-1">
            {children()}
        </main>
    }
}

#[component]
fn TopBar() -> impl IntoView {
    let data_location = request::desk().map(|desk| desk.about().data_location);
    view! {
        <header class="topbar">
            <form class="search" role="search" action="/applications" method="get">
                <label class="visually-hidden" for="search">"Find an application"</label>
                <Icon glyph=Glyph::Search/>
                <input
                    id="search"
                    name="q"
                    type="search"
                    placeholder="Reference, name, postcode…"
                    title="A reference, an applicant, a property, a postcode or a valuation reference"
                    autocomplete="off"
                    aria-keyshortcuts="/"
                />
                <kbd aria-hidden="true">"/"</kbd>
                <input type="hidden" name="go" value="1"/>
                <button class="visually-hidden" type="submit">"Search"</button>
            </form>
            <div class="topbar-end">
                <Live/>
                {data_location
                    .map(|data_location| {
                        view! {
                            <span class="badge" title="Where this desk keeps its data">
                                <Icon glyph=Glyph::Data/>
                                <span class="visually-hidden">"Data: "</span>
                                <span>{data_location}</span>
                            </span>
                        }
                    })}
                <WhoAmI/>
                <ThemeSwitch/>
            </div>
        </header>
    }
}

/// The name that the person last gave.
#[component]
fn WhoAmI() -> impl IntoView {
    let session = VisitorSession::current();
    Suspend::new(async move {
        session.name().await.map(|name| {
            view! {
                <span class="whoami" title="The name your answers are recorded under">
                    <Icon glyph=Glyph::Person/>
                    <span>{name}</span>
                </span>
            }
        })
    })
}

#[component]
fn ThemeSwitch() -> impl IntoView {
    let theme = Theme::current();
    let glyph = match theme {
        Theme::System => Glyph::System,
        Theme::Light => Glyph::Light,
        Theme::Dark => Glyph::Dark,
    };
    let label = format!("Theme: {}. Switch to {}", theme.key(), theme.next().key());
    view! {
        <form class="theme-switch" action="/desk/choose-theme" method="post">
            <input type="hidden" name="back" value=request::path_and_query()/>
            <button class="icon-button" name="theme" value=theme.next().key() title=label.clone() aria-label=label>
                <Icon glyph/>
            </button>
        </form>
    }
}

#[component]
fn Rail() -> impl IntoView {
    view! {
        <nav class="rail" aria-label="Main">
            <a class="brand" href="/">
                <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
                    <path class="brand-roof" d="M3 11 12 3.5 21 11"/>
                    <path class="brand-desk" d="M4 15.5h16M6.5 15.5v5M17.5 15.5v5"/>
                </svg>
                <span>"Loan Desk"</span>
            </a>
            <ul>
                <RailLink href="/" glyph=Glyph::Home text="Today"/>
                <RailLink href="/applications" glyph=Glyph::Applications text="Applications"/>
                <RailLink href="/waiting" glyph=Glyph::Clock text="Waiting">
                    <WaitingCount/>
                </RailLink>
                <RailLink href="/applications/new" glyph=Glyph::Plus text="New application"/>
                <RailLink href="/workflows" glyph=Glyph::Branches text="Workflows"/>
            </ul>
        </nav>
    }
}

#[component]
fn RailLink(
    href: &'static str,
    glyph: Glyph,
    text: &'static str,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let here = use_context::<Parts>().and_then(|parts| place(parts.uri.path(), href));
    view! {
        <li>
            <a href=href aria-current=here>
                <Icon glyph/>
                <span class="rail-text">{text}</span>
                {children.map(|children| children())}
            </a>
        </li>
    }
}

/// The value of `aria-current` for a link of the rail: whether it leads to this page or to the section of this page.
/// Applications and new applications share a path, so only their own pages are marked.
fn place(path: &str, href: &str) -> Option<&'static str> {
    let is_in_section = href == "/workflows" && path.starts_with("/workflows/");
    if path == href { Some("page") } else { is_in_section.then_some("true") }
}

/// The number of task tokens that wait for an answer. It is left out if counting fails, because the page itself then
/// reports the error.
#[component]
fn WaitingCount() -> impl IntoView {
    let waiting = request::waiting_count();
    Suspend::new(async move {
        let count = waiting.await.ok();
        view! {
            // The script updates this count without fetching the page.
            <span class="count" data-live="waiting-count" data-count="waiting">
                {count.filter(|count| count.all() > 0).map(|count| count.all().to_string())}
            </span>
        }
    })
}
