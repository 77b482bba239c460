//! `/` focuses the search field, unless the person is typing in a field.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

pub fn start() {
    let handle = window_event_listener(ev::keydown, |event| {
        if event.key() != "/" || event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if target.is_some_and(|target| matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")) {
            return;
        }
        if let Some(search) = document().get_element_by_id("search") {
            event.prevent_default();
            let _ = search.unchecked_into::<HtmlElement>().focus();
        }
    });
    // The listener stays active for the lifetime of the page.
    std::mem::forget(handle);
}
