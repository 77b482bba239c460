//! What people see of the loan desk: pages, components, islands, server functions, and the port they call.
//!
//! Pages are rendered on the server and work as they are; only [`islands`] is compiled for the browser as well.
//!
//! This crate knows nothing of AWS or of the server. What it needs done it asks of the [`desk::Desk`] in Leptos
//! context; the server implements that trait.

pub mod islands;
mod time_words;

#[cfg(feature = "ssr")]
mod actions;
#[cfg(feature = "ssr")]
mod components;
#[cfg(feature = "ssr")]
pub mod desk;
#[cfg(feature = "ssr")]
pub mod domain;
#[cfg(feature = "ssr")]
mod forms;
#[cfg(feature = "ssr")]
mod frame;
#[cfg(feature = "ssr")]
mod graph;
#[cfg(feature = "ssr")]
mod pages;
#[cfg(feature = "ssr")]
mod request;
#[cfg(feature = "ssr")]
mod shell;
#[cfg(feature = "ssr")]
mod theme;
#[cfg(feature = "ssr")]
mod visit;

#[cfg(feature = "ssr")]
pub use pages::{Refused, Unanswered};
#[cfg(feature = "ssr")]
pub use request::is_unseen;
#[cfg(feature = "ssr")]
pub use shell::{App, refused_shell, shell};
#[cfg(feature = "ssr")]
pub use visit::actor;
