//! Drafts: what people type into a form is kept in the tab until the desk has it, so that a reload, a link, Back, or a
//! failed submission loses nothing.
//!
//! A form takes part if it has `data-draft`, the name of its draft. The draft is in `sessionStorage`, which belongs to
//! one tab and is deleted when the tab is closed. Passwords are never kept.

use std::{cell::Cell, rc::Rc, time::Duration};

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BeforeUnloadEvent, Element, KeyboardEvent, Storage, UrlSearchParams};

use super::{
    elements::{all, attribute, choose, closest, first, is_chosen, on, set_value, toggle, value},
    submission,
};

/// The fields of a form that a draft keeps.
const FIELDS: &str = "input[name]:not([type=password]):not([type=submit]), textarea[name], select[name]";

/// How long after a click or a submission the page may be left.
const LEAVING: Duration = Duration::from_secs(2);

/// A form with a draft.
#[derive(Clone)]
struct Form {
    element: Element,
    /// The fields as the server rendered them.
    initial: UrlSearchParams,
}

pub fn start() {
    forget_what_was_sent();
    let forms: Vec<Form> = all(&document(), "form[data-draft]").into_iter().filter_map(Form::open).collect();
    if forms.is_empty() {
        return;
    }
    let forms = Rc::new(forms);
    for event in ["input", "change"] {
        let forms = forms.clone();
        on(&document(), event, move |event| {
            if let Some(form) = around(&forms, closest(&event, "form[data-draft]")) {
                form.save();
            }
        });
    }
    let here = forms.clone();
    on(&document(), "click", move |event| {
        if let Some(form) = closest(&event, "[data-start-again]").and_then(|_| around(&here, closest(&event, "form"))) {
            form.start_again();
        }
    });
    submission::start();
    guard(forms);
}

/// Deletes the drafts of forms that the desk has accepted, which it names on the next page.
fn forget_what_was_sent() {
    for sent in all(&document(), "[data-sent]") {
        delete(&attribute(&sent, "data-sent"));
    }
}

fn around(forms: &[Form], element: Option<Element>) -> Option<&Form> {
    let element = element?;
    forms.iter().find(|form| form.element == element)
}

impl Form {
    /// Restores the draft of the form, unless the desk shows the form again with what was sent.
    fn open(element: Element) -> Option<Self> {
        let form = Self { initial: read(&element)?, element };
        if form.element.has_attribute("data-sent-before") {
            form.keep(&form.initial);
            return Some(form);
        }
        if let Some(draft) = stored(&form.name()).filter(|draft| form.differs(draft)) {
            write(&form.element, &draft);
            form.show_note(true);
        }
        Some(form)
    }

    fn name(&self) -> String {
        attribute(&self.element, "data-draft")
    }

    /// Keeps what is in the form now.
    fn save(&self) {
        if let Some(now) = read(&self.element) {
            if self.differs(&now) || self.element.has_attribute("data-sent-before") {
                self.keep(&now);
            } else {
                delete(&self.name());
            }
        }
    }

    fn keep(&self, fields: &UrlSearchParams) {
        if let Some(storage) = storage() {
            // Fails if the storage is full. The form then has no draft.
            let _ = storage.set_item(&key(&self.name()), &text(fields));
        }
    }

    /// Whether a person has typed or chosen something. Hidden fields are the desk's.
    fn differs(&self, fields: &UrlSearchParams) -> bool {
        all(&self.element, FIELDS).iter().any(|field| {
            let name = attribute(field, "name");
            attribute(field, "type") != "hidden" && fields.get(&name) != self.initial.get(&name)
        })
    }

    fn has_unsaved_input(&self) -> bool {
        let is_closed = self.element.class_list().contains("closed");
        let is_typed = || read(&self.element).is_some_and(|now| self.differs(&now));
        !is_closed && (self.element.has_attribute("data-sent-before") || is_typed())
    }

    fn start_again(&self) {
        write(&self.element, &self.initial);
        delete(&self.name());
        self.show_note(false);
        super::manual_valuation::refresh();
    }

    fn show_note(&self, shown: bool) {
        if let Some(note) = first(&self.element, "[data-restored]") {
            toggle(&note, "hidden", !shown);
        }
    }
}

/// Asks before the tab is closed while a form has unsaved input. The browser words the question. Leaving for another page
/// of the desk, reloading and submitting lose nothing, so they do not ask.
fn guard(forms: Rc<Vec<Form>>) {
    let stays_in_tab = Rc::new(Cell::new(false));
    let leaves = {
        let stays_in_tab = stays_in_tab.clone();
        move || {
            stays_in_tab.set(true);
            let stays_in_tab = stays_in_tab.clone();
            // A click may lead nowhere, for example to a download.
            set_timeout(move || stays_in_tab.set(false), LEAVING);
        }
    };
    let by_link = leaves.clone();
    on(&document(), "click", move |event| {
        if closest(&event, "a[href^=\"/\"]").is_some() {
            by_link();
        }
    });
    let by_form = leaves.clone();
    on(&document(), "submit", move |_| by_form());
    on(&window(), "keydown", move |event| {
        let key: &KeyboardEvent = event.unchecked_ref();
        if key.key() == "F5" || (key.ctrl_key() || key.meta_key()) && key.key() == "r" {
            leaves();
        }
    });
    on(&window(), "beforeunload", move |event| {
        if !stays_in_tab.get() && !submission::is_leaving() && forms.iter().any(Form::has_unsaved_input) {
            event.prevent_default();
            // Some browsers ask only if this is set.
            event.unchecked_ref::<BeforeUnloadEvent>().set_return_value("unsaved");
        }
    });
}

/// The fields of a form. A radio button counts if it is chosen.
fn read(form: &Element) -> Option<UrlSearchParams> {
    let fields = UrlSearchParams::new().ok()?;
    for field in all(form, FIELDS) {
        if is_chosen(&field) != Some(false) {
            fields.append(&attribute(&field, "name"), &value(&field));
        }
    }
    Some(fields)
}

fn write(form: &Element, fields: &UrlSearchParams) {
    for field in all(form, FIELDS) {
        let kept = fields.get(&attribute(&field, "name"));
        match (is_chosen(&field), kept) {
            (Some(_), kept) => choose(&field, kept == Some(value(&field))),
            (None, Some(kept)) => set_value(&field, &kept),
            (None, None) => {}
        }
    }
}

fn text(fields: &UrlSearchParams) -> String {
    let fields: &JsValue = fields.as_ref();
    String::from(fields.unchecked_ref::<js_sys::Object>().to_string())
}

fn stored(name: &str) -> Option<UrlSearchParams> {
    UrlSearchParams::new_with_str(&storage()?.get_item(&key(name)).ok()??).ok()
}

fn delete(name: &str) {
    if let Some(storage) = storage() {
        let _ = storage.remove_item(&key(name));
    }
}

fn key(name: &str) -> String {
    format!("draft:{name}")
}

/// `None` if the person's settings forbid it.
fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}
