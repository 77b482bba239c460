//! What the tests share: a desk in this process, and everything around it that a test controls.

mod clock;
mod connector;
mod valuer;
mod world;

pub use clock::ManualClock;
pub use connector::{Fault, Faults};
pub use valuer::{Answers, Valuer};
pub use world::{MANUAL_TIMEOUT, Template, VALUATION_TIMEOUT, World};
