//! The loan desk's user interface: pages, components, islands, server functions, and the port they call.
//!
//! Pages are rendered on the server and work without script. [`islands`], and the parts of [`domain`] that they use, are
//! also compiled for the browser.
//!
//! This crate does not depend on AWS or on the server. It calls the [`desk::Desk`] in the Leptos context, a trait that
//! the server implements.

pub mod domain;
mod gauge_scale;
pub mod islands;
mod time_words;

#[cfg(feature = "ssr")]
mod actions;
#[cfg(feature = "ssr")]
mod address;
#[cfg(feature = "ssr")]
mod components;
#[cfg(feature = "ssr")]
pub mod desk;
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
mod session;
#[cfg(feature = "ssr")]
mod shell;
#[cfg(feature = "ssr")]
mod theme;
#[cfg(feature = "ssr")]
pub mod timestamp;
#[cfg(feature = "ssr")]
mod unseen;

#[cfg(feature = "ssr")]
pub use pages::{Refused, Unanswered};
#[cfg(feature = "ssr")]
pub use session::actor;
#[cfg(feature = "ssr")]
pub use shell::{App, refused_shell, shell};
#[cfg(feature = "ssr")]
pub use time_words::spelled_out;
#[cfg(feature = "ssr")]
pub use unseen::is_unseen;
