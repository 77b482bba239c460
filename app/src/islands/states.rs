//! The states of a graph: a click selects one without loading the page, and arrow keys move between them. Without script
//! they are ordinary links.

use leptos::{ev, prelude::*};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, HtmlElement};

use super::elements::all;

/// `fetch` updates the page to its new address.
pub fn start(fetch: impl Fn() + Clone + 'static) {
    let select = fetch.clone();
    let clicks = window_event_listener(ev::click, move |event| {
        let has_other_meaning = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
        let link = closest(&event, "a[data-in-place]").filter(|_| !has_other_meaning && event.button() == 0);
        let Some(address) = link.and_then(|link| link.get_attribute("href")) else { return };
        let pushed =
            window().history().and_then(|history| history.push_state_with_url(&JsValue::NULL, "", Some(&address)));
        // If the address cannot be changed, the browser follows the link.
        if pushed.is_ok() {
            event.prevent_default();
            select();
        }
    });
    let moves = window_event_listener(ev::popstate, move |_| fetch());
    let keys = window_event_listener(ev::keydown, |event| {
        let Some(direction) = direction(&event.key()) else { return };
        if event.ctrl_key() || event.meta_key() || event.alt_key() || event.shift_key() {
            return;
        }
        let Some(link) = closest(&event, "[data-arrow-keys] a") else { return };
        event.prevent_default();
        if let Some(next) = neighbour(&link, direction) {
            // SVG elements have these methods too.
            let next = next.unchecked_into::<HtmlElement>();
            let _ = next.focus();
            if let Ok(click) = web_sys::MouseEvent::new_with_mouse_event_init_dict("click", &click_of_a_person()) {
                let _ = next.dispatch_event(&click);
            }
        }
    });
    // The listeners stay active for the lifetime of the page.
    std::mem::forget((clicks, moves, keys));
}

fn click_of_a_person() -> web_sys::MouseEventInit {
    let init = web_sys::MouseEventInit::new();
    init.set_bubbles(true);
    init.set_cancelable(true);
    init
}

fn closest(event: &Event, selector: &str) -> Option<Element> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    target.closest(selector).ok().flatten()
}

fn direction(key: &str) -> Option<(f64, f64)> {
    match key {
        "ArrowUp" => Some((0.0, -1.0)),
        "ArrowDown" => Some((0.0, 1.0)),
        "ArrowLeft" => Some((-1.0, 0.0)),
        "ArrowRight" => Some((1.0, 0.0)),
        _ => None,
    }
}

/// The nearest state in this direction. A state that lies straight ahead is nearer than one that lies to the side.
fn neighbour(link: &Element, (dx, dy): (f64, f64)) -> Option<Element> {
    let graph = link.closest("[data-arrow-keys]").ok().flatten()?;
    let (x, y) = middle(link);
    let others = all(&graph, "a").into_iter().filter(|other| other != link);
    let distances = others.filter_map(|other| {
        let (other_x, other_y) = middle(&other);
        let (along, across) =
            ((other_x - x) * dx + (other_y - y) * dy, ((other_x - x) * dy - (other_y - y) * dx).abs());
        (along > 1.0).then_some((along + 2.0 * across, other))
    });
    distances.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, nearest)| nearest)
}

fn middle(element: &Element) -> (f64, f64) {
    let rect = element.get_bounding_client_rect();
    (rect.x() + rect.width() / 2.0, rect.y() + rect.height() / 2.0)
}
