//! The manual valuation page while a value is typed: its effect and what is unusual about it, computed by the same code as
//! on the server.

use std::{cell::RefCell, time::Duration};

use js_sys::Number;
use leptos::{leptos_dom::helpers::debounce, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlElement};

use super::elements::{all, attribute, choose, closest, first, on, set_value, toggle, value};
use crate::{
    domain::{KnownSource, KnownValue, Money, Policy, Unusual, ValueAlert, loan_to_value},
    gauge_scale,
};

/// The delay between the last key press and showing the effect. Screen readers announce each change.
const TYPING: Duration = Duration::from_millis(250);

pub fn start() {
    // The page may hold a restored draft, or what was typed before the script ran.
    refresh();
    let typing = RefCell::new(debounce(TYPING, |()| refresh()));
    on(&document(), "input", move |event| {
        if closest(&event, "#value").is_some() {
            typing.borrow_mut()(());
        }
    });
    on(&document(), "click", |event| {
        if let Some(button) = closest(&event, "[data-use]") {
            event.prevent_default();
            use_late_answer(&button);
        }
    });
}

/// Puts the value of a late answer into the form, like the server does without script.
fn use_late_answer(button: &Element) {
    if let Some(outcome) = document().get_element_by_id("outcome") {
        choose(&outcome, true);
    }
    if let Some(comment) = document().get_element_by_id("comment").filter(|comment| value(comment).trim().is_empty()) {
        set_value(&comment, &attribute(button, "data-comment"));
    }
    if let Some(field) = document().get_element_by_id("value") {
        set_value(&field, &attribute(button, "data-use"));
        let options = web_sys::EventInit::new();
        options.set_bubbles(true);
        if let Ok(event) = Event::new_with_event_init_dict("input", &options) {
            // Fails only for an event that is being dispatched already.
            let _ = field.dispatch_event(&event);
        }
        let _ = field.unchecked_into::<HtmlElement>().focus();
    }
}

/// Shows the effect of the value that is in the form now.
pub fn refresh() {
    if let Some(preview) = document().get_element_by_id("preview") {
        show(&preview);
    }
}

fn show(preview: &Element) {
    let number = |name| Number::parse_float(&attribute(preview, name));
    let policy = Policy { approve_up_to: number("data-approve-up-to"), refer_up_to: number("data-refer-up-to") };
    let loan = pence(preview, "data-loan");
    let typed = document().get_element_by_id("value").and_then(|field| value(&field).parse::<Money>().ok());
    let unusual = typed.and_then(|typed| question(preview, typed));
    let effect = match typed {
        Some(typed) => policy.foresee(loan, typed),
        None => "Enter a value to see its effect".to_owned(),
    };
    set_text(preview, ".effect", &effect);
    if let Some(marker) = first(preview, ".marker") {
        let percent = typed.zip(loan).map(|(typed, loan)| loan_to_value(loan, typed));
        // The place is in tenths. Formatting a float would add several kilobytes.
        let tenths = (gauge_scale::x(percent.unwrap_or_default()) * 10.0).round() as u32;
        // Fails only for an invalid attribute name.
        let _ = marker.set_attribute("transform", &format!("translate({}.{})", tenths / 10, tenths % 10));
        let _ = marker.set_attribute("visibility", if percent.is_some() { "visible" } else { "hidden" });
    }
    if let Some(note) = first(preview, ".question") {
        let sentence = unusual.as_ref().map(|unusual| format!("{}. Is that right?", unusual.sentence()));
        toggle(&note, "hidden", sentence.is_none());
        set_text(&note, "span", &sentence.unwrap_or_default());
    }
    offer(typed);
}

fn question(preview: &Element, typed: Money) -> Option<Unusual> {
    let alert: ValueAlert = attribute(preview, "data-value-alert").parse().ok()?;
    let known = all(&document(), "[data-known]").into_iter().filter_map(|element| {
        let source = KnownSource::from_key(&attribute(&element, "data-known-as"))?;
        Some(KnownValue { value: pence(&element, "data-known")?, source })
    });
    alert.question(typed, known)
}

/// Shows the button that confirms an unusual value only while exactly this value is in the form.
fn offer(typed: Option<Money>) {
    let Some(confirm) = first(&document(), "[data-confirms]") else { return };
    let is_confirmed = typed.is_some() && typed == pence(&confirm, "data-confirms");
    for (buttons, on) in [(Some(confirm), is_confirmed), (first(&document(), "[data-records]"), !is_confirmed)] {
        if let Some(buttons) = buttons {
            toggle(&buttons, "hidden", !on);
            toggle(&buttons, "disabled", !on);
        }
    }
}

fn pence(element: &Element, name: &str) -> Option<Money> {
    Money::from_pence(attribute(element, name).parse().ok()?).ok()
}

fn set_text(within: &Element, selector: &str, text: &str) {
    // Screen readers announce what is set, even if it is the same.
    if let Some(element) = first(within, selector).filter(|element| element.text_content().as_deref() != Some(text)) {
        element.set_text_content(Some(text));
    }
}
