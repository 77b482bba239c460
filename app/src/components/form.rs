//! Form fields in the GOV.UK pattern: the label on top, then the hint, the error and the input. An error summary at the
//! top of the page links to the fields.
//!
//! The fields are type-erased with `into_any`, because the type of a form with many fields would otherwise be too deep
//! to compile.

use leptos::prelude::*;

use super::{Glyph, Icon};
use crate::forms::FieldError;

/// The error summary. It takes the focus, with and without script.
#[component]
pub fn ErrorSummary(errors: Vec<FieldError>) -> impl IntoView {
    (!errors.is_empty()).then(|| {
        let errors = errors.into_iter().map(|FieldError { field, message }| {
            if field.is_empty() {
                view! { <li>{message}</li> }.into_any()
            } else {
                view! { <li><a href=format!("#{field}")>{message}</a></li> }.into_any()
            }
        });
        view! {
            <div class="error-summary" role="alert" tabindex="-1" autofocus aria-labelledby="error-summary-title">
                <h2 id="error-summary-title">"There is a problem"</h2>
                <ul>{errors.collect_view()}</ul>
            </div>
        }
    })
}

/// One line of text.
#[component]
pub fn TextField(
    /// Also the `id` that the error summary links to.
    name: &'static str,
    label: &'static str,
    value: String,
    error: Option<String>,
    #[prop(optional, into)] hint: Option<String>,
    /// Shown before the input, such as `£`.
    #[prop(optional)]
    prefix: Option<&'static str>,
    /// Shown after the input, such as `years`.
    #[prop(optional)]
    suffix: Option<&'static str>,
    /// The input's `type`.
    #[prop(default = "text")]
    kind: &'static str,
    /// A width that suggests the length of the answer: `narrow`, `medium`, or by default the whole column.
    #[prop(default = "")]
    width: &'static str,
    #[prop(optional)] inputmode: Option<&'static str>,
    #[prop(default = "off")] autocomplete: &'static str,
    /// The first valid day, for `kind="date"`.
    #[prop(optional)]
    min: Option<String>,
    /// The last valid day, for `kind="date"`.
    #[prop(optional)]
    max: Option<String>,
    #[prop(optional)] is_optional: bool,
) -> impl IntoView {
    let described_by = described_by(name, hint.is_some(), error.is_some());
    let invalid = error.is_some().then_some("true");
    view! {
        <div class=field_class(invalid.is_some())>
            <label for=name>{label} {is_optional.then(|| view! { <span class="optional">" (optional)"</span> })}</label>
            <Hint name hint/>
            <FieldMessage name error/>
            <div class=format!("input {width}")>
                {prefix.map(|text| view! { <span class="affix" aria-hidden="true">{text}</span> })}
                <input
                    id=name
                    name=name
                    type=kind
                    value=value
                    inputmode=inputmode
                    autocomplete=autocomplete
                    spellcheck="false"
                    min=min
                    max=max
                    aria-describedby=described_by
                    aria-invalid=invalid
                />
                {suffix.map(|text| view! { <span class="affix" aria-hidden="true">{text}</span> })}
            </div>
        </div>
    }
    .into_any()
}

/// Several lines of text.
#[component]
pub fn TextArea(
    name: &'static str,
    label: &'static str,
    value: String,
    error: Option<String>,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional)] is_optional: bool,
) -> impl IntoView {
    let described_by = described_by(name, hint.is_some(), error.is_some());
    let invalid = error.is_some().then_some("true");
    view! {
        <div class=field_class(invalid.is_some())>
            <label for=name>{label} {is_optional.then(|| view! { <span class="optional">" (optional)"</span> })}</label>
            <Hint name hint/>
            <FieldMessage name error/>
            <div class="input">
                // Browsers drop the first line break of a text area, so add one to keep the text intact.
                <textarea id=name name=name rows="3" aria-describedby=described_by aria-invalid=invalid>
                    {format!("\n{value}")}
                </textarea>
            </div>
        </div>
    }
    .into_any()
}

/// An option of a radio group.
#[derive(Debug, Clone)]
pub struct Choice {
    pub key: &'static str,
    pub label: String,
}

/// A group of radio buttons. The first button has the field's name as its `id`, for the error summary.
#[component]
pub fn Radios(
    name: &'static str,
    legend: &'static str,
    choices: Vec<Choice>,
    chosen: String,
    error: Option<String>,
) -> impl IntoView {
    let described_by = described_by(name, false, error.is_some());
    let class = field_class(error.is_some());
    let choices = choices.into_iter().enumerate().map(|(i, Choice { key, label })| {
        let id = if i == 0 { name.to_owned() } else { format!("{name}-{key}") };
        view! {
            <label class="radio">
                <input id=id type="radio" name=name value=key checked=chosen == key/>
                <span>{label}</span>
            </label>
        }
    });
    view! {
        <fieldset class=class aria-describedby=described_by>
            <legend>{legend}</legend>
            <FieldMessage name error/>
            <div class="radios">{choices.collect_view()}</div>
        </fieldset>
    }
    .into_any()
}

/// Says that the client script has restored a draft. It belongs into a form with `data-draft`, at the top.
#[component]
pub fn RestoredDraft() -> impl IntoView {
    view! {
        <div class="restored" role="status" hidden data-restored>
            <p>"What you had typed was restored."</p>
            <button class="button quiet small" type="button" data-start-again>"Start again"</button>
        </div>
    }
}

/// Says that the form could not be sent. It belongs into a form with `data-draft`, above the buttons.
#[component]
pub fn NotSent() -> impl IntoView {
    view! {
        <div class="notice tone-bad not-sent" role="alert" hidden data-unreachable>
            <Icon glyph=Glyph::Alert/>
            <p>"The desk cannot be reached. Nothing is lost: what you typed is still here. Send it again in a moment."</p>
        </div>
    }
}

#[component]
fn Hint(name: &'static str, hint: Option<String>) -> impl IntoView {
    hint.map(|hint| view! { <p class="hint" id=format!("{name}-hint")>{hint}</p> })
}

#[component]
fn FieldMessage(name: &'static str, error: Option<String>) -> impl IntoView {
    error.map(|error| {
        view! {
            <p class="field-error" id=format!("{name}-error")>
                <Icon glyph=Glyph::Alert/>
                <span><span class="visually-hidden">"Error: "</span>{error}</span>
            </p>
        }
    })
}

fn field_class(is_wrong: bool) -> &'static str {
    if is_wrong { "field invalid" } else { "field" }
}

fn described_by(name: &str, hint: bool, error: bool) -> Option<String> {
    match (hint, error) {
        (true, true) => Some(format!("{name}-hint {name}-error")),
        (true, false) => Some(format!("{name}-hint")),
        (false, true) => Some(format!("{name}-error")),
        (false, false) => None,
    }
}
