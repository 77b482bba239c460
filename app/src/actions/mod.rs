//! What people do at the desk: server functions behind plain `<form method="post">`, the same with script and without.
//!
//! Each reads its form, asks the desk, and sends the browser on to a page. What was not accepted is kept in the visit
//! and shown again by the page it came from.

mod answer_manual_valuation;
mod choose_theme;
mod submit_application;

pub use answer_manual_valuation::draft_name;
use axum::http::StatusCode;
use leptos::prelude::ServerFnError;

use crate::{
    desk::DeskError,
    forms::{FieldError, sentence},
    request,
};

/// An error of the form as a whole, shown in its summary only.
fn whole_form(error: &DeskError) -> Vec<FieldError> {
    vec![FieldError { field: String::new(), message: sentence(&error.to_string()) }]
}

/// The visit itself could not be written: nothing can be shown again, but the browser still has what was typed. What was
/// sent may have been recorded before, so the person gets the page of [`crate::Unanswered`].
fn cannot_remember(error: DeskError) -> ServerFnError {
    request::set_status(StatusCode::SERVICE_UNAVAILABLE);
    ServerFnError::ServerError(error.to_string())
}
