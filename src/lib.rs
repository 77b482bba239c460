//! The browser's half of the loan desk: wakes the islands of the page it is loaded into.

// The islands are reached by name from the page, never from here: without this they would be stripped.
use app as _;

/// Called by the script in every page's head, before any island is woken.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
