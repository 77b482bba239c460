//! Helpers for pages and server functions: reading the current request and shaping its response.

use std::{pin::Pin, sync::Arc};

use axum::http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use futures_util::{FutureExt, future::Shared};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use crate::{
    desk::{Actor, Desk, DeskError, WaitingCount},
    session::VisitorSession,
};

/// Sent by the client script with a live update of a list whose rows must not move.
const SHOWN_ROWS: HeaderName = HeaderName::from_static("desk-shown-rows");

/// The desk that the server provides as context. `None` only while the router collects its routes.
pub fn desk() -> Option<Arc<dyn Desk>> {
    use_context()
}

/// The desk, and the actor of the current request. Must be called before the first `await`, while the request's context
/// is available. Fails only while the router collects its routes.
pub fn desk_and_actor() -> impl Future<Output = Result<(Arc<dyn Desk>, Actor), DeskError>> + Send {
    let (desk, session) = (desk(), VisitorSession::current());
    async move { Ok((desk.ok_or(DeskError::Unavailable)?, session.actor().await)) }
}

/// The waiting count of one page, computed on first use.
type Waiting = Shared<Pin<Box<dyn Future<Output = Result<WaitingCount, DeskError>> + Send>>>;

/// Provides the count that [`waiting_count`] returns, so that all parts of a page show the same number.
pub fn count_waiting_once() {
    let asked = desk_and_actor();
    let count = async move {
        let (desk, by) = asked.await?;
        desk.waiting_count(&by).await
    };
    let count: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(count);
    provide_context::<Waiting>(count.shared());
}

pub fn waiting_count() -> impl Future<Output = Result<WaitingCount, DeskError>> + Send {
    let waiting = use_context::<Waiting>();
    async move { waiting.ok_or(DeskError::Unavailable)?.await }
}

/// The ids of the rows that an open page shows, whose live update this request is for. Empty for a new page.
pub fn shown_rows() -> Vec<String> {
    let Some(parts) = use_context::<Parts>() else { return Vec::new() };
    let shown = parts.headers.get(SHOWN_ROWS).and_then(|shown| shown.to_str().ok()).unwrap_or_default();
    shown.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

/// The path and query of the current request, for links that lead back to it.
pub fn path_and_query() -> String {
    use_context::<Parts>()
        .and_then(|parts| parts.uri.path_and_query().map(ToString::to_string))
        .unwrap_or_else(|| "/".to_owned())
}

/// The value of a cookie of the current request.
pub fn cookie(name: &str) -> Option<String> {
    let parts = use_context::<Parts>()?;
    let cookies = parts.headers.get_all(header::COOKIE);
    cookies.iter().filter_map(|header| header.to_str().ok()).flat_map(|header| header.split(';')).find_map(|cookie| {
        let (key, value) = cookie.trim().split_once('=')?;
        (key == name).then(|| value.to_owned())
    })
}

pub fn set_status(status: StatusCode) {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(status);
    }
}

/// Adds a header to the response. A value that is not a valid header value is skipped.
pub fn add_header(name: HeaderName, value: &str) {
    if let (Some(response), Ok(value)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(value)) {
        response.append_header(name, value);
    }
}

/// Sent by the client script with a form. The script opens the next page itself.
const FORM_HEADER: HeaderName = HeaderName::from_static("desk-form");

/// Tells the client script which page to open next. It cannot read where a redirect leads without following it.
const LOCATION_HEADER: HeaderName = HeaderName::from_static("desk-location");

/// Sends the browser to `path` with GET: by a redirect with status 303 or, if the client script sent the form, by telling
/// the script.
pub fn see_other(path: &str) {
    if use_context::<Parts>().is_some_and(|parts| parts.headers.contains_key(FORM_HEADER)) {
        add_header(LOCATION_HEADER, path);
    } else {
        set_status(StatusCode::SEE_OTHER);
        add_header(header::LOCATION, path);
    }
}
