//! The loan desk.
//!
//! With the feature `ssr` this is the server. It keeps all of its data in AWS, which can be embedded in the process
//! (see [`aws`]). The binary is a thin wrapper around this library, so that tests can open a desk in-process. With the
//! feature `hydrate` this is the client, which hydrates the islands of a page and contains no server code.

#[cfg(feature = "ssr")]
mod api;
#[cfg(feature = "ssr")]
mod applications;
#[cfg(feature = "ssr")]
pub mod aws;
#[cfg(feature = "ssr")]
mod callbacks;
#[cfg(feature = "ssr")]
mod changes;
#[cfg(feature = "ssr")]
pub mod clock;
#[cfg(feature = "ssr")]
pub mod config;
#[cfg(feature = "ssr")]
mod connections;
#[cfg(feature = "ssr")]
mod deploy;
#[cfg(feature = "ssr")]
mod desk;
#[cfg(feature = "ssr")]
mod export;
#[cfg(feature = "ssr")]
mod functions;
#[cfg(feature = "ssr")]
mod health;
#[cfg(feature = "ssr")]
mod integrations;
#[cfg(feature = "ssr")]
mod invocation;
#[cfg(feature = "ssr")]
mod item;
#[cfg(feature = "ssr")]
mod lease;
#[cfg(feature = "ssr")]
mod limits;
#[cfg(feature = "ssr")]
mod live;
#[cfg(feature = "ssr")]
pub mod logging;
#[cfg(feature = "ssr")]
mod masking;
#[cfg(feature = "ssr")]
mod mock_valuer;
#[cfg(feature = "ssr")]
pub mod opening;
#[cfg(feature = "ssr")]
mod orphans;
#[cfg(feature = "ssr")]
pub mod outbound;
#[cfg(feature = "ssr")]
mod pairing;
#[cfg(feature = "ssr")]
mod random;
#[cfg(feature = "ssr")]
mod read_model;
#[cfg(feature = "ssr")]
mod reconcile;
#[cfg(feature = "ssr")]
mod refusals;
#[cfg(feature = "ssr")]
pub mod routes;
#[cfg(feature = "ssr")]
mod security;
#[cfg(feature = "ssr")]
pub mod server;
#[cfg(feature = "ssr")]
pub mod services;
#[cfg(feature = "ssr")]
mod sessions;
#[cfg(feature = "ssr")]
mod settings;
#[cfg(feature = "ssr")]
mod signing;
#[cfg(feature = "ssr")]
mod story;
#[cfg(feature = "ssr")]
mod supervision;
#[cfg(feature = "ssr")]
mod tables;
#[cfg(feature = "ssr")]
mod tasks;
#[cfg(feature = "ssr")]
mod valuation;
#[cfg(feature = "ssr")]
mod web;
#[cfg(feature = "ssr")]
mod workflow;
#[cfg(feature = "ssr")]
mod writes;

// The page calls the islands by name, so without this import they would be stripped.
use app as _;
#[cfg(feature = "ssr")]
use app::timestamp;

/// Called by the script in the head of every page, before the islands are hydrated.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
