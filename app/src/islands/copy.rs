//! A button that copies the text beside it. It shows only where script runs.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::Element;

pub fn start() {
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
        }
    });
    // It listens as long as the page lives.
    std::mem::forget(handle);
}
