//! The words of the business as types: each is right by construction.

mod application;
mod loan_to_value;
mod money;
mod postcode;
mod reference;
mod status;

pub use application::{LoanApplication, Property};
pub use loan_to_value::{loan_to_value, percent_in_words};
pub use money::{Money, MoneyError};
pub use postcode::{Postcode, PostcodeError};
pub use reference::{ApplicationReference, ReferenceError};
pub use status::{ApplicationStatus, Tone};
