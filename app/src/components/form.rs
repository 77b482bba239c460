//! The fields of a form, in GOV.UK's pattern: label above, hint under it, error above the input, and one summary on top
//! whose links lead to the fields.
//!
//! The fields are type-erased (`into_any`): a form of many of them would otherwise be a type too deep to compile.

use leptos::prelude::*;

use super::{Glyph, Icon};
use crate::forms::FieldError;

/// What is wrong with the form, on top of its page; takes the focus, also without script.
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
    /// Also the `id`, to which the error summary leads.
    name: &'static str,
    label: &'static str,
    value: String,
    error: Option<String>,
    #[prop(optional, into)] hint: Option<String>,
    /// Shown before the input, as `£`.
    #[prop(optional)]
    prefix: Option<&'static str>,
    /// Shown behind it, as `years`.
    #[prop(optional)]
    suffix: Option<&'static str>,
    /// `text` unless told.
    #[prop(default = "text")]
    kind: &'static str,
    /// A width that tells how long the answer is: `narrow`, `medium`; else the whole column.
    #[prop(default = "")]
    width: &'static str,
    #[prop(optional)] inputmode: Option<&'static str>,
    #[prop(default = "off")] autocomplete: &'static str,
    /// The last day, for `kind="date"`.
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
                // A browser drops the first line break of a text area, so one is put there for it to drop.
                <textarea id=name name=name rows="3" aria-describedby=described_by aria-invalid=invalid>
                    {format!("\n{value}")}
                </textarea>
            </div>
        </div>
    }
    .into_any()
}

/// A choice of one.
#[derive(Debug, Clone)]
pub struct Choice {
    pub key: &'static str,
    pub label: String,
}

/// A question with radio buttons. The first one has the field's name as its `id`, for the error summary.
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
