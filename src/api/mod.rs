//! The API: `/api/applications`. (The webhook for the valuation service is in [`crate::callbacks`].)
//!
//! All errors are problem+json, including those of requests that reach no handler (see [`crate::refusals`]).

mod applications;
mod json;
mod submission;

use axum::{Router, response::IntoResponse, routing::any};

pub use applications::router as applications;
pub use json::{JsonBody, is_json};

use crate::refusals::Problem;

/// Answers requests to unknown addresses below `/api`.
pub fn fallback() -> Router {
    let nothing = || async { Problem::not_found("There is nothing at this address.").into_response() };
    Router::new().route("/api", any(nothing)).route("/api/{*rest}", any(nothing))
}
