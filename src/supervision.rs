//! Tasks that go on for as long as the desk is open: one that panics begins anew, and the log says so.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use crate::clock::Clock;

/// Runs a task, and runs it again `rest` after it has panicked. What it leaves behind is in the tables, so nothing of it
/// can be half done in memory.
pub async fn supervised<F: Future<Output = ()>>(
    name: &'static str,
    clock: Clock,
    rest: Duration,
    task: impl Fn() -> F,
) {
    while let Err(panic) = AssertUnwindSafe(async { task().await }).catch_unwind().await {
        tracing::error!(task = name, what = what(&*panic), "a task panicked; it begins anew");
        clock.sleep(rest).await;
    }
}

/// What a panic said.
pub fn what(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_begins_anew_until_it_ends() {
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
    fn a_panic_is_told_in_its_own_words() {
        assert_eq!(what(&"static"), "static");
        assert_eq!(what(&"made".to_owned()), "made");
        assert_eq!(what(&1), "unknown");
    }
}
