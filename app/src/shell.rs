//! The HTML document around every page, and the routes.

use axum::http::header;
use leptos::{config::LeptosOptions, nonce::use_nonce, prelude::*};
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};

use crate::{
    frame::Frame,
    pages::{
        ApplicationPage, ApplicationsPage, ExecutionPage, ManualValuationPage, NewApplicationPage, NoPage, Refused,
        RefusedPage, StateMachinePage, TodayPage, WaitingPage, WorkflowsPage,
    },
    request,
    theme::Theme,
};

/// Speculation rules: the browser prefetches pages whose links are about to be followed. `/desk` holds the form
/// endpoints and `/api` the API, so both are excluded.
const FETCHED_AHEAD: &str = r#"{"prefetch":[{"where":{"and":[{"href_matches":"/*"},{"not":{"href_matches":"/desk/*"}},{"not":{"href_matches":"/api/*"}},{"not":{"selector_matches":"[download]"}}]},"eagerness":"moderate"}]}"#;

/// Enables cross-document view transitions, except for people who prefer reduced motion. The rule is inline because the
/// browser needs it before the first paint: in the style sheet it arrives too late, and the browser reports a skipped
/// transition.
const TRANSITIONS: &str = "@media (prefers-reduced-motion: no-preference) { @view-transition { navigation: auto; } }";

/// The hash of [`TRANSITIONS`] for the content security policy. A nonce would not do, because it differs when the page
/// is fetched again for a refresh.
const TRANSITIONS_HASH: &str = "sha256-HZ4rB03Xrq48TXRrshZ0A/rzCbrI8O6Hcrjxi45i7Q8=";

/// The whole document. Expects as context `Arc<dyn Desk>` and what `leptos_axum` provides: the request's parts (with
/// the tower-sessions `Session` among their extensions), the response options and the nonce.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    document(options, || view! { <App/> })
}

/// The document for a request that was refused before it reached a page. It does not call the desk, so it needs only
/// the context that `leptos_axum` provides.
pub fn refused_shell(options: LeptosOptions, refused: Refused) -> impl IntoView {
    document(options, move || {
        provide_meta_context();
        view! {
            <Title formatter=titled/>
            <Frame><RefusedPage refused/></Frame>
        }
    })
}

fn document<V: IntoView>(options: LeptosOptions, body: impl FnOnce() -> V) -> impl IntoView {
    send_content_security_policy();
    view! {
        <!DOCTYPE html>
        <html lang="en-GB" data-theme=Theme::current().key()>
            <head>
                <meta charset="utf-8"/>
                <style>{TRANSITIONS}</style>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href="/pkg/loan-desk.css"/>
                <script type="speculationrules" nonce=use_nonce()>{FETCHED_AHEAD}</script>
                <HydrationScripts options islands=true/>
                <MetaTags/>
            </head>
            <body>
                {body()}
            </body>
        </html>
    }
}

/// Allows this site's own files, scripts with this response's nonce, and [`TRANSITIONS`].
fn send_content_security_policy() {
    let Some(nonce) = use_nonce() else { return };
    let policy = format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self' '{TRANSITIONS_HASH}'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    request::add_header(header::CONTENT_SECURITY_POLICY, &policy);
}

fn titled(title: String) -> String {
    format!("{title} – Loan Desk")
}

/// All pages of the desk, inside the frame.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=titled/>
        <Router>
            <Frame>
                <FlatRoutes fallback=NoPage>
                    <Route path=path!("/") view=TodayPage ssr=SsrMode::Async/>
                    <Route path=path!("/applications") view=ApplicationsPage ssr=SsrMode::Async/>
                    <Route path=path!("/applications/new") view=NewApplicationPage ssr=SsrMode::Async/>
                    <Route path=path!("/applications/:reference") view=ApplicationPage ssr=SsrMode::Async/>
                    <Route path=path!("/waiting") view=WaitingPage ssr=SsrMode::Async/>
                    <Route path=path!("/manual-valuations/:id") view=ManualValuationPage ssr=SsrMode::Async/>
                    <Route path=path!("/workflows") view=WorkflowsPage ssr=SsrMode::Async/>
                    <Route path=path!("/workflows/:name") view=StateMachinePage ssr=SsrMode::Async/>
                    <Route
                        path=path!("/workflows/:name/executions/:execution")
                        view=ExecutionPage
                        ssr=SsrMode::Async
                    />
                </FlatRoutes>
            </Frame>
        </Router>
    }
}
