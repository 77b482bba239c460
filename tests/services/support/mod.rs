//! What the tests share: a desk in this process, and everything around it that a test controls.

use serde_json::{Value, json};

mod clock;
mod connector;
mod faults;
mod second;
mod valuer;
mod world;

pub use clock::ManualClock;
pub use faults::{Fault, Faults};
pub use second::SecondDesk;
pub use valuer::{Accepted, Answers, VALUE, Valuer};
pub use world::{MANUAL_TIMEOUT, Template, VALUATION_TIMEOUT, World};

/// Runs a test on a thread with a large stack. Without optimisation the futures of a desk and of the SDK are polled on
/// stack frames that do not fit into the 2 MiB of a test's own thread.
pub fn on_a_deep_stack(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(16 * 1024 * 1024).spawn_scoped(scope, test);
        if let Err(panic) = thread.expect("a thread").join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Runs a test with a desk in this process. Calls are counted from its start.
pub fn with_a_desk(answers: Answers, test: impl AsyncFnOnce(World) + Send) {
    on_a_deep_stack(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::new(Valuer::new(answers)).await;
            world.faults.count(None);
            test(world).await;
        });
    });
}

/// An application that is approved when the valuation service values its property.
pub fn application(reference: &str) -> Value {
    json!({
        "applicationReference": reference,
        "property": { "nameOrNumber": format!("House {reference}"), "postcode": "PO1 1CE" },
        "loanAmount": 200_000,
    })
}
