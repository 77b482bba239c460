//! What the tests share: desks in processes of their own, a browser without script, a valuation service that does what
//! a test tells it.

mod browser;
mod desk;
mod executions;
pub mod html;
mod process;
mod valuer;

use std::time::{Duration, Instant};

pub use browser::{Browser, Page};
pub use desk::{Answer, Desk, Setup, seed};
pub use executions::kinds;
pub use process::Process;
pub use valuer::{BUSY, HELD, SAME_REFERENCE, SILENT, Valuer};

/// How long anything may take before a test gives up: far longer than it does, as nothing is waited for longer than it
/// takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until there is something to see. `what` is said when there never is.
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
