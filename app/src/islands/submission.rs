//! Sends forms so that nothing is lost if the desk cannot be reached: the page stays as it is, says so, and the form can
//! be sent again. Sending twice is safe, because the desk records the same form once.

use std::cell::Cell;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Element, FormData, Headers, HtmlElement, HtmlFormElement, RequestInit, Response, SubmitEvent,
    UrlSearchParams,
};

use super::elements::{attribute, first, on, toggle};

/// How long the desk may take to answer, in milliseconds. The desk itself answers within 30 seconds.
const PATIENCE: u32 = 35_000;

thread_local! {
    /// Whether the desk has the form, and the browser is on its way to the next page.
    static IS_LEAVING: Cell<bool> = const { Cell::new(false) };
}

pub fn is_leaving() -> bool {
    IS_LEAVING.get()
}

pub fn start() {
    on(&document(), "submit", |event| {
        let event: SubmitEvent = event.unchecked_into();
        let form = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok());
        let Some(form) = form.filter(|form| form.has_attribute("data-draft")) else { return };
        if form.has_attribute("data-natively") {
            return;
        }
        event.prevent_default();
        if !is_busy(&form) {
            set_busy(&form, true);
            let button = event.submitter();
            leptos::task::spawn_local(async move { send(form, button).await });
        }
    });
}

async fn send(form: HtmlFormElement, button: Option<HtmlElement>) {
    show_failure(&form, false);
    match post(&form, button.as_ref()).await {
        Ok(response) => match response.headers().get("desk-location") {
            Ok(Some(location)) => {
                IS_LEAVING.set(true);
                // Fails only for an invalid address.
                let _ = window().location().assign(&location);
                return;
            }
            // A proxy answers for a desk that is down.
            _ if response.status() >= 500 => show_failure(&form, true),
            // A refusal has its own page.
            _ => {
                toggle(&form, "data-natively", true);
                let _ = match button {
                    Some(button) => form.request_submit_with_submitter(Some(&button)),
                    None => form.request_submit(),
                };
            }
        },
        Err(_) => show_failure(&form, true),
    }
    set_busy(&form, false);
}

async fn post(form: &HtmlFormElement, button: Option<&HtmlElement>) -> Result<Response, JsValue> {
    let fields = UrlSearchParams::new_with_str_sequence_sequence(FormData::new_with_form(form)?.as_ref())?;
    if let Some(button) = button.filter(|button| button.has_attribute("name")) {
        fields.append(&attribute(button, "name"), &attribute(button, "value"));
    }
    let headers = Headers::new()?;
    headers.set("Desk-Form", "1")?;
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_headers(&headers);
    request.set_body(&fields);
    request.set_signal(Some(&AbortSignal::timeout_with_u32(PATIENCE)));
    let sent = window().fetch_with_str_and_init(&attribute(form, "action"), &request);
    Ok(JsFuture::from(sent).await?.unchecked_into())
}

fn show_failure(form: &Element, shown: bool) {
    if let Some(note) = first(form, "[data-unreachable]") {
        toggle(&note, "hidden", !shown);
    }
}

fn is_busy(form: &Element) -> bool {
    form.has_attribute("aria-busy")
}

fn set_busy(form: &Element, busy: bool) {
    // Fails only for an invalid attribute name.
    let _ = if busy { form.set_attribute("aria-busy", "true") } else { form.remove_attribute("aria-busy") };
}
