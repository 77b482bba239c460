//! What people see of the loan desk: pages, components, islands, server functions, and the port they call.
//!
//! This crate knows nothing of AWS or of the server. What it needs done it asks of the [`desk::Desk`] in Leptos
//! context; the server implements that trait.

pub mod desk;
pub mod domain;
