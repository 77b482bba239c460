//! A button that copies the text beside it. It appears only if script runs and may use the clipboard.

use std::time::Duration;

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::Element;

/// How long the button confirms that it has copied the text.
const SAID: Duration = Duration::from_secs(2);

pub fn start() {
    // Browsers provide the clipboard only in a secure context.
    if !window().is_secure_context() {
        return;
    }
    if let Some(root) = document().document_element() {
        let _ = root.class_list().add_1("script");
    }
    let handle = window_event_listener(ev::click, |event| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let Some(button) = target.and_then(|target| target.closest("[data-copy]").ok().flatten()) else { return };
        let text = button.next_element_sibling().and_then(|beside| beside.text_content());
        if let Some(text) = text {
            let _ = window().navigator().clipboard().write_text(&text);
            button.set_text_content(Some("Copied"));
            set_timeout(move || button.set_text_content(Some("Copy")), SAID);
        }
    });
    // The listener stays active for the lifetime of the page.
    std::mem::forget(handle);
}
