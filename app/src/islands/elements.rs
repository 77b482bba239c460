//! Finding elements of a page, and reading and writing form fields.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{Document, Element, Event, EventTarget};

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

/// The first of [`all`].
pub fn first(within: &impl AsRef<web_sys::Node>, selector: &str) -> Option<Element> {
    all(within, selector).into_iter().next()
}

/// The closest element around the target of an event, or the target itself, that matches the selector.
pub fn closest(event: &Event, selector: &str) -> Option<Element> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    target.closest(selector).ok().flatten()
}

/// The attribute's value, or an empty text.
pub fn attribute(element: &Element, name: &str) -> String {
    element.get_attribute(name).unwrap_or_default()
}

/// Adds or removes an attribute without a value, such as `hidden`.
pub fn toggle(element: &Element, name: &str, on: bool) {
    // Fails only for an invalid attribute name.
    let _ = element.toggle_attribute_with_force(name, on);
}

/// The text in an input or a text area.
pub fn value(field: &Element) -> String {
    property(field, "value").as_string().unwrap_or_default()
}

pub fn set_value(field: &Element, value: &str) {
    set_property(field, "value", &value.into());
}

/// Whether the field is a radio button or a check box, and then whether it is chosen.
pub fn is_chosen(field: &Element) -> Option<bool> {
    matches!(attribute(field, "type").as_str(), "radio" | "checkbox").then(|| property(field, "checked").is_truthy())
}

pub fn choose(field: &Element, chosen: bool) {
    set_property(field, "checked", &chosen.into());
}

fn property(element: &Element, name: &str) -> JsValue {
    Reflect::get(element, &name.into()).unwrap_or_default()
}

fn set_property(element: &Element, name: &str, value: &JsValue) {
    // Infallible for the properties of form fields.
    let _ = Reflect::set(element, &name.into(), value);
}

/// Calls `call` for every event of this type, for the lifetime of the page.
pub fn on(target: &EventTarget, event: &str, call: impl Fn(Event) + 'static) {
    let call = Closure::<dyn Fn(Event)>::new(call);
    // Cannot fail: the target is a valid event target.
    let _ = target.add_event_listener_with_callback(event, call.as_ref().unchecked_ref());
    call.forget();
}
