//! Refusals and errors, in the form that suits who asked: problem+json for programs, pages for people.
//!
//! Handlers return a [`Problem`]. Layers convert what the router, its layers and Leptos answer by themselves:
//! [`refuse_as_problem`] around the routes for programs, [`refuse_as_page`] and [`render_server_errors`] around the pages.
//! The texts of the pages are in `app/src/pages/problem.rs`.

mod machines;
mod pages;
mod problem;

use std::any::Any;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::supervision;

pub use machines::refuse_as_problem;
pub use pages::{Rendering, refuse_as_page, render_server_errors};
pub use problem::Problem;

/// The response to a request whose handler panicked.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    tracing::error!(panic = supervision::panic_message(&*panic), "a request panicked");
    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
