//! What a page or a server function reads of the request it answers, and says about its answer.

use std::{pin::Pin, sync::Arc};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use futures_util::{FutureExt, future::Shared};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    desk::{Actor, Desk, DeskError, WaitingCount},
    visit::Visit,
};

/// Sent by the browser's half when it fetches the page it stands on once more. What is shown only once, such as a
/// notice, must be left for the person.
pub const REFRESH_HEADER: HeaderName = HeaderName::from_static("desk-refresh");

/// The desk that the server has put into context; `None` only while the router collects its addresses.
pub fn desk() -> Option<Arc<dyn Desk>> {
    use_context()
}

/// The desk, and who asks it: the person whose request is being answered. Must be called where the request's context is
/// at hand, that is before anything is awaited. An error only while the router collects its addresses.
pub fn desk_and_actor() -> impl Future<Output = Result<(Arc<dyn Desk>, Actor), DeskError>> + Send {
    let (desk, visit) = (desk(), Visit::current());
    async move { Ok((desk.ok_or(DeskError::Unavailable)?, visit.actor().await)) }
}

/// How many wait, counted when somebody first asks.
type Waiting = Shared<Pin<Box<dyn Future<Output = Result<WaitingCount, DeskError>> + Send>>>;

/// From here on every part of the page gets the same count by [`waiting_count`].
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

/// Whether the answer to a request with these headers may never be seen by a person: the page refreshes itself, or a
/// browser fetches ahead what a person has only pointed at.
pub fn is_unseen(headers: &HeaderMap) -> bool {
    let is_ahead = |purpose: &HeaderValue| purpose.as_bytes().starts_with(b"prefetch");
    headers.contains_key(REFRESH_HEADER) || headers.get("sec-purpose").is_some_and(is_ahead)
}

/// Whether this holds for the request that is being answered.
pub fn is_answered_unseen() -> bool {
    use_context::<Parts>().is_some_and(|parts| is_unseen(&parts.headers))
}

/// The address asked for, with its query, for links that lead back to it.
pub fn path_and_query() -> String {
    use_context::<Parts>()
        .and_then(|parts| parts.uri.path_and_query().map(ToString::to_string))
        .unwrap_or_else(|| "/".to_owned())
}

/// Text as it stands in an address: all but letters, digits and `-_.~` percent-encoded.
pub fn escape(text: &str) -> String {
    const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, &RESERVED).to_string()
}

/// The value of a cookie.
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

/// Adds a header to the answer; a value that no header can carry is left out.
pub fn add_header(name: HeaderName, value: &str) {
    if let (Some(response), Ok(value)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(value)) {
        response.append_header(name, value);
    }
}

/// Sends the browser on to `path`, which it fetches with GET whatever it sent here.
pub fn see_other(path: &str) {
    set_status(StatusCode::SEE_OTHER);
    add_header(header::LOCATION, path);
}
