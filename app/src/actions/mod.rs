//! The actions of the desk: server functions behind plain `<form method="post">`, which work the same with and without
//! script.
//!
//! Each validates its form, calls the desk, and redirects to a page. A rejected form is kept in the session, and its
//! page shows it again.

mod answer_manual_valuation;
mod choose_theme;
mod dismiss_execution;
mod submit_application;

pub use answer_manual_valuation::{browser_draft_name, draft_name};

use axum::http::StatusCode;
use leptos::prelude::ServerFnError;

use crate::{
    desk::DeskError,
    forms::{FieldError, sentence},
    request,
};

/// An error of the form as a whole, shown only in the error summary.
fn whole_form(error: &DeskError) -> Vec<FieldError> {
    vec![FieldError { field: String::new(), message: sentence(&error.to_string()) }]
}

/// The error for a session that could not be written. The form cannot be shown again, but the browser still has what
/// was typed. The action may already have been recorded, so the response is the page of [`crate::Unanswered`].
fn cannot_remember(error: DeskError) -> ServerFnError {
    request::set_status(StatusCode::SERVICE_UNAVAILABLE);
    ServerFnError::ServerError(error.to_string())
}
