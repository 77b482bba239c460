//! Failures that are logged once and not with each new try.

use std::fmt::Display;

/// Logs a failure when it begins, when it becomes another, and when it is over.
#[derive(Debug)]
pub struct Troubles {
    /// What fails, as a sentence without its end: `the read model cannot follow the tables`.
    what: &'static str,
    logged: Option<String>,
}

impl Troubles {
    pub fn with(what: &'static str) -> Self {
        Self { what, logged: None }
    }

    pub fn failed(&mut self, error: &impl Display) {
        let error = error.to_string();
        if self.logged.as_ref() != Some(&error) {
            tracing::warn!(error, "{}; it tries again every second", self.what);
            self.logged = Some(error);
        }
    }

    pub fn worked(&mut self) {
        if self.logged.take().is_some() {
            tracing::info!("no longer: {}", self.what);
        }
    }
}
