//! Fetches the open page again and updates its live regions.

use std::time::Duration;

use leptos::{leptos_dom::helpers::debounce, prelude::*};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, DomParser, Element, Event, Headers, HtmlInputElement, RequestInit, Response, SupportedType};

use super::{clock, elements::all, morph};

/// The delay between the last key press and applying the filter.
const TYPING: Duration = Duration::from_millis(200);

/// Updates every `[data-live]` region, and returns a sentence about what changed, if anything.
pub async fn page() -> Result<Option<String>, JsValue> {
    let address = window().location().href()?;
    let fetched = fetch(&address).await?;
    // The address has changed because the person typed on. This response is outdated, and another is on its way.
    if window().location().href()? != address {
        return Ok(None);
    }
    // Convert times first, so that a region does not count as changed only because its times are formatted differently.
    clock::localize_times(&fetched);
    let mut changed = Vec::new();
    for fresh in all(&fetched, "[data-live]") {
        let name = fresh.get_attribute("data-live").unwrap_or_default();
        if let Some(region) = document().query_selector(&format!("[data-live=\"{name}\"]"))? {
            morph::morph(&region, &fresh, &mut changed)?;
        }
    }
    close_forms();
    Ok(sentence(&changed))
}

/// Disables forms whose closing condition has appeared on the page. The typed text remains readable.
fn close_forms() {
    for form in all(&document(), "form[data-closed-by]") {
        let closed_by = form.get_attribute("data-closed-by").unwrap_or_default();
        if matches!(document().query_selector(&closed_by), Ok(Some(_))) {
            // Infallible for elements on the page.
            let _ = form.class_list().add_1("closed");
            all(&form, "button").iter().for_each(|button| drop(button.set_attribute("disabled", "")));
            all(&form, "input, textarea").iter().for_each(|field| drop(field.set_attribute("readonly", "")));
        }
    }
}

/// Whether the page is an error page, which is not refreshed.
pub fn is_error_page() -> bool {
    document().query_selector(".problem").ok().flatten().is_some()
}

async fn fetch(address: &str) -> Result<Document, JsValue> {
    let headers = Headers::new()?;
    headers.set("Accept", "text/html")?;
    headers.set("Desk-Refresh", "1")?;
    // The server keeps these rows in place.
    let shown: Vec<String> =
        all(&document(), "[data-row]").iter().filter_map(|row| row.get_attribute("data-row")).collect();
    if !shown.is_empty() {
        headers.set("Desk-Shown-Rows", &shown.join(","))?;
    }
    let options = RequestInit::new();
    options.set_headers(&headers);
    let response: Response =
        JsFuture::from(window().fetch_with_str_and_init(address, &options)).await?.unchecked_into();
    if response.redirected() {
        // The address now leads to a different page.
        window().location().reload()?;
    }
    if !response.ok() {
        return Err(JsValue::NULL);
    }
    let html = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    DomParser::new()?.parse_from_string(&html, SupportedType::TextHtml)
}

/// A description of the changes for screen readers.
fn sentence(changed: &[Element]) -> Option<String> {
    let news: Vec<String> = changed.iter().filter_map(|element| element.get_attribute("data-news")).collect();
    match news.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(format!("{} changes on this page", several.len())),
    }
}

/// Filters while a person types: the address follows the form's fields, and the page at that address is fetched. This
/// includes text typed before the script ran. Without script, the person submits the form.
pub fn as_you_type(fetch: impl Fn() + 'static) {
    for form in all(&document(), "[data-live-search]") {
        if is_edited(&form) && update_address(&form).is_ok() {
            fetch();
        }
    }
    let apply = debounce(TYPING, move |form: Element| {
        if let Ok(()) = update_address(&form) {
            fetch();
        }
    });
    let apply = std::cell::RefCell::new(apply);
    let on_input = Closure::<dyn Fn(Event)>::new(move |event: Event| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if let Some(form) = target.and_then(|target| target.closest("[data-live-search]").ok().flatten()) {
            apply.borrow_mut()(form);
        }
    });
    let _ = document().add_event_listener_with_callback("input", on_input.as_ref().unchecked_ref());
    on_input.forget();
}

/// Whether a field differs from its value when the page was rendered.
fn is_edited(form: &Element) -> bool {
    all(form, "input[name]").into_iter().any(|field| {
        let field: HtmlInputElement = field.unchecked_into();
        field.value() != field.default_value()
    })
}

/// Puts the form's fields into the address, like submitting it would.
fn update_address(form: &Element) -> Result<(), JsValue> {
    let mut query = Vec::new();
    for field in all(form, "input[name]") {
        let field: HtmlInputElement = field.unchecked_into();
        if !field.value().is_empty() {
            query.push(format!("{}={}", field.name(), js_sys::encode_uri_component(&field.value())));
        }
    }
    let path = form.get_attribute("action").unwrap_or_default();
    let address = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
    window().history()?.replace_state_with_url(&JsValue::NULL, "", Some(&address))
}
