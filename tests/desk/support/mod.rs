//! Test support: desk processes, a browser without script, and a valuation service that tests control.

mod browser;
mod desk;
mod executions;
pub mod html;
mod process;
mod valuer;

use std::time::{Duration, Instant};

pub use browser::{Browser, Page};
pub use desk::{Answer, Desk, Setup, seed};
pub use executions::{kinds, state_machine};
pub use process::Process;
pub use valuer::{BUSY, HELD, SAME_REFERENCE, SILENT, Valuer};

/// The time after which a test gives up. It is generous, because tests proceed as soon as their condition holds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls `look` repeatedly until it returns a value. Panics with `what` if it never does.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let given_up = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < given_up, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
