//! Keeps times and deadlines current, and shows them in the viewer's time zone.

use std::time::Duration;

use js_sys::{Date, JSON};
use leptos::prelude::*;
use wasm_bindgen::JsValue;
use web_sys::{Element, Node};

use super::elements::all;
use crate::time_words;

const EXACT: &str = r#"{"day":"numeric","month":"long","year":"numeric","hour":"2-digit","minute":"2-digit","second":"2-digit","timeZoneName":"short"}"#;
const MINUTE: &str =
    r#"{"day":"numeric","month":"short","year":"numeric","hour":"2-digit","minute":"2-digit","hourCycle":"h23"}"#;
const SECOND: &str = r#"{"day":"numeric","month":"short","year":"numeric","hour":"2-digit","minute":"2-digit","second":"2-digit","hourCycle":"h23"}"#;
const TIME: &str = r#"{"hour":"2-digit","minute":"2-digit","hourCycle":"h23"}"#;
const CLOCK: &str =
    r#"{"hour":"2-digit","minute":"2-digit","second":"2-digit","fractionalSecondDigits":3,"hourCycle":"h23"}"#;
const TIME_OF_DAY: &str = r#"{"hour":"2-digit","minute":"2-digit","second":"2-digit","hourCycle":"h23"}"#;

/// Updates the page every second from now on.
pub fn start() {
    localize_times(&document());
    set_interval(|| tick(&document()), Duration::from_secs(1));
}

/// Rewrites every time below `within` in the viewer's format and zone.
pub fn localize_times(within: &impl AsRef<Node>) {
    for time in all(within, "time[data-when]") {
        let at = instant(&time);
        set_attribute(&time, "title", &local(&at, EXACT));
        match time.get_attribute("data-when").as_deref() {
            Some("minute") => time.set_text_content(Some(&local(&at, MINUTE))),
            Some("second") => time.set_text_content(Some(&local(&at, SECOND))),
            Some("time") => time.set_text_content(Some(&local(&at, TIME))),
            Some("time-with-seconds") => time.set_text_content(Some(&local(&at, TIME_OF_DAY))),
            Some("clock") => time.set_text_content(Some(&local(&at, CLOCK))),
            _ => {}
        }
    }
    tick(within);
}

/// The current local time, `14:31:07`.
pub fn time_of_day() -> String {
    local(&Date::new_0(), TIME_OF_DAY)
}

/// Updates what depends on the current time: relative times and the bars of deadlines.
fn tick(within: &impl AsRef<Node>) {
    let now = Date::now() as i64;
    for time in all(within, "time[data-when=relative], time[data-when=elapsed]") {
        let then = instant(&time).get_time() as i64;
        let is_elapsed = time.get_attribute("data-when").as_deref() == Some("elapsed");
        let words = if is_elapsed { time_words::elapsed(now, then) } else { time_words::relative(now, then) };
        if time.text_content().as_ref() != Some(&words) {
            time.set_text_content(Some(&words));
        }
    }
    for bar in all(within, "rect[data-until]") {
        let number = |name| bar.get_attribute(name).and_then(|value| value.parse().ok()).unwrap_or_default();
        let passed = time_words::share_passed(now, number("data-from"), number("data-until")).to_string();
        if bar.get_attribute("width").as_ref() != Some(&passed) {
            set_attribute(&bar, "width", &passed);
        }
        if number("data-until") < now {
            mark_overdue(&bar);
        }
    }
}

/// Marks the deadline of this bar as overdue, like the server does once it has passed.
fn mark_overdue(bar: &Element) {
    let Ok(Some(deadline)) = bar.closest(".deadline:not(.overdue)") else { return };
    set_attribute(&deadline, "class", "deadline overdue");
    for said in all(&deadline, ".when-overdue") {
        // Infallible: removing a missing attribute is not an error.
        let _ = said.remove_attribute("hidden");
    }
    for said in all(&deadline, ".when-in-time") {
        set_attribute(&said, "hidden", "");
    }
}

fn instant(time: &Element) -> Date {
    Date::new(&JsValue::from_str(&time.get_attribute("datetime").unwrap_or_default()))
}

fn local(at: &Date, options: &str) -> String {
    let options = JSON::parse(options).unwrap_or(JsValue::UNDEFINED);
    String::from(at.to_locale_string("en-GB", &options))
}

fn set_attribute(element: &Element, name: &str, value: &str) {
    // Fails only for an invalid attribute name.
    let _ = element.set_attribute(name, value);
}
