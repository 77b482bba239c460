//! Finding elements of a page.

use wasm_bindgen::JsCast;
use web_sys::{Document, Element};

/// All elements below `within` that match the selector.
pub fn all(within: &impl AsRef<web_sys::Node>, selector: &str) -> Vec<Element> {
    let within = within.as_ref();
    let found = match within.dyn_ref::<Document>() {
        Some(document) => document.query_selector_all(selector),
        None => within.unchecked_ref::<Element>().query_selector_all(selector),
    };
    let Ok(found) = found else { return Vec::new() };
    (0..found.length()).filter_map(|i| found.item(i)).map(JsCast::unchecked_into).collect()
}
