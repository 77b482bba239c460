//! Background tasks that run as long as the desk is open. A task that panics is restarted.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use crate::clock::Clock;

/// Runs a task, and restarts it after `rest` if it panics. Restarting is safe because tasks keep their state in the
/// tables, not in memory.
pub async fn supervised<F: Future<Output = ()>>(
    name: &'static str,
    clock: Clock,
    rest: Duration,
    task: impl Fn() -> F,
) {
    while let Err(panic) = AssertUnwindSafe(async { task().await }).catch_unwind().await {
        tracing::error!(task = name, panic = panic_message(&*panic), "a background task panicked; restarting it");
        clock.sleep(rest).await;
    }
}

/// The message of a panic.
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_is_restarted_until_it_ends_without_a_panic() {
        let runs = AtomicUsize::new(0);
        let task = || async {
            match runs.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("at once"),
                1 => {
                    tokio::task::yield_now().await;
                    panic!("{}", "later")
                }
                _ => {}
            }
        };
        supervised("test", Clock::system(), Duration::ZERO, task).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn the_message_of_a_panic_is_read() {
        assert_eq!(panic_message(&"static"), "static");
        assert_eq!(panic_message(&"made".to_owned()), "made");
        assert_eq!(panic_message(&1), "unknown");
    }
}
