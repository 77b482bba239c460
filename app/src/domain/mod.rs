//! The words of the business as types: each is right by construction.

mod application;
mod money;
mod postcode;
mod reference;
mod status;

pub use application::{LoanApplication, Property};
pub use money::{Money, MoneyError};
pub use postcode::{Postcode, PostcodeError};
pub use reference::{ApplicationReference, ReferenceError};
pub use status::{ApplicationStatus, Tone};
